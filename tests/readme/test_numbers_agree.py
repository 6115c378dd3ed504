"""README, model card and stored results say the same numbers, and the results follow from their images."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from onedepth.evaluate import result
from onedepth.evaluate.protocol import load_protocol
from onedepth.evaluate.summary import summarise
from onedepth.predict.modelfile import MODEL_FOLDER, SHIPPED_MODEL

ROOT = Path(__file__).parents[2]
README, CARD = ROOT / "README.md", ROOT / "docs" / "models" / "onedepth_v1.md"
EVALUATIONS = sorted(p for p in (ROOT / "results").glob("*.json") if '"per_image"' in p.read_text())
SETS = {  # first word of a table's set -> result
    "NYU": "nyu_v2_test.json",
    "KITTI odometry": "kitti_odometry_04.json",
    "TUM": "tum_rgbd.json",
    "KITTI raw": "kitti_sfnd3d.json",
}
UNSEEN = {  # likewise of the table of sets without metres
    "halls": "levels.json",
    "roads": "tracks.json",
    "SfM": "sfm.json",
}
COLUMNS = {"AbsRel": "abs_rel", "delta1": "delta1", "RMSE": "rmse"}
ROW = re.compile(r"^\|(?P<cells>(?:[^|\n]*\|)+)$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """A row of an accuracy table: which result, alignment and model, and its numbers as they are printed."""

    file: str
    alignment: str
    model: str
    numbers: dict[str, str]


def rows(page: Path, file: str | None) -> Iterator[Row]:
    """Rows of the tables that have an alignment column; `file` is that of a table without a set column."""
    heads: list[str] = []
    for match in ROW.finditer(page.read_text()):
        cells = [cell.strip().strip("*") for cell in match["cells"].split("|")[:-1]]
        if "alignment" in cells:
            heads = cells
            continue
        named = dict(zip(heads, cells, strict=False))
        if len(cells) == len(heads) and named["alignment"] in ("none", "median"):
            if named.get("set"):
                file = next(name for word, name in SETS.items() if word in named["set"])
            numbers = {
                metric: text
                for head, text in named.items()
                for word, metric in COLUMNS.items()
                if head.startswith(word)
            }
            assert file is not None
            yield Row(file, named["alignment"], named["model"], numbers)


def scores(file: str, model: str, alignment: str) -> dict[str, float]:
    stored = json.loads((ROOT / "results" / file).read_text())
    found: list[dict[str, Any]] = [
        line
        for line in stored["scores"]
        if line["alignment"] == alignment and line["model"].split(" ")[0] == model
    ]
    (line,) = found
    return {name: float(value) for name, value in line["scores"].items()}


@pytest.mark.parametrize(
    ("page", "file", "expected"), [(README, SETS["NYU"], 4), (CARD, None, 14)], ids=["README", "card"]
)
def test_tables_hold_what_the_results_hold(page: Path, file: str | None, expected: int) -> None:
    found = list(rows(page, file))
    assert len(found) == expected
    for row in found:
        assert row.numbers.keys() == set(COLUMNS.values())
        stored = scores(row.file, row.model, row.alignment)
        for metric, text in row.numbers.items():
            places = len(text.partition(".")[2])
            assert places >= 2, row
            assert text == f"{stored[metric]:.{places}f}", (row.file, row.model, row.alignment, metric)


def test_the_card_has_the_command_of_every_result_and_its_counts() -> None:
    card = CARD.read_text()
    for word, file in SETS.items():
        stored = json.loads((ROOT / "results" / file).read_text())
        assert stored["command"] in card, file
        row = next(line for line in card.splitlines() if line.startswith(f"| {word}") and "cap" in line)
        assert re.search(rf"\b{stored['data']['images']} (images|frames)", row), file
        assert f"cap {stored['protocol']['range']['cap']:g} m" in row
    (share_none, share_median) = (
        100 * (1 - duel["result"]["better"])
        for duel in json.loads((ROOT / "results" / SETS["NYU"]).read_text())["comparisons"]
        if duel["metric"] == "abs_rel"
    )
    assert f"{share_none:.1f} % of bootstrap resamples" in card
    assert f"in {share_median:.1f} % with the median" in card


def test_sets_without_metres_score_what_their_results_hold() -> None:
    card = CARD.read_text()
    for word, file in UNSEEN.items():
        assert json.loads((ROOT / "results" / file).read_text())["command"] in card
        for model in ("onedepth_v1", "FastDepth"):
            stored = scores(file, model, "median")
            (row,) = (
                line for line in card.splitlines() if line.startswith(f"| {word}") and f"| {model} |" in line
            )
            cells = [cell.strip(" *") for cell in row.split("|")[-3:-1]]
            assert cells == [f"{stored['abs_rel']:.3f}", f"{stored['delta1']:.3f}"], row


def test_the_readme_leads_to_its_result() -> None:
    assert "](results/nyu_v2_test.json)" in README.read_text()


@pytest.mark.parametrize("path", EVALUATIONS, ids=lambda path: path.name)
def test_a_stored_result_is_whole_and_of_today(path: Path) -> None:
    """Its means follow from its images, its protocol is the shipped one, its model the shipped one."""
    read = result.read(path)
    assert read.protocol == load_protocol(read.protocol.name)
    assert f"--output results/{path.name}" in read.setting.command
    assert read.values["warnings"] == []
    assert read.values["failures"] == {}
    lines, duels = summarise(read.table, read.protocol.average)
    for line, stored in zip(lines, read.values["scores"], strict=True):
        assert line.scores == pytest.approx(stored["scores"], rel=1e-5)
        assert line.images == stored["images"] == read.values["data"]["images"]
        for metric, (low, high) in stored["intervals"].items():
            again = line.intervals[metric]
            assert (again.low, again.high) == pytest.approx((low, high), rel=1e-4)
    for duel, stored in zip(duels, read.values["comparisons"], strict=True):
        assert duel.result.better == pytest.approx(stored["result"]["better"], abs=2e-3)
    for model in read.values["models"].values():
        if model["spec"] == SHIPPED_MODEL:
            shipped = (MODEL_FOLDER / f"{SHIPPED_MODEL}.onnx").read_bytes()
            assert model["sha256"] == hashlib.sha256(shipped).hexdigest()


def test_there_are_results() -> None:
    assert {path.name for path in EVALUATIONS} >= set(SETS.values())
