"""Every way to bring a model: what goes in, what comes out, and what it is known up to."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from eval_cases import HEIGHT, WIDTH, flat, ramp
from onnx import TensorProto, helper

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import CameraError, ConfigError, DataError, ModelFileError, OneDepthError
from onedepth.evaluate.models import View, open_model, open_models
from onedepth.evaluate.models.adapter import Input
from onedepth.evaluate.models.hub import kind_of
from onedepth.evaluate.models.onnx_graph import network_input
from onedepth.evaluate.models.opening import adapter_names
from tiny_model import metres

CAMERA = Camera.from_focal(150, WIDTH, HEIGHT)


def view(grey: int = 51, camera: Camera | None = CAMERA, id: str = "set/room/000003") -> View:
    return View(id, f"/data/{id}.jpg", np.full((HEIGHT, WIDTH, 3), grey, np.uint8), camera)


def test_a_model_file_of_ours_predicts_as_users_run_it(tiny_model: Path) -> None:
    model = open_model(str(tiny_model))
    assert (model.name, model.kind, model.files) == ("tiny 1.0", "metric", (tiny_model,))
    np.testing.assert_allclose(model.predict(view()), metres(0.2, 150, 150, WIDTH, HEIGHT), rtol=1e-5)
    assumed = Camera.assumed(WIDTH, HEIGHT)
    expected = metres(0.2, assumed.fx, assumed.fy, WIDTH, HEIGHT)
    np.testing.assert_allclose(model.predict(view(camera=None)), expected, rtol=1e-5)


def test_a_missing_model_says_what_there_is() -> None:
    with pytest.raises(ModelFileError, match=r"nowhere\.onnx: no such model file; shipped .* onedepth_v1"):
        open_model("nowhere.onnx")


def test_two_models_of_one_name_are_told_apart(tiny_model: Path) -> None:
    assert [m.name for m in open_models([str(tiny_model)] * 3)] == ["tiny 1.0", "tiny 1.0 #2", "tiny 1.0 #3"]


def _graph(path: Path, *, focal: bool = False) -> Path:
    """An ONNX file that puts out the first channel, times the focal length if it has that input."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, "h", "w"])
    nodes = [helper.make_node("Gather", ["image", "zero"], ["first"], axis=1)]
    inputs = [image]
    if focal:
        inputs.append(helper.make_tensor_value_info("focal", TensorProto.FLOAT, [1]))
        nodes.append(helper.make_node("Mul", ["first", "focal"], ["out"]))
    else:
        nodes.append(helper.make_node("Identity", ["first"], ["out"]))
    zero = helper.make_tensor("zero", TensorProto.INT64, [], [0])
    graph = helper.make_graph(nodes, "g", inputs, [out], [zero])
    path.write_bytes(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        ).SerializeToString()
    )
    onnx.checker.check_model(onnx.load(path))
    return path


def _description(folder: Path, **changes: Any) -> str:
    described: dict[str, Any] = {
        "type": "onnx",
        "name": "theirs",
        "kind": "metric",
        "file": "theirs.onnx",
        "input": {
            "name": "image",
            "layout": "NCHW",
            "channels": "RGB",
            "size": [32, 24],
            "resize": "pil-bicubic",
            "divide": 255,
            "mean": [0, 0, 0],
            "std": [1, 1, 1],
        },
        "output": {"quantity": "depth", "scale": 10},
    }
    for key, value in changes.items():
        described[key] = (
            {**described[key], **value} if isinstance(value, dict) and key in described else value
        )
    path = folder / "theirs.yaml"
    path.write_text(yaml.safe_dump(described))
    return str(path)


def test_a_described_file_is_run_as_described(tmp_path: Path) -> None:
    _graph(tmp_path / "theirs.onnx")
    model = open_model(_description(tmp_path))
    assert (model.name, model.kind) == ("theirs", "metric")
    found = model.predict(view(51))
    assert found.shape == (24, 32)
    np.testing.assert_allclose(found, 2.0, rtol=1e-5)  # 51 / 255 * 10


