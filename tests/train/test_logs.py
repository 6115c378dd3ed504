"""The log opens in a spreadsheet and in TensorBoard and has each step once, though a run be killed."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from onedepth.train.logs import Log
from onedepth.train.step import StepReport


def rows_of(folder: Path) -> list[tuple[int, str, float]]:
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["step", "name", "value"]
    return [(int(step), name, float(value)) for step, name, value in rows[1:]]


def report(value: float, problem: str | None = None) -> StepReport:
    return StepReport({"nyu/silog": value}, value, 2.0, {"nyu": 1.0}, problem)


def test_a_row_is_the_mean_since_the_last_one(tmp_path: Path):
    log = Log(tmp_path, 0)
    for step, value in enumerate((1.0, 2.0, 6.0)):
        log.add(step, report(value), {})
    log.write(2, {"lr": 0.25})
    log.add(3, report(5.0), {})
    log.write(3, {})
    log.close()
    assert [row for row in rows_of(tmp_path) if row[1] == "nyu/silog"] == [
        (2, "nyu/silog", 3),
        (3, "nyu/silog", 5),
    ]
    assert (2, "lr", 0.25) in rows_of(tmp_path)
    assert (2, "mixing/nyu", 1.0) in rows_of(tmp_path)
    assert (2, "gradient_norm", 2.0) in rows_of(tmp_path)


def test_skipped_steps_and_empty_labels_are_seen_at_their_step_and_spoil_no_mean(tmp_path: Path):
    log = Log(tmp_path, 0)
    log.add(0, report(1.0), {})
    log.add(1, report(float("nan"), "loss is not finite"), {})
    log.add(2, report(3.0), {"unlabelled": {"kitti": 4}, "unreadable": {"kitti": 1}})
    log.write(2, {})
    log.close()
    assert rows_of(tmp_path) == [
        (1, "skipped", 1),
        (2, "unlabelled/kitti", 4),
        (2, "unreadable/kitti", 1),
        (2, "gradient_norm", 2),
        (2, "mixing/nyu", 1),
        (2, "nyu/silog", 2),
    ]


@pytest.mark.parametrize("torn", ["", "7", "7,nyu/si", "7,nyu/silog,0.0", "8,", '8,"nyu'])
def test_going_on_cuts_off_what_an_earlier_attempt_wrote_beyond(tmp_path: Path, torn):
    first = Log(tmp_path, 0)
    for step in range(6):
        first.add(step, report(step), {})
        first.write(step, {})
    first.close()
    with (tmp_path / "log.csv").open("a") as file:
        file.write(torn)
    second = Log(tmp_path, 4)
    for step in range(4, 8):
        second.add(step, report(10 * step), {})
        second.write(step, {})
    second.close()
    rows = rows_of(tmp_path)
    assert set(Counter((step, name) for step, name, _ in rows).values()) == {1}
    assert [value for _, name, value in rows if name == "nyu/silog"] == [0, 1, 2, 3, 40, 50, 60, 70]


def test_tensorboard_shows_numbers_and_pictures_side_by_side(tmp_path: Path):
    log = Log(tmp_path, 0)
    log.write(3, {"lr": 0.5})
    image = np.full((8, 12, 3), 200, np.uint8)
    truth = np.linspace(1, 5, 96, dtype=np.float32).reshape(8, 12)
    log.pictures(3, {"nyu/0": (image, truth * 1.1, truth), "blank": (image, truth, 0 * truth)})
    log.close()
    board = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("lr")] == [(3, 0.5)]
    assert board.Tags()["images"] == ["nyu/0"]
    shown = board.Images("nyu/0")[0]
    assert (shown.step, shown.width, shown.height) == (3, 36, 8)
