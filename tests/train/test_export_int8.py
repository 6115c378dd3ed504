"""A model file in 8 bits is small, near the float one on photos it was not calibrated on, or not written."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper
from PIL import Image
from typer.testing import CliRunner

import onedepth
from onedepth.apps.cli import app
from onedepth.errors import ConfigError, ModelFileError
from onedepth.predict.metadata import METADATA_KEY, ModelInfo
from onedepth.train.export import Int8, Int8Report, Request, command, export_checkpoint, verify
from onedepth.train.export import int8 as quantiser
from onedepth.train.export.calibration import find_photos
from onedepth.train.export.gate import compare_int8
from onedepth.train.export.graph import PREFIX
from onedepth.train.export.layers import FIRST, head, int8_nodes

PHOTOS = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(PHOTOS):
        size = (96, 64) if seed % 3 else (64, 96)
        Image.fromarray(verify.textured_photo(size, seed)).save(folder / f"{seed:02d}.png")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _quick(exported: ModelProto) -> object:
    """The bare network is exported once, and compared with torch on two pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "export_network", lambda network: exported)
        patch.setattr(command, "EXAMPLES", Path("no such folder"))
        patch.setattr(verify, "_SIZES", ((97, 40),))
        yield


@pytest.fixture(scope="module")
def in_float(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float") / "small.onnx"
    return export_checkpoint(Request(checkpoint=checkpoint, output=path)).path


@pytest.fixture(scope="module")
def in_int8(checkpoint: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> command.Exported:
    path = tmp_path_factory.mktemp("int8") / "small.onnx"
    return export_checkpoint(Request(checkpoint=checkpoint, output=path, int8=Int8(photos=[photos])))


def test_the_file_is_smaller_and_near_the_float_one_at_every_size(in_float, in_int8):
    assert in_int8.path.stat().st_size < 0.75 * in_float.stat().st_size
    before, after = onedepth.load(in_float), onedepth.load(in_int8.path)
    for size in ((96, 64), (64, 96), (64, 64), (160, 64), (301, 99)):
        photo = verify.textured_photo(size, seed=99)
        wanted, found = before.predict(photo).values, after.predict(photo).values
        assert found.shape == wanted.shape
        assert 0 < np.mean(np.abs(found / wanted - 1)) < 0.03


def test_the_report_is_of_photos_held_back(in_float, in_int8, photos):
    report = in_int8.int8
    assert (report.calibrated, report.held_back) == (9, 3)
    before, after = onedepth.load(in_float), onedepth.load(in_int8.path)
    differences = []
    for name in ("03", "07", "11"):
        wanted, found = (model.predict(photos / f"{name}.png").values for model in (before, after))
        differences.append(np.mean(np.abs(found / wanted - 1)))
    assert report.difference == pytest.approx(np.mean(differences), rel=1e-3)
    assert report.worst == pytest.approx(max(differences), rel=1e-3)
    assert report.worst_photo.endswith(f"{('03', '07', '11')[int(np.argmax(differences))]}.png")
    assert report.speed > 0


def test_metadata_are_those_of_float_with_a_note(in_float, in_int8):
    before, after = onedepth.load(in_float).info, onedepth.load(in_int8.path).info
    assert after.name == f"{before.name}_int8"
    note = after.network["int8"]
    assert after.network["precision"] == "int8"
    assert (note["calibrated_on"], note["compared_on"]) == (9, 3)
    assert note["mean_difference_from_float"] == pytest.approx(in_int8.int8.difference, abs=1e-5)
    kept = {key: value for key, value in after.network.items() if key not in ("precision", "int8")}
    assert dataclasses.replace(after, name=before.name, network=kept) == before


def test_the_file_is_whole_standard_and_tells_nothing_of_the_machine(in_int8, photos):
    proto = onnx.load(in_int8.path)
    onnx.checker.check_model(proto, full_check=True)
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", 18)]
    assert [entry.key for entry in proto.metadata_props] == [METADATA_KEY]
    assert not any(node.name or node.doc_string for node in proto.graph.node)
    content = in_int8.path.read_bytes()
    for trace in (b"site-packages", str(photos).encode(), str(Path.cwd()).encode()):
        assert trace not in content


def test_weights_are_8_bits_per_channel_and_use_7(in_int8):
    graph = onnx.load(in_int8.path).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    producers = {node.output[0]: node for node in graph.node}
    weights = [
        producers[node.input[1]].input
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in producers
    ]
    assert weights
    for name, scale, _ in weights:
        assert tensors[name].dtype == np.int8
        assert np.abs(tensors[name]).max() <= 64
        assert tensors[scale].shape == tensors[name].shape[:1]


def test_ends_and_the_last_fusion_stay_in_float(in_float):
    graph = onnx.load(in_float).graph
    chosen = set(int8_nodes(graph))
    network = [node for node in graph.node if node.output[0].startswith(PREFIX)]
    convolutions = [node for node in network if node.op_type == "Conv"]
    assert not chosen & {node.output[0] for node in convolutions[:FIRST]}
    assert head(graph).output[0] not in chosen
    assert chosen <= {node.output[0] for node in network}
    named = {node.input[1].split(f"{PREFIX}decoder.")[-1]: node.output[0] in chosen for node in convolutions}
    fusions = sorted(name for name in named if name.startswith("fuse"))
    last = fusions[-1].split(".")[1]
    assert {part: named[f"fuse.{last}.{part}.weight"] for part in ("lower", "skip", "first", "second")} == {
        "lower": False, "skip": False, "first": True, "second": True,
    }  # fmt: skip
    assert all(named[name] for name in fusions if f".{last}." not in name)


def test_the_scale_is_as_in_float_on_the_photos_calibrated_on(in_float, photos):
    model = onnx.load(in_float)
    used = find_photos([photos], PHOTOS).used
    quantised = quantiser.quantise(model, used)
    assert abs(_shift(quantised, model, used)) < 1e-3
    bias = next(tensor for tensor in quantised.graph.initializer if tensor.name == head(model.graph).input[2])
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.1), bias.name))
    quantiser._correct_scale(quantised, model, used)
    assert abs(_shift(quantised, model, used)) < 1e-3