def test_mean_deviation_and_channel_order_reach_the_graph(tmp_path: Path) -> None:
    _graph(tmp_path / "theirs.onnx")
    spec = _description(tmp_path, input={"channels": "BGR", "mean": [0.1, 0, 0], "std": [0.5, 1, 1]})
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 2] = 204  # blue is what this graph sees first
    found = open_model(spec).predict(View("0", "0.jpg", pixels, None))
    np.testing.assert_allclose(found, (0.8 - 0.1) / 0.5 * 10, rtol=1e-5)


def test_metric_disparity_is_inverted_and_affine_disparity_is_not(tmp_path: Path) -> None:
    _graph(tmp_path / "theirs.onnx")
    inverted = open_model(_description(tmp_path, output={"quantity": "disparity", "scale": 1}))
    np.testing.assert_allclose(inverted.predict(view(51)), 5.0, rtol=1e-5)
    assert np.isinf(inverted.predict(view(0))).all()  # no disparity is infinitely far, not 0 m
    affine = open_model(
        _description(tmp_path, kind="affine_disparity", output={"quantity": "disparity", "scale": 1})
    )
    assert affine.kind == "affine_disparity"
    np.testing.assert_allclose(affine.predict(view(51)), 0.2, rtol=1e-5)


def test_a_canonical_camera_is_undone_with_the_focal_length_at_network_size(tmp_path: Path) -> None:
    _graph(tmp_path / "theirs.onnx")
    model = open_model(_description(tmp_path, output={"canonical_focal": 1000.0}))
    np.testing.assert_allclose(model.predict(view(51)), 2.0 * 75 / 1000, rtol=1e-5)
    with pytest.raises(CameraError, match="has no camera, and metres of theirs follow from its focal length"):
        model.predict(view(camera=None))


@pytest.mark.parametrize(("at", "focal"), [("photo", 150), ("network", 75)])
def test_a_focal_length_input_gets_it(tmp_path: Path, at: str, focal: float) -> None:
    _graph(tmp_path / "theirs.onnx", focal=True)
    model = open_model(_description(tmp_path, focal={"name": "focal", "form": "f", "at": at}))
    np.testing.assert_allclose(model.predict(view(51)), 2.0 * focal, rtol=1e-5)
    with pytest.raises(CameraError, match="the model needs a focal length"):
        model.predict(view(camera=None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "disparity"}, "kind: "),
        ({"kind": "affine_disparity"}, "kind affine_disparity is disparity"),
        ({"input": {"rezise": "cv2-area"}}, r"input\.rezise: unknown key; did you mean 'resize'"),
        ({"input": {"resize": "bicubic"}}, r"input\.resize"),
        ({"nmae": "x"}, r"nmae: unknown key; did you mean 'name'"),
        ({"type": "tensorflow"}, "tensorflow"),
        ({"file": "other.onnx"}, r"other\.onnx: no such file"),
        ({"input": {"name": "rgb"}}, r"describes inputs \['rgb'\], .* has \['image'\]"),
        ({"output": {"name": "depth"}}, r"describes output 'depth', .* has \['out'\]"),
    ],
)
def test_a_wrong_description_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    _graph(tmp_path / "theirs.onnx")
    with pytest.raises(OneDepthError, match=message):
        open_model(_description(tmp_path, **changes))


def test_a_description_that_does_not_fit_the_graph_costs_the_image_and_not_the_run(tmp_path: Path) -> None:
    _graph(tmp_path / "theirs.onnx")
    model = open_model(_description(tmp_path, input={"layout": "CHW"}))
    with pytest.raises(ModelFileError, match="cannot be run as its description says"):
        model.predict(view())


def test_an_onnx_file_of_somebody_else_is_pointed_to_a_description(tmp_path: Path) -> None:
    path = _graph(tmp_path / "theirs.onnx")
    with pytest.raises(ModelFileError, match=r"not one of ours; .* --model DESCRIPTION\.yaml=.*fastdepth="):
        open_model(str(path))
    path.write_bytes(b"nothing")
    with pytest.raises(ModelFileError) as caught:
        open_model(str(path))
    assert "DESCRIPTION" not in str(caught.value)


def test_a_wrong_kind_is_shown_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"yaml: kind: expected one of 'metric', .* found 'depthy'"):
        open_model(_described_predictions(tmp_path, kind="depthy"))


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match="cannot be run as ONNX"):
        open_model(_description(tmp_path))


