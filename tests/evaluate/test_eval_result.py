"""A result file carries everything, and --verify notices whatever was changed afterwards."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from eval_cases import flat, protocol, ramp, saying, write_set
from pyarrow import parquet

from onedepth.errors import ConfigError
from onedepth.evaluate import markdown, result
from onedepth.evaluate.loading import open_data
from onedepth.evaluate.models import open_models
from onedepth.evaluate.per_image import check_suffix, write_per_image
from onedepth.evaluate.result import Setting, portable
from onedepth.evaluate.run import evaluate
from onedepth.evaluate.summary import summarise
from onedepth.evaluate.verify import verify

RULES = protocol()


@pytest.fixture
def made(tmp_path: Path, tiny_model: Path) -> tuple[Path, dict[str, Any]]:
    """A result of a model of ours on four images, one without truth."""
    folder = write_set(
        tmp_path / "set", [ramp(), flat(2), flat(float("nan")), flat(3)], greys=[20, 51, 90, 200]
    )
    setting = Setting(str(folder), 1, None, "onedepth eval ...")
    models = open_models([str(tiny_model)])
    outcome = evaluate(open_data(str(folder)), models, RULES)
    content = result.build(setting, RULES, models, outcome, summarise(outcome.table, RULES.average))
    path = tmp_path / "result.json"
    result.write(path, content)
    return path, content


def test_a_result_holds_protocol_hashes_versions_command_and_counts(
    made: tuple[Path, dict[str, Any]],
) -> None:
    path, content = made
    stored = json.loads(path.read_text())
    assert stored == json.loads(json.dumps(content))
    assert stored["protocol"]["range"] == {"floor": 0.001, "cap": 80, "ends": "closed"}
    assert stored["command"] == "onedepth eval ..."
    assert {"onedepth", "numpy", "onnxruntime", "python"} <= stored["versions"].keys()
    assert len(stored["data"]["sha256"]) == len(stored["models"]["tiny 1.0"]["sha256"]) == 64
    assert stored["scores"][0]["images"] == 3
    assert stored["scores"][0]["without"] == {"no truth between 0.001 and 80 m": 1}
    low, high = stored["scores"][0]["intervals"]["abs_rel"]
    assert low < stored["scores"][0]["scores"]["abs_rel"] < high


def test_a_result_read_back_is_what_was_written(made: tuple[Path, dict[str, Any]]) -> None:
    read = result.read(made[0])
    assert read.protocol == RULES
    assert read.setting.data == made[1]["data"]["path"]
    assert len(read.table.ids) == 4
    assert read.table.columns["tiny 1.0", "none"].reasons == {2: "no truth between 0.001 and 80 m"}


def test_what_was_not_touched_verifies(made: tuple[Path, dict[str, Any]]) -> None:
    for sample in (2, 0):
        checked = verify(result.read(made[0]), sample=sample)
        assert checked.problems == ()
        assert checked.images == (sample or 4)
        assert checked.numbers == checked.images * 2 * (len(RULES.metrics) + 3)


def _edit(path: Path, change: Any) -> result.Result:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    return result.read(path)


def _better_mean(values: dict[str, Any]) -> None:
    values["scores"][0]["scores"]["abs_rel"] *= 0.99


def _better_image(values: dict[str, Any]) -> None:
    column = values["per_image"]["columns"][0]["numbers"]
    column["abs_rel"][0] *= 0.99
    values["scores"][0]["scores"]["abs_rel"] = sum(v for v in column["abs_rel"] if v is not None) / 3


def _other_model(values: dict[str, Any]) -> None:
    values["models"]["tiny 1.0"]["sha256"] = "0" * 64


def _other_cap(values: dict[str, Any]) -> None:
    values["protocol"]["range"]["cap"] = 5


def _other_data(values: dict[str, Any]) -> None:
    values["data"]["sha256"] = "0" * 64


def _left_out(values: dict[str, Any]) -> None:
    values["data"]["limit"] = 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_better_mean, "the images' abs_rel give"),
        (_better_image, "000000, tiny 1.0 / none: abs_rel is"),
        (_other_model, "tiny 1.0: sha256 is"),
        (_other_cap, "abs_rel is|pixels is"),
        (_other_data, "its files are not those of the result"),
        (_left_out, "data: holds 3 images, the result 4"),
    ],
)
def test_whatever_was_changed_is_noticed(
    made: tuple[Path, dict[str, Any]], change: Any, message: str
) -> None:
    import re

    problems = verify(_edit(made[0], change), sample=0).problems
    assert any(re.search(message, problem) for problem in problems), problems


def test_changed_data_are_noticed(made: tuple[Path, dict[str, Any]]) -> None:
    import cv2
    import numpy as np

    picture = Path(made[1]["data"]["path"]) / "000000.jpg"
    cv2.imwrite(str(picture), np.full((48, 64, 3), 90, np.uint8))
    assert verify(result.read(made[0]), sample=0).problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as JSON"),
        ("[1]", "is no result of `onedepth eval`"),
        ('{"per_image": {}, "protocol": {}, "format": 99}', "is of format 99, this version reads 1"),
        ('{"per_image": {}, "protocol": {}, "format": 1}', "is damaged"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        result.read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        result.read(tmp_path / "none.json")


def test_paths_are_stored_with_the_variable_that_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "sets"
    inner.mkdir()
    monkeypatch.setenv("ONEDEPTH_ROOT", str(tmp_path))
    monkeypatch.setenv("ONEDEPTH_SETS", str(inner))
    assert portable(f"{inner}/nyu") == "$ONEDEPTH_SETS/nyu"
    assert portable(f"fastdepth={tmp_path}/peers/f.onnx") == "fastdepth=$ONEDEPTH_ROOT/peers/f.onnx"
    assert portable(f"{tmp_path}xyz/nyu") == f"{tmp_path}xyz/nyu"
    assert portable("data/nyu") == "data/nyu"


def test_every_number_of_every_image_goes_into_csv_and_parquet(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    table = result.read(made[0]).table
    write_per_image(tmp_path / "n.csv", table)
    write_per_image(tmp_path / "n.parquet", table)
    with (tmp_path / "n.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 2
    assert rows[0]["abs_rel"] == str(table.columns["tiny 1.0", "none"].of("abs_rel")[0])
    assert (rows[4]["abs_rel"], rows[4]["pixels"], rows[4]["reason"]) == (
        "",
        "0",
        "no truth between 0.001 and 80 m",
    )
    columns = parquet.read_table(tmp_path / "n.parquet").to_pydict()
    assert columns["abs_rel"][0] == pytest.approx(float(rows[0]["abs_rel"]))
    assert columns["abs_rel"][4] is None
    assert columns["model"] == ["tiny 1.0"] * 8
    with pytest.raises(ConfigError, match=r"ends in \.csv or \.parquet"):
        check_suffix(Path("numbers.xlsx"))


def test_a_markdown_table_has_units_and_directions(tmp_path: Path) -> None:
    data = open_data(str(write_set(tmp_path / "set", [flat(2), flat(4)])))
    outcome = evaluate(data, [saying(flat(2.5)), saying(flat(4), name="other")], RULES)
    lines, duels = summarise(outcome.table, "image")
    text = markdown.table(lines, RULES).splitlines()
    assert text[0].startswith("| alignment | model | images | AbsRel ↓ | δ < 1.25 ↑ | RMSE ↓ (m) |")
    assert text[2].startswith("| none | saying | 2 | 0.312 | 0.000 | 1.000 |")
    assert [row.split(" | ")[0] for row in text[2:]] == ["| none", "| none", "| median", "| median"]
    (duel,) = [d for d in duels if (d.metric, d.alignment) == ("abs_rel", "none")]
    assert duel.result.better == pytest.approx(
        0.75, abs=0.02
    )  # worse only where both draws are the second image
    (sentence,) = markdown.duel_rows([duel])
    assert sentence.startswith("saying is better than other in AbsRel (none) in 7")
    assert "of 2 images; saying minus other is -0.188 [-0.750, +0.375]" in sentence


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "0.123"), (12.345, "12.35"), (12345.6, "1.235e+04"), (-0.5, "-0.500")]
)
def test_numbers_have_the_digits_they_deserve(value: float, text: str) -> None:
    assert markdown.number(value) == text
    assert math.copysign(1, value) == (1 if markdown.signed(value)[0] == "+" else -1)


def test_the_sentence_about_a_protocol_states_all_that_matters() -> None:
    text = markdown.protocol_line(protocol("nyu-eigen-stored"))
    for part in ("rows 45:471, columns 41:601 of 640x480", "0.001-10 m, clamped", "median (in depth)",
                 "mean per image", "resize bilinear", "Kinect v1", "true camera given"):  # fmt: skip
        assert part in text
