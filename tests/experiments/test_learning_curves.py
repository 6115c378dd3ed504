"""The curves of a model follow its recipes back, and count the images of every stage."""

from pathlib import Path

import learning_curves
import pytest


def world(folder: Path) -> Path:
    """Two stages: the first was left at step 20 of 30, though its log goes on; the second has 4."""
    (folder / "first.yaml").write_text("{name: first, steps: 30, batch: 2}")
    last = folder / "last.yaml"
    last.write_text("{name: last, steps: 4, batch: 10, init: runs/first/step_0000020.safetensors}")
    for name, steps in (("first", (9, 19, 29)), ("last", (3,))):
        (folder / "runs" / name).mkdir(parents=True)
        rows = [
            f"{step},val/nyu/{metric},0.{step + 10}" for step in steps for metric in learning_curves.SHOWN
        ]
        (folder / "runs" / name / "log.csv").write_text(
            "\n".join(["step,name,value", *rows, "3,lr,1"]) + "\n"
        )
    return last


def test_stages_follow_each_other(tmp_path: Path) -> None:
    told = list(learning_curves.points(world(tmp_path), tmp_path / "runs", "nyu"))
    shown = [(p.stage, p.step, p.images, p.value) for p in told if p.name == "delta1"]
    assert shown == [("first", 10, 20, 0.19), ("first", 20, 40, 0.29), ("last", 4, 80, 0.13)]
    learning_curves.write(told, tmp_path / "told.csv")
    assert (tmp_path / "told.csv").read_text().splitlines()[1] == "first,10,20,abs_rel,0.19"
    learning_curves.draw(told, tmp_path / "told.png")
    assert (tmp_path / "told.png").stat().st_size > 5000


def test_a_stage_without_a_log_counts_and_is_left_out(tmp_path: Path) -> None:
    last = world(tmp_path)
    (tmp_path / "runs" / "first" / "log.csv").unlink()
    told = list(learning_curves.points(last, tmp_path / "runs", "nyu"))
    assert {(p.stage, p.images) for p in told} == {("last", 80)}


def test_a_start_from_somewhere_else_is_refused(tmp_path: Path) -> None:
    last = world(tmp_path)
    last.write_text("{name: last, steps: 4, batch: 10, init: weights.safetensors}")
    with pytest.raises(SystemExit, match=r"weights\.safetensors names no step"):
        learning_curves.stages(last)