def test_shipped_descriptions_are_found_by_name_and_say_what_they_lack(tmp_path: Path) -> None:
    assert "fastdepth" in adapter_names()
    with pytest.raises(ConfigError, match="give --model fastdepth=FILE"):
        open_model("fastdepth")
    with pytest.raises(ConfigError, match=r"no description 'slowdepth'; shipped are .*fastdepth"):
        open_model("slowdepth=x.onnx")
    with pytest.raises(ModelFileError, match=r"x\.onnx: no such file"):
        open_model(f"fastdepth={tmp_path / 'x.onnx'}")


def test_variables_in_a_specification_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _graph(tmp_path / "theirs.onnx")
    _description(tmp_path)
    monkeypatch.setenv("ONEDEPTH_HERE", str(tmp_path))
    model = open_model("$ONEDEPTH_HERE/theirs.yaml")
    assert model.spec == "$ONEDEPTH_HERE/theirs.yaml"


@pytest.mark.parametrize(("side", "size"), [("longer", (384, 256)), ("shorter", (576, 384))])
def test_a_network_size_by_rule_keeps_the_aspect(side: str, size: tuple[int, int]) -> None:
    """MiDaS's own: 640x427 has its longer side at 384, the shorter at the nearest multiple of 32."""
    rule = {"side": side, "pixels": 384, "multiple": 32}
    given = Input(name="image", layout="NHWC", channels="RGB", size=rule, resize="cv2-cubic", divide=1,
                  mean=(0, 0, 0), std=(1, 1, 1), dtype="uint8")  # fmt: skip
    tensor, found = network_input(np.zeros((427, 640, 3), np.uint8), given)
    assert found == size
    assert (tensor.shape, tensor.dtype) == ((1, size[1], size[0], 3), np.uint8)


def _predictions(folder: Path, names: list[str], kind: Any = "metric", form: str = "npz") -> Path:
    for index, name in enumerate(names):
        path = folder / f"{name}.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        DepthMap(flat(index + 1.0), kind).save(path)
    return folder


@pytest.mark.parametrize("name", ["set/room/000003", "room/000003", "000003"])
@pytest.mark.parametrize("form", ["npz", "png", "exr", "tiff", "pfm"])
def test_predictions_are_found_by_id_or_its_end_in_every_format(tmp_path: Path, name: str, form: str) -> None:
    model = open_model(str(_predictions(tmp_path / "preds", [name], form=form)))
    assert (model.name, model.kind) == ("preds", "metric")
    np.testing.assert_allclose(model.predict(view()), 1.0)


def test_a_folder_says_its_kind_and_keeps_to_it(tmp_path: Path) -> None:
    folder = _predictions(tmp_path / "preds", ["000001"], "affine_disparity")
    DepthMap(flat(2.0), "metric").save(folder / "000002.npz")
    model = open_model(str(folder))
    assert model.kind == "affine_disparity"
    model.predict(view(id="x/000001"))
    with pytest.raises(
        DataError, match=r"000002\.npz: holds metric, the other predictions .* affine_disparity"
    ):
        model.predict(view(id="x/000002"))


def test_missing_ambiguous_and_misshapen_predictions_are_named(tmp_path: Path) -> None:
    folder = _predictions(tmp_path / "preds", ["000001", "000002"])
    DepthMap(flat(1.0).T.copy(), "metric").save(folder / "000004.npz")
    model = open_model(str(folder))
    with pytest.raises(
        DataError, match="holds no prediction for set/room/000003; expected set/room/000003 with"
    ):
        model.predict(view())
    model.predict(view(id="a/000001"))
    with pytest.raises(DataError, match="belongs to a/000001 and to b/000001; name files by the whole id"):
        model.predict(view(id="b/000001"))
    with pytest.raises(DataError, match="is 48x64, its image 64x48; not the same view"):
        model.predict(view(id="a/000004"))


