"""`onedepth eval` through its command line: files, exit codes, and every kind of bad input."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from eval_cases import CAMERA, HEIGHT, WIDTH, flat, ramp, write_set
from typer.testing import CliRunner

from onedepth import DepthMap
from onedepth.apps.cli import app
from onedepth.apps.cli._eval_files import Files
from onedepth.apps.cli._progress import progress
from onedepth.errors import ConfigError
from onedepth.evaluate.protocol import load_protocol
from tiny_model import metres


class Run:
    """A finished command."""

    def __init__(self, *arguments: object) -> None:
        done = CliRunner().invoke(app, ["eval", *map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.code, self.out, self.err = done.exit_code, done.stdout, done.stderr

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two walls, of 2 and of 3 m."""
    return write_set(tmp_path / "set", [flat(2.0), flat(3.0)])


def _predictions(folder: Path, maps: dict[str, np.ndarray], kind: Any = "metric", **rest: Any) -> Path:
    folder.mkdir()
    for name, values in maps.items():
        DepthMap(values, kind, **rest).save(folder / f"{name}.npz")
    return folder


def test_numbers_are_those_worked_out_by_hand(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("r.json", "n.csv")}
    options = ("--output", files["r.json"], "--per-image", files["n.csv"])
    run = Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", *options)
    assert (run.code, run.errors) == (0, [])
    predicted = metres(0.2, 150, 150, WIDTH, HEIGHT)  # 1.8 m
    expected = (abs(predicted - 2) / 2 + abs(predicted - 3) / 3) / 2
    stored = json.loads(files["r.json"].read_text())
    assert stored["scores"][0]["scores"]["abs_rel"] == pytest.approx(expected, rel=1e-4)
    assert stored["scores"][1]["scores"]["abs_rel"] == pytest.approx(0, abs=1e-6)
    assert f"{expected:.3f}" in run.out
    assert "kitti-odometry: whole frame; 0.001-80 m, clamped" in run.out
    assert len(files["n.csv"].read_text().splitlines()) == 1 + 2 * 2


@pytest.mark.parametrize(("form", "beginning"), [("markdown", "| alignment | model |"), ("json", "{")])
def test_the_summary_comes_as_markdown_or_json(
    data: Path, tiny_model: Path, form: str, beginning: str
) -> None:
    run = Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", "--format", form)
    assert run.out.startswith(beginning)
    if form == "json":
        assert json.loads(run.out)["scores"][0]["images"] == 2


