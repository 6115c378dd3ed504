"""A model file says what torch says, for every photo, or it is not written."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper
from typer.testing import CliRunner

import onedepth
from onedepth.apps.cli import app
from onedepth.errors import ConfigError, ImageError, ModelFileError
from onedepth.networks import DepthNet, NetworkConfig, load_checkpoint
from onedepth.predict.modelfile import open_session, read_info
from onedepth.train.export import Request, command, export_checkpoint, graph, torch_reference, verify
from onedepth.train.export.network import export_network


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> DepthNet:
    return load_checkpoint(checkpoint)


@pytest.fixture
def no_torch_export(monkeypatch: pytest.MonkeyPatch, exported: onnx.ModelProto) -> None:
    monkeypatch.setattr(command, "export_network", lambda network: exported)
    monkeypatch.setattr(
        command, "EXAMPLES", Path("no such folder")
    )  # generated pictures are enough and quick


@pytest.fixture(scope="module")
def model(exported: onnx.ModelProto, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "export_network", lambda network: exported)
        path = tmp_path_factory.mktemp("model") / "small.onnx"
        return export_checkpoint(Request(checkpoint=checkpoint, output=path)).path


@pytest.fixture(scope="module")
def predict(model: Path) -> Callable[..., np.ndarray]:
    session = open_session(model, "cpu", threads=1)

    def run(pixels: np.ndarray, fx: float, fy: float) -> np.ndarray:
        return session.run(None, {"image": pixels, "focal": np.array([fx, fy], np.float32)})[0]

    return run


sides = st.integers(1, 300)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width=sides, height=sides, fx=st.floats(20, 2000), fy=st.floats(20, 2000))
def test_every_photo_means_the_same_in_the_file_as_in_torch(predict, network, width, height, fx, fy):
    flat = verify.textured_photo((width, height), seed=1)
    flat[:] = flat[:1, :1]  # resizing a flat photo rounds nothing, so the whole path can be compared tightly
    depth = predict(flat, fx, fy)
    wanted = torch_reference(network, torch.tensor(flat), (fx, fy)).numpy()
    assert depth.shape == (height, width)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, wanted, rtol=1e-3)


def test_compared_pictures_differ_little_and_are_not_flat(model, network, predict):
    photos = verify.generated_photos(network.config)
    assert all(found.within(verify.TOLERANCE) for found in verify.compare(model, network, photos))
    depth = predict(dict(photos)["generated 640x480"], 500, 500)
    assert depth.std() / depth.mean() > 0.01


def test_the_input_size_is_the_one_training_chooses(exported, tmp_path):
    sizes = ((384, 128), (96, 64), (64, 96), (64, 64), (128, 384), (160, 64))
    config = NetworkConfig(encoder="test_resnet", input_sizes=sizes)
    chosen = _size_chooser(config, tmp_path)
    rng = np.random.default_rng(0)
    photos = np.exp(rng.uniform(0, np.log(3000), (300, 2))).astype(int)
    for width, height in [*photos, *sizes, (4032, 3024), (1, 1), (1, 3000), (3000, 1)]:
        assert chosen(int(width), int(height)) == config.nearest_size(int(width), int(height))


@pytest.mark.parametrize("sizes", [((96, 64), (64, 96)), ((64, 96), (96, 64))])
def test_of_two_sizes_equally_near_the_first_is_taken(sizes, tmp_path):
    chosen = _size_chooser(NetworkConfig(encoder="test_resnet", input_sizes=sizes), tmp_path)
    assert {chosen(side, side) for side in (1, 7, 100, 333)} == {sizes[0]}
    assert NetworkConfig(input_sizes=sizes).nearest_size(7, 7) == sizes[0]


def test_the_image_route_resizes_to_the_canonical_focal_as_training_does(tmp_path):
    config = NetworkConfig(canonical="cstm_image", canonical_focal=250.0, pixel_budget=300 * 300)
    chosen = _size_chooser(config, tmp_path)
    rng = np.random.default_rng(0)
    for width, height in np.exp(rng.uniform(0, np.log(3000), (200, 2))).astype(int):
        focal = float(np.float32(np.exp(rng.uniform(3, 9))))
        assert chosen(int(width), int(height), focal) == config.input_size(int(width), int(height), focal)


def _size_chooser(config: NetworkConfig, folder: Path) -> Callable[[int, int], tuple[int, int]]:
    """The part of the graph that chooses, fed with photos that have no pixels to resize."""
    import onnxruntime as ort

    model = onnx.parser.parse_model(graph.graph_text(config))
    model.graph.initializer.extend(graph._constants(config))
    last = next(i for i, node in enumerate(model.graph.node) if "input_size" in node.output)
    kept = list(model.graph.node)[: last + 1]
    del model.graph.node[:], model.graph.output[:], model.opset_import[1:]
    model.graph.node.extend(kept)
    model.graph.output.append(helper.make_tensor_value_info("input_size", onnx.TensorProto.INT64, [2]))
    session = ort.InferenceSession(model.SerializeToString())

    def choose(width: int, height: int, focal: float = 100.0) -> tuple[int, int]:
        inputs = {"image": np.zeros((height, width, 3), np.uint8), "focal": np.full(2, focal, np.float32)}
        rows, columns = session.run(None, inputs)[0]
        return int(columns), int(rows)

    return choose


def test_depth_is_proportional_to_the_focal_length(predict):
    pixels = verify.textured_photo((90, 70), seed=2)
    np.testing.assert_allclose(predict(pixels, 200, 160), 2 * predict(pixels, 100, 80), rtol=1e-5)
    np.testing.assert_allclose(predict(pixels, 200, 80), predict(pixels, 80, 200), rtol=1e-5)


def test_a_resized_photo_with_its_focal_resized_keeps_its_metres(predict):
    def slope(width: int, height: int) -> np.ndarray:
        u, v = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        values = np.stack(np.broadcast_arrays(200 * u, 200 * v[:, None], 100 + 0 * u), axis=-1)
        return np.rint(values).astype(np.uint8)

    small, large = predict(slope(120, 80), 100, 110), predict(slope(480, 320), 400, 440)
    np.testing.assert_allclose(np.median(small), np.median(large), rtol=0.02)
    np.testing.assert_allclose(small, large[2::4, 2::4], rtol=0.1)


def test_metadata_tell_what_the_checkpoint_is(model, network):
    info = read_info(open_session(model, "cpu"), model)
    assert (info.name, info.licence, info.training_data) == ("small", "CC0-1.0", ("rooms", "streets"))
    assert info.input_sizes == network.config.input_sizes
    assert info.canonical_focal == 50.0
    assert info.parameters == sum(p.numel() for p in network.parameters())
    assert NetworkConfig.model_validate(dict(info.network)) == network.config


def test_the_request_outranks_the_recipe(network, checkpoint):
    request = Request(
        checkpoint=checkpoint, output=Path("file.onnx"), name="mine", licence="MIT", version="3"
    )
    info = command.describe(network, {"recipe": {"name": "other", "licence": "CC0-1.0"}}, request)
    assert (info.name, info.licence, info.version, info.training_data) == ("mine", "MIT", "3", ())
    bare = command.describe(network, {}, Request(checkpoint=checkpoint, output=Path("file.onnx")))
    assert (bare.name, bare.licence) == ("file", "unspecified")


def test_the_file_is_whole_and_tells_nothing_of_the_machine(model):
    proto = onnx.load(model)
    onnx.checker.check_model(proto, full_check=True)
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", 18)]
    assert not any(n.doc_string or n.metadata_props or n.name.startswith("/") for n in proto.graph.node)
    assert "BatchNormalization" not in {node.op_type for node in proto.graph.node}
    content = model.read_bytes()
    for trace in (b"site-packages", b'File "', str(Path.home()).encode() + b"/", str(Path.cwd()).encode()):
        assert trace not in content


def test_onnxruntime_loads_it_without_a_word(model, capfd):
    import onnxruntime as ort

    ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("no_torch_export")
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("antialias: int = 1, exclude_outside: int = 1", "antialias: int = 0, exclude_outside: int = 0"),
        ("exclude_outside: int = 1", "exclude_outside: int = 0"),
        ('"half_pixel"', '"asymmetric"'),
        ("ReduceProd <keepdims: int = 0> (zoom)", "ReduceSum <keepdims: int = 0> (zoom)"),
        ("Mul (input_widths, photo_height)", "Mul (input_widths, photo_width)"),
        ("perm: ints = [2, 0, 1]", "perm: ints = [2, 1, 0]"),
    ],
)
def test_a_graph_with_one_mistake_is_refused(monkeypatch, checkpoint, tmp_path, right, wrong):
    text = graph.graph_text(NetworkConfig())
    assert right in text
    monkeypatch.setattr(graph, "graph_text", lambda config: text.replace(right, wrong))
    monkeypatch.setattr(verify, "_SIZES", ((97, 40), (240, 320)))
    with pytest.raises(ModelFileError):
        export_checkpoint(Request(checkpoint=checkpoint, output=tmp_path / "m.onnx"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_torch_export")
def test_above_the_tolerance_nothing_is_written_and_an_older_file_stays(monkeypatch, checkpoint, tmp_path):
    output = tmp_path / "m.onnx"
    output.write_bytes(b"older")
    monkeypatch.setattr(
        command,
        "compare",
        lambda *_: iter([verify.Difference(photo="one.jpg", metres=0.002, grey_levels=0)]),
    )
    request = Request(checkpoint=checkpoint, output=output, overwrite=True)
    with pytest.raises(ModelFileError, match=r"not written.*0\.002.*one\.jpg.*0\.001"):
        export_checkpoint(request)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("m.onnx", b"older")]


@pytest.mark.parametrize(("metres", "levels"), [(float("nan"), 0), (2e-3, 0), (0.0, 3)])
def test_differences_that_are_refused(metres, levels):
    assert not verify.Difference(photo="", metres=metres, grey_levels=levels).within(1e-3)


def test_a_network_of_one_size_has_one_size(write_checkpoint, tmp_path):
    path = write_checkpoint(tmp_path / "one.safetensors", input_sizes=((64, 64),))
    proto = export_network(load_checkpoint(path))
    assert [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 64, 64]


def _cli(*arguments: object):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.mark.usefixtures("no_torch_export")
def test_the_command_writes_weights_that_a_run_can_start_from(checkpoint, tmp_path):
    weights = tmp_path / "weights.safetensors"
    words = ["export", str(checkpoint), "-o", str(weights)]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.stderr
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 2
    assert "exists already; add --overwrite" in again.stderr
    other = CliRunner().invoke(app, [*words, "--overwrite", "--name", "mine"])
    assert other.exit_code == 2
    assert "only --overwrite goes with .safetensors" in other.stderr
    original, alone = load_checkpoint(checkpoint), load_checkpoint(weights)
    assert alone.config == original.config
    assert all(map(torch.equal, alone.state_dict().values(), original.state_dict().values()))


def test_command_writes_the_file_and_keeps_an_existing_one(checkpoint, tmp_path):
    output = tmp_path / "m.onnx"
    result = _cli(checkpoint, "-o", output, "--name", "mine", "--licence", "MIT")
    assert result.exit_code == 0, result.output
    written = output.read_bytes()
    again = _cli(checkpoint, "-o", output)
    assert (again.exit_code, output.read_bytes()) == (2, written)
    assert "--overwrite" in again.stderr
    info = json.loads({p.key: p.value for p in onnx.load(output).metadata_props}["onedepth"])
    assert (info["name"], info["licence"]) == ("mine", "MIT")


def _missing(path: Path) -> None:
    pass


def _truncated(path: Path) -> None:
    content = path.with_name("small.safetensors").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _not_ours(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, path)


def _not_safetensors(path: Path) -> None:
    path.write_bytes(b"once upon a time")


@pytest.mark.parametrize("make", [_missing, _truncated, _not_ours, _not_safetensors, Path.mkdir])
def test_a_checkpoint_that_is_none_is_one_line(write_checkpoint, tmp_path, make):
    write_checkpoint(tmp_path / "small.safetensors")
    path = tmp_path / "bad.safetensors"
    make(path)
    result = _cli(path, "-o", tmp_path / "m.onnx")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "bad.safetensors" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"output": Path("model.pt")}, ConfigError, r"\.onnx"),
        ({"tolerance": float("nan")}, ConfigError, "tolerance"),
        ({"tolerance": 0.0}, ConfigError, "tolerance"),
        ({"version": ""}, ConfigError, "version"),
        ({"images": [Path("missing.jpg")]}, ImageError, "missing.jpg"),
    ],
)
def test_requests_that_cannot_be_met(checkpoint, changes, error, text):
    values = {"checkpoint": checkpoint, "output": Path("m.onnx"), **changes}
    with pytest.raises(error, match=text):
        export_checkpoint(Request(**values))


@pytest.mark.parametrize(
    ("kinds", "claim"),
    [
        (("affine", "video", "coarse"), "metric"),
        (("affine", "video"), "scaled"),
        (("scaled",), "scaled"),
        (("affine",), "affine_disparity"),
    ],
)
def test_a_model_file_promises_metres_only_when_a_label_did(write_checkpoint, tmp_path, kinds, claim):
    recipe = {"sources": [{"name": kind, "kind": kind} for kind in kinds]}
    path = write_checkpoint(tmp_path / "any.safetensors", recipe=recipe)
    exported = export_checkpoint(Request(checkpoint=path, output=tmp_path / "m.onnx"))
    assert exported.info.kind == claim
    grey = np.full((40, 60, 3), 128, np.uint8)
    assert onedepth.load(exported.path).predict(grey).kind == claim