def test_pixels_without_a_prediction_are_nan_and_not_zero_metres(tmp_path: Path) -> None:
    values = ramp()
    valid = np.ones(values.shape, np.bool_)
    valid[0, :5] = False
    (tmp_path / "preds").mkdir()
    DepthMap(values, "metric", valid=valid).save(tmp_path / "preds" / "000003.npz")
    found = open_model(str(tmp_path / "preds")).predict(view())
    np.testing.assert_array_equal(np.isnan(found), ~valid)


def test_pictures_for_looking_at_are_no_predictions(tmp_path: Path) -> None:
    folder = _predictions(tmp_path / "preds", ["000003"])
    DepthMap(flat(9.0), "metric").save(folder / "000003_picture.png", "picture")
    np.testing.assert_allclose(open_model(str(folder)).predict(view()), 1.0)


def test_predictions_of_another_program_need_their_kind_and_scale(tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "preds"
    folder.mkdir()
    cv2.imwrite(str(folder / "000003.png"), np.full((HEIGHT, WIDTH), 512, np.uint16))
    with pytest.raises(OneDepthError, match="kind"):
        open_model(str(folder))
    described = {
        "type": "predictions",
        "name": "theirs",
        "kind": "metric",
        "steps": "kitti",
        "folder": "preds",
    }
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(described))
    np.testing.assert_allclose(open_model(str(tmp_path / "theirs.yaml")).predict(view()), 2.0)


def _save_foreign(path: Path, values: np.ndarray) -> None:
    import cv2
    import tifffile

    integers = np.round(values).astype(np.uint16)
    write = {
        ".png": lambda: cv2.imwrite(str(path), integers),
        ".npy": lambda: np.save(path, values[None]),
        ".npz": lambda: np.savez(path, prediction=values),
        ".pfm": lambda: cv2.imwrite(str(path), values.astype(np.float32)),
        ".tiff": lambda: tifffile.imwrite(path, values.astype(np.float32)),
    }
    path.parent.mkdir(exist_ok=True)
    write[path.suffix]()


def _described_predictions(folder: Path, **changes: Any) -> str:
    described = {"type": "predictions", "name": "theirs", "kind": "metric", "steps": "mm", "folder": "preds"}
    (folder / "theirs.yaml").write_text(yaml.safe_dump(described | changes))
    return str(folder / "theirs.yaml")


@pytest.mark.parametrize("suffix", [".png", ".npy", ".npz", ".pfm", ".tiff"])
def test_plain_files_are_scored_with_a_description_and_refused_by_its_name_without(
    tmp_path: Path, suffix: str
) -> None:
    truth = ramp()
    _save_foreign(tmp_path / "preds" / f"000003{suffix}", np.round(truth * 1000))
    with pytest.raises(OneDepthError, match=r"write theirs\.yaml with `type: predictions`") as caught:
        open_model(str(tmp_path / "preds"))
    assert "scale=" not in str(caught.value)
    found = open_model(_described_predictions(tmp_path)).predict(view())
    np.testing.assert_allclose(found, truth, atol=6e-4)


def test_predicted_metric_disparity_is_inverted(tmp_path: Path) -> None:
    _save_foreign(tmp_path / "preds" / "000003.npy", 1 / ramp())
    described = _described_predictions(tmp_path, steps=1, quantity="disparity")
    np.testing.assert_allclose(open_model(described).predict(view()), ramp(), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("000003.npz", b"junk", "expected a ZIP archive of arrays"),
        ("000003.npy", b"junk", "does not begin as one"),
        ("000003.npy", None, "Python objects, which are never loaded"),
    ],
)
def test_damaged_arrays_are_named_in_our_words(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / "preds" / name
    path.parent.mkdir()
    if content is None:
        np.save(path, np.array([{}], object), allow_pickle=True)
    else:
        path.write_bytes(content)
    for spec in (str(path.parent), _described_predictions(tmp_path)):
        with pytest.raises(OneDepthError, match=message) as caught:
            open_model(spec).predict(view())
        assert "allow_pickle" not in str(caught.value)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no depth file"):
        open_model(str(tmp_path))


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"model_type": "depth_anything"}, "affine_disparity"),
        ({"model_type": "depth_anything", "depth_estimation_type": "metric"}, "metric"),
        ({"model_type": "dpt"}, "affine_disparity"),
        ({"model_type": "zoedepth"}, "metric"),
        ({"model_type": "depth_pro"}, "metric"),
    ],
)
def test_the_kind_of_a_transformers_model_is_read_from_its_configuration(
    config: dict[str, Any], kind: str
) -> None:
    assert kind_of(config, "here") == kind