def test_models_stand_side_by_side_and_are_compared(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    perfect = _predictions(tmp_path / "perfect", {"000000": flat(2), "000001": flat(3)})
    run = Run("--model", tiny_model, "--model", perfect, "--data", data, "--protocol", "kitti-odometry")
    assert "perfect is better than tiny 1.0 in AbsRel (none) in 100.0 % of resamples of 2 images" in run.out


def test_a_result_verifies_until_it_is_changed(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", "-o", path)
    run = Run("--verify", path)
    assert (run.code, run.errors) == (0, [])
    assert "numbers of 2 images compared, means recomputed: all agree" in run.out
    values = json.loads(path.read_text())
    values["per_image"]["columns"][0]["numbers"]["rmse"][0] = 0.001
    path.write_text(json.dumps(values))
    run = Run("--verify", path)
    assert run.code == 1
    assert any("rmse" in line for line in run.errors)


def test_protocols_and_descriptions_are_listed() -> None:
    run = Run("--list")
    assert run.code == 0
    assert "nyu-eigen" in run.out
    assert "fastdepth=FILE" in run.out


def test_stride_and_limit_are_stored(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    options = ("--stride", 2, "--limit", 5, "-o", path)
    Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", *options)
    stored = json.loads(path.read_text())["data"]
    assert (stored["images"], stored["stride"], stored["limit"]) == (1, 2, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--model": None}, "--model is missing"),
        ({"--data": None}, "--data is missing"),
        ({"--protocol": None}, "--protocol is missing"),
        ({"--model": "nowhere.onnx"}, "nowhere.onnx: no such model file"),
        ({"--data": "nowhere"}, "nowhere"),
        ({"--protocol": "kitti-odometri"}, "did you mean kitti-odometry"),
        ({"--protocol": "midas.yaml"}, "midas.yaml: no such file"),
        ({"--output": "no/such/folder/r.json"}, "its folder does not exist; create it first"),
        ({"--report": "no/such/folder/r.html"}, "its folder does not exist; create it first"),
        ({"--per-image": "r.xls"}, "expected a name that ends in .csv or .parquet"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_before_the_first_image(
    data: Path, tiny_model: Path, changes: dict[str, str | None], message: str
) -> None:
    asked = {"--model": str(tiny_model), "--data": str(data), "--protocol": "kitti-odometry"} | changes
    run = Run(*(word for option, value in asked.items() if value for word in (option, value)))
    assert run.code == 2
    assert len(run.errors) == 1
    assert message in run.errors[0]


_WRITTEN = {"-o": "r.json", "--report": "r.html", "--per-image": "r.csv"}


@pytest.mark.parametrize("option", _WRITTEN)
def test_files_are_replaced_only_when_asked(
    data: Path, tiny_model: Path, tmp_path: Path, option: str
) -> None:
    path = tmp_path / _WRITTEN[option]
    words = ("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", option, path)
    assert Run(*words).code == 0
    before = path.read_bytes()
    path.write_bytes(before + b"\n")
    run = Run(*words)
    assert (run.code, len(run.errors)) == (2, 1)
    assert "exists; --overwrite replaces it" in run.errors[0]
    assert path.read_bytes() == before + b"\n"
    assert Run(*words, "--overwrite").code == 0
    assert not path.read_bytes().endswith(b"\n\n")


def test_inputs_and_files_of_other_programs_are_never_replaced(
    data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    scene, twice = data / "scene.json", tmp_path / "r.html"
    manifest = tmp_path / "set.jsonl"
    manifest.write_text("{}")
    words = ["--model", tiny_model, "--protocol", "kitti-odometry", "--overwrite"]
    for more, message in (
        (("--data", data, "-o", scene), "is no result of `onedepth eval`"),
        (("--data", manifest, "-o", manifest), "is an input of this run"),
        (("--data", data, "-o", tiny_model), "is an input of this run"),
        (("--data", data, "-o", twice), "expected a name that ends in .json"),
        (("--data", data, "--report", tmp_path / "r.json"), "expected a name that ends in .html"),
    ):
        run = Run(*words, *more)
        assert (run.code, len(run.errors)) == (2, 1)
        assert message in run.errors[0]
    assert json.loads(scene.read_text())["frames"]
    assert manifest.read_text() == "{}"


def test_two_options_cannot_name_one_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(ConfigError, match="is also the file of --output"):
        Files(path, tmp_path / "." / "r.json", None).check([], overwrite=True)


def test_verifying_takes_nothing_else(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", "-o", path)
    run = Run("--verify", path, "--model", tiny_model)
    assert run.code == 2
    assert "takes models, data and protocol from the result" in run.errors[0]


def test_a_part_of_the_published_set_is_said_to_be_one(data: Path, tmp_path: Path) -> None:
    theirs = _predictions(tmp_path / "theirs", {"000000": flat(2), "000001": flat(3)})
    rules = {"average": "image", "images": 654}
    chosen = tmp_path / "mine.yaml"
    chosen.write_text(yaml.safe_dump(load_protocol("kitti-odometry").model_dump(mode="json") | rules))
    paths = {name: tmp_path / name for name in ("r.json", "r.html")}
    options = ("--output", paths["r.json"], "--report", paths["r.html"], "--format", "markdown")
    run = Run("--model", theirs, "--data", data, "--protocol", chosen, *options)
    said = "theirs: 2 images scored, 654 in the published set of protocol kitti-odometry"
    stored = json.loads(paths["r.json"].read_text())["warnings"]
    assert len(stored) == 1
    for text in (run.out, run.err, stored[0], paths["r.html"].read_text()):
        assert said in text
    chosen.write_text(yaml.safe_dump(yaml.safe_load(chosen.read_text()) | {"images": 2}))
    run = Run("--model", theirs, "--data", data, "--protocol", chosen)
    assert (run.code, run.err) == (0, "")


def test_intervals_stand_in_the_table(data: Path, tiny_model: Path) -> None:
    run = Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry")
    assert "in brackets: 95 % bootstrap intervals" in run.out
    assert "[0.100, 0.400]" in run.out  # of 1.8 m beside 2 and 3 m


def test_predictions_in_millimetres_are_not_blamed_on_the_label(data: Path, tmp_path: Path) -> None:
    theirs = _predictions(tmp_path / "mm", {"000000": flat(2000), "000001": flat(3000)})
    run = Run("--model", theirs, "--data", data, "--protocol", "kitti-odometry")
    assert "the prediction looks like millimetres; check the scale of mm (`steps`" in run.err
    assert "label" not in run.err


def test_a_result_of_relative_paths_says_where_it_verifies(
    data: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--model", tiny_model, "--data", data.name, "--protocol", "kitti-odometry", "-o", "r.json")
    assert Run(*words).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = Run("--verify", "../r.json")
    assert run.code == 2
    assert f"run --verify in {tmp_path}" in run.errors[0]


def test_disparity_is_refused_with_an_explanation(data: Path, tmp_path: Path) -> None:
    theirs = _predictions(tmp_path / "midas", {"000000": flat(2)}, "affine_disparity")
    run = Run("--model", theirs, "--data", data, "--protocol", "kitti-odometry")
    assert run.code == 2
    assert "midas: protocol kitti-odometry aligns by none in depth, median in depth" in run.errors[0]
    assert "disparity known up to scale and shift is no depth and is never treated as one" in run.errors[0]
    assert "midas-nyu" in run.errors[0]


def test_disparity_is_taken_where_the_alignment_can(tmp_path: Path) -> None:
    truths = [ramp(1, 8), ramp(2, 5)]
    data = write_set(tmp_path / "set", truths)
    maps = {f"{index:06d}": np.float32(3) / truth + np.float32(1) for index, truth in enumerate(truths)}
    theirs = _predictions(tmp_path / "midas", maps, "affine_disparity")
    run = Run("--model", theirs, "--data", data, "--protocol", "midas-nyu", "--format", "json")
    assert run.code == 0
    assert json.loads(run.out)["scores"][0]["scores"]["abs_rel"] == pytest.approx(0, abs=1e-4)


def test_a_scaled_model_gets_the_alignments_that_make_sense_and_is_told(data: Path, tmp_path: Path) -> None:
    theirs = _predictions(tmp_path / "sfm", {"000000": flat(7), "000001": flat(7)}, "scaled")
    run = Run("--model", theirs, "--data", data, "--protocol", "kitti-odometry")
    assert run.code == 0
    assert "sfm puts out scaled: no numbers for alignment none" in run.err
    assert "none       sfm" not in run.out
    assert "median" in run.out


def test_sizes_that_differ_are_an_error_where_nothing_is_to_be_resized(data: Path, tmp_path: Path) -> None:
    small = np.full((HEIGHT // 2, WIDTH // 2), 2, np.float32)
    theirs = _predictions(tmp_path / "half", {"000000": small, "000001": small})
    run = Run("--model", theirs, "--data", data, "--protocol", "kitti-benchmark")
    assert run.code == 2
    assert "prediction is 32x24, the truth 64x48, and the protocol does not resize" in run.errors[0]
    assert Run("--model", theirs, "--data", data, "--protocol", "kitti-odometry").code == 0


def test_missing_predictions_are_counted_and_named(data: Path, tmp_path: Path) -> None:
    theirs = _predictions(tmp_path / "some", {"000000": flat(2)})
    path = tmp_path / "r.json"
    run = Run("--model", theirs, "--data", data, "--protocol", "kitti-odometry", "-o", path)
    assert run.code == 1
    assert "some, none and median: 1 of 2 images without a number: an error (below)" in run.err
    assert run.err.count("holds no prediction for") == 1
    assert "holds no prediction for" in run.errors[0]
    stored = json.loads(path.read_text())
    assert len(stored["failures"]) == 1
    assert sum(stored["scores"][0]["without"].values()) == 1


def test_missing_files_are_counted_and_named(data: Path, tiny_model: Path) -> None:
    (data / "000001.jpg").unlink()
    run = Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry")
    assert run.code == 1
    assert "000001.jpg" in run.errors[0]


def test_values_that_are_no_depth_are_counted_shown_and_treated_as_stated(data: Path, tmp_path: Path) -> None:
    holes = flat(2)
    valid = np.ones(holes.shape, np.bool_)
    valid[0, :10] = False
    theirs = _predictions(tmp_path / "holes", {"000000": holes, "000001": flat(3)}, valid=valid)
    run = Run("--model", theirs, "--data", data, "--protocol", "kitti-odometry")
    assert run.code == 0
    assert "holes, none: 20 predicted values are not finite" in run.err
    refused = Run("--model", theirs, "--data", data, "--protocol", "kitti-benchmark")
    assert refused.code == 2
    assert "2 of 2 images without a number: prediction is not finite at some pixels" in refused.err


def test_truth_in_the_wrong_unit_is_warned_of(tmp_path: Path, tiny_model: Path) -> None:
    data = write_set(tmp_path / "mm", [flat(2.0), flat(3.0)], unit=1.0, steps=1000)
    path = tmp_path / "r.json"
    run = Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", "-o", path)
    assert run.code == 2
    assert (
        "warning: truth may not be in metres: 100.0 % of it is above the cap of 80 m (median 2500" in run.err
    )
    assert "error: nothing could be scored" in run.err
    assert not path.exists()


def test_a_protocol_that_needs_a_camera_is_refused_where_there_is_none(
    tmp_path: Path, tiny_model: Path
) -> None:
    data = write_set(tmp_path / "none", [flat(2.0)], camera=None)
    run = Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry")
    assert run.code == 2
    assert (
        "has no camera, and protocol kitti-odometry needs one; add `camera` to the manifest" in run.errors[0]
    )
    told = tmp_path / "told.yaml"
    values = load_protocol("kitti-odometry").model_dump(mode="json") | {"camera": "told"}
    told.write_text(yaml.safe_dump(values))
    assert Run("--model", tiny_model, "--data", data, "--protocol", told).code == 0


def test_progress_shows_rate_and_count_on_a_terminal_and_nothing_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        terminal = True

        def isatty(self) -> bool:
            return self.terminal

    for terminal in (True, False):
        stream = Terminal()
        stream.terminal = terminal
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        with progress("Evaluating", 3, "images/s") as advance:
            advance()
            advance()
        text = stream.getvalue()
        assert ("Evaluating" in text) == ("2/3" in text) == terminal


def test_an_unknown_kind_in_a_description_is_refused(tmp_path: Path, data: Path) -> None:
    described = {"type": "predictions", "name": "x", "kind": "depth", "steps": 1, "folder": "."}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(described))
    run = Run("--model", tmp_path / "x.yaml", "--data", data, "--protocol", "kitti-odometry")
    assert run.code == 2
    assert "'metric', 'scaled' or 'affine_disparity'" in run.errors[0]


def test_a_camera_of_another_size_is_named(tmp_path: Path, tiny_model: Path) -> None:
    data = write_set(tmp_path / "odd", [flat(2.0)], camera=CAMERA | {"height": 50})
    run = Run("--model", tiny_model, "--data", data, "--protocol", "kitti-odometry")
    assert run.code == 2
    assert "the image is 64x48, its camera is for 64x50" in run.errors[0]


def test_the_command_is_stored_as_it_can_be_run_elsewhere(
    data: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDEPTH_SETS", str(data.parent))
    path = tmp_path / "r.json"
    words = [
        "eval",
        "--model",
        str(tiny_model),
        "--data",
        str(data),
        "--protocol",
        "kitti-odometry",
        "-o",
        str(path),
    ]
    monkeypatch.setattr("sys.argv", ["onedepth", *words])
    Run(*words[1:])
    stored = json.loads(path.read_text())
    assert stored["data"]["path"] == f"$ONEDEPTH_SETS/{data.name}"
    assert f'--data "$ONEDEPTH_SETS/{data.name}"' in stored["command"]
    assert Run("--verify", path, "--sample", 0).code == 0


@pytest.mark.shared_data
def test_fastdepth_scores_what_it_is_known_to(shared_folder: Path, tmp_path: Path) -> None:
    """On every 8th image; on all 654 it is 0.169, 0.776 and 0.574, median-aligned 0.136, 0.826 and 0.516."""
    path = tmp_path / "nyu.json"
    model = f"fastdepth={shared_folder / 'peers' / 'fastdepth_nyu.onnx'}"
    data = shared_folder / "data" / "nyu_v2" / "test"
    Run("--model", model, "--data", data, "--protocol", "nyu-eigen-stored", "--stride", 8, "-o", path)
    found = [
        line["scores"][metric]
        for line in json.loads(path.read_text())["scores"]
        for metric in ("abs_rel", "delta1", "rmse")
    ]
    assert found == pytest.approx([0.1668, 0.7908, 0.5774, 0.1352, 0.8375, 0.5122], abs=0.002)


def test_reasons_that_differ_only_in_the_fitted_scale_are_told_once(tmp_path: Path) -> None:
    truths = [ramp(1, 8), ramp(1, 4)]
    data = write_set(tmp_path / "set", truths)
    turned = {f"{i:06d}": truth[:, ::-1].copy() for i, truth in enumerate(truths)}
    run = Run(
        "--model", _predictions(tmp_path / "turned", turned), "--data", data, "--protocol", "midas-kitti"
    )
    assert run.code == 2
    assert (
        "2 of 2 images without a number: alignment scale_shift_disparity: the scale is not above 0" in run.err
    )