def _shift(quantised: ModelProto, model: ModelProto, photos) -> float:
    runs = [quantiser.session(proto) for proto in (quantised, model)]
    found, wanted = zip(
        *([run.run(None, photo.inputs())[0] for run in runs] for photo in photos), strict=True
    )
    return float(np.mean([np.log(a / b).mean() for a, b in zip(found, wanted, strict=True)]))


@pytest.mark.parametrize("difference", [0.031, float("nan")])
def test_too_far_from_float_nothing_is_written_and_an_older_file_stays(
    monkeypatch, checkpoint, photos, tmp_path, difference
):
    output = tmp_path / "m.onnx"
    output.write_bytes(b"older")
    report = Int8Report(
        difference=difference, worst=0.5, worst_photo="one.jpg", calibrated=9, held_back=3, speed=1.0
    )
    monkeypatch.setattr(command, "quantise", lambda model, photos: model)
    monkeypatch.setattr(command, "compare_int8", lambda *_: report)
    request = Request(checkpoint=checkpoint, output=output, overwrite=True, int8=Int8(photos=[photos]))
    with pytest.raises(ModelFileError, match=r"m\.onnx: not written.*3 photos held back.*one\.jpg.*0\.03"):
        export_checkpoint(request)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("m.onnx", b"older")]


def test_the_gate_sees_what_quantising_broke(in_float, photos):
    model = onnx.load(in_float)
    spoilt = ModelProto()
    spoilt.CopyFrom(model)
    bias = next(tensor for tensor in spoilt.graph.initializer if tensor.name == head(model.graph).input[2])
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(np.log(1.1)), bias.name))
    report = compare_int8(spoilt, model, find_photos([photos], PHOTOS).held_back, 9)
    assert report.difference == pytest.approx(0.1, rel=1e-3)
    assert not report.within(0.05)
    assert report.within(0.11)