def test_what_a_configuration_does_not_say_must_be_declared() -> None:
    for config in ({"model_type": "dpt", "backbone_config": {}}, {"model_type": "new"}, {}):
        with pytest.raises(ConfigError, match="does not say whether it puts out metres or disparity"):
            kind_of(config, "here")
    with pytest.raises(ConfigError, match="needs a depth prompt"):
        kind_of({"model_type": "prompt_depth_anything"}, "here")


@pytest.fixture(scope="module")
def transformers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Depth Anything of random weights, smaller than any that was ever trained."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=1,
        image_size=28,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[4, 4, 4, 4],
        fusion_hidden_size=4,
        head_hidden_size=4,
    )
    folder = tmp_path_factory.mktemp("hub") / "tiny-anything"
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    size = {"height": 28, "width": 28}
    transformers.DPTImageProcessor(size=size, ensure_multiple_of=14).save_pretrained(folder)
    return folder


def test_a_transformers_model_runs_from_its_folder(transformers_folder: Path) -> None:
    model = open_model(str(transformers_folder))
    assert (model.name, model.kind) == ("tiny-anything", "affine_disparity")
    assert {path.name for path in model.files} >= {"config.json", "model.safetensors"}
    found = model.predict(view())
    assert (found.shape, found.dtype) == ((HEIGHT, WIDTH), np.float32)
    assert np.isfinite(found).all()


def test_a_declared_metric_disparity_is_inverted(transformers_folder: Path, tmp_path: Path) -> None:
    described = {"type": "transformers", "name": "declared", "kind": "metric", "quantity": "disparity"}
    path = tmp_path / "declared.yaml"
    path.write_text(yaml.safe_dump(described))
    model = open_model(f"{path}={transformers_folder}")
    assert (model.name, model.kind) == ("declared", "metric")
    raw = open_model(str(transformers_folder)).predict(view())
    depth = model.predict(view())
    np.testing.assert_allclose(depth[raw > 0], 1 / raw[raw > 0], rtol=1e-4)
    assert np.isinf(depth[raw <= 0]).all()


def test_a_folder_is_never_looked_for_on_the_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    import socket

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "depth_anything"}))
    with pytest.raises(ModelFileError, match="transformers cannot load it"):
        open_model(str(tmp_path))


def test_without_a_network_nothing_is_retried_and_the_refusal_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    import socket

    asked = []

    def refuse(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        raise OSError("unreachable")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ModelFileError, match=r"hf:nobody/nothing: cannot be loaded: .* check the network"):
        open_model("hf:nobody/nothing")
    assert len(asked) <= 2  # by us, and once by transformers, which does so even for what is local
    assert capfd.readouterr().err == ""


def test_a_checkpoint_predicts_what_its_export_would(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from onedepth.evaluate.models.ours import open_checkpoint
    from onedepth.train.export.verify import torch_reference

    checkpoint = _checkpoint(tmp_path / "step_1.safetensors")
    model = open_model(str(checkpoint))
    assert (model.name, model.kind) == ("step_1", "metric")
    found = model.predict(view())
    assert found.shape == (HEIGHT, WIDTH)
    from onedepth.networks import load_checkpoint

    reference = torch_reference(load_checkpoint(checkpoint), torch.from_numpy(view().pixels), (150.0, 150.0))
    np.testing.assert_allclose(found, reference.numpy())
    assert open_checkpoint("x", str(checkpoint), "cpu").spec == "x"


def _checkpoint(path: Path) -> Path:
    from safetensors.torch import save_file

    from onedepth.networks import DepthNet
    from onedepth.networks.checkpoint import HEADER, NETWORK
    from onedepth.networks.config import NetworkConfig

    config = NetworkConfig(input_sizes=((64, 64),))
    network = DepthNet(config)
    weights = {f"{NETWORK}{name}": value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, path, {HEADER: json.dumps({"network": config.model_dump(mode="json")})})
    return path