def test_photos_come_evenly_from_manifests_scenes_and_folders(world, photos):
    manifest = _manifest(world, photos.parent / "list.jsonl")
    chosen = find_photos([photos, manifest, _scenes(world)], 18)
    used, held_back = ([photo.name for photo in part] for part in (chosen.used, chosen.held_back))
    assert (len(used), len(held_back)) == (14, 4)
    files = [name for name in (*used, *held_back) if name.endswith(".png")]
    assert len(set(files)) == len(files) == 6
    assert {str(photos / "00.png"), str(photos / "11.png")} <= set(files)  # first and last
    inputs = chosen.held_back[0].inputs()
    assert inputs["image"].dtype == np.uint8
    assert inputs["focal"].shape == (2,)


def _scenes(world: Path) -> Path:
    return world / "metric"


def _manifest(world: Path, path: Path) -> Path:
    from onedepth.manifest.manifest import open_records, write_manifest

    write_manifest(open_records(_scenes(world)), path)
    return path


def test_a_record_brings_its_focal_length(world):
    from onedepth.manifest.manifest import open_records

    scenes = _scenes(world)
    cameras = {record.id: record.camera for record in open_records(scenes)}
    assert all(cameras.values())
    chosen = find_photos([scenes, scenes, scenes], 1000)
    for photo in chosen.held_back:
        camera = cameras[photo.name]
        assert photo.inputs()["focal"].tolist() == pytest.approx([camera.fx, camera.fy])


def test_too_few_photos_are_refused(photos, checkpoint, tmp_path):
    request = Request(
        checkpoint=checkpoint,
        output=tmp_path / "m.onnx",
        int8=Int8(photos=[photos / "01.png", photos / "02.png"]),
    )
    with pytest.raises(ConfigError, match=r"02\.png: 2 photos.*at least 8"):
        export_checkpoint(request)


@pytest.mark.parametrize("tolerance", [0.0, float("nan"), 1.0])
def test_a_tolerance_that_means_nothing_is_refused(checkpoint, photos, tmp_path, tolerance):
    asked = Int8(photos=[photos], tolerance=tolerance)
    with pytest.raises(ConfigError, match="tolerance"):
        export_checkpoint(Request(checkpoint=checkpoint, output=tmp_path / "m.onnx", int8=asked))


def test_a_network_of_few_convolutions_is_refused():
    nodes = [onnx.helper.make_node("Conv", ["x", "w"], [f"{PREFIX}{number}"]) for number in range(FIRST + 1)]
    graph = onnx.helper.make_graph(nodes, "few", [], [])
    with pytest.raises(ModelFileError, match="4 convolutions"):
        int8_nodes(graph)


def test_what_the_quantiser_refuses_is_one_line(monkeypatch, in_float, photos):
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no range for x\nand more")

    monkeypatch.setattr(quantiser, "quantize_static", fail)
    with pytest.raises(ModelFileError, match=r"cannot be quantised \(no range for x\)"):
        quantiser.quantise(onnx.load(in_float), find_photos([photos], PHOTOS).used)
    assert logging.root.manager.disable == 0


def test_command_writes_it_and_says_how_near_it_is(checkpoint, photos, tmp_path, capfd):
    output = tmp_path / "m.onnx"
    result = _cli(checkpoint, "-o", output, "--int8", "--calibrate", photos, "--calibration-images", 8)
    assert result.exit_code == 0, result.output
    assert "2 photos held back" in result.stdout.replace("\n", " ")
    assert "times float" in result.stdout
    assert capfd.readouterr().err == ""
    info = ModelInfo.from_json({p.key: p.value for p in onnx.load(output).metadata_props}[METADATA_KEY])
    assert (info.name, info.network["precision"]) == ("small_int8", "int8")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--int8"], "--calibrate"),
        (["--calibrate", "photos"], "--int8"),
        (["--int8-tolerance", "0.1"], "--int8"),
        (["--calibration-images", "8"], "--int8"),
    ],
)
def test_options_that_need_each_other(checkpoint, tmp_path, options, text):
    result = _cli(checkpoint, "-o", tmp_path / "m.onnx", *options)
    assert result.exit_code == 2
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_gate_stops_the_command_with_one_line(checkpoint, photos, tmp_path):
    result = _cli(
        checkpoint, "-o", tmp_path / "m.onnx", "--int8", "--calibrate", photos, "--int8-tolerance", 1e-6
    )
    assert result.exit_code == 2
    assert "differ from float" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def _cli(*arguments: object):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])
