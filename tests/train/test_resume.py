"""A run that was stopped, at whatever moment and however rudely, ends as one that never was."""

import csv
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from onedepth.errors import ConfigError, DataError
from onedepth.networks.checkpoint import read_header
from onedepth.train import loop
from onedepth.train.loop import train
from onedepth.train.recipe import Recipe
from onedepth.train.step import StepReport
from train_cases import SOURCES, recipe_of, recipe_values

HELD_OUT = SOURCES["metric"] | {"holdout": {"block": 1, "every": 4}}
MIXED: dict[str, Any] = {  # two kinds, random losses, all augmentations
    "sources": [HELD_OUT, SOURCES["video"]],
    "losses": {"metric": {"silog": 1.0, "random_proposals": 0.5, "virtual_normal": 0.5}},
    "augment": {"camera_zoom": 0.5, "blur": 0.5, "noise": 0.5},
    "validate_every": 3,
    "monitor": "metric/abs_rel",
    "batch": 3,
}


def run(recipe: Recipe, world: Path, folder: Path, max_steps: int | None = None) -> Path:
    return train(recipe, data_root=world, folder=folder, max_steps=max_steps, device="cpu")


def same_tensors(one: Path, other: Path) -> bool:
    ours, theirs = load_file(one), load_file(other)
    assert {name.split(".")[0] for name in ours} >= {"network", "ema", "optimiser", "rng"}
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def rows_of(folder: Path) -> list[tuple[str, str, str]]:
    """The rows of the log that do not depend on the speed of the machine."""
    with (folder / "log.csv").open(newline="") as file:
        return [(step, name, value) for step, name, value in csv.reader(file) if name != "samples/s"]


@pytest.fixture(scope="module")
def straight(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of six steps that nothing stopped."""
    folder = tmp_path_factory.mktemp("straight")
    run(recipe_of(**MIXED), world, folder)
    return folder


def test_a_run_keeps_its_two_last_checkpoints_and_the_best(straight: Path):
    names = sorted(path.name for path in straight.iterdir())
    assert names == [
        "best.safetensors",
        "log.csv",
        "step_0000004.safetensors",
        "step_0000006.safetensors",
        "tensorboard",
    ]
    header = read_header(straight / "step_0000006.safetensors")
    assert header["step"] == 6
    assert Recipe.model_validate(header["recipe"]) == recipe_of(**MIXED)
    rows = rows_of(straight)
    scores = {int(s): float(v) for s, name, v in rows[1:] if name == "val/metric/abs_rel"}
    assert scores.keys() == {2, 5}
    best = min(scores, key=lambda step: scores[step])
    assert read_header(straight / "best.safetensors")["step"] == best + 1
    assert float(str(header["best"])) == pytest.approx(scores[best], rel=1e-4)


@pytest.mark.parametrize("stops", [[1], [3], [2, 3, 5]])
def test_stopped_runs_end_bit_for_bit_like_the_straight_one(world, straight, tmp_path, stops):
    for stop in [*stops, None]:
        last = run(recipe_of(**MIXED), world, tmp_path, stop)
    assert same_tensors(last, straight / "step_0000006.safetensors")
    assert same_tensors(tmp_path / "best.safetensors", straight / "best.safetensors")
    numbers = Counter(row[:2] for row in rows_of(tmp_path))
    assert set(numbers.values()) == {1}
    finished = {row for row in rows_of(straight) if row[1].startswith("val/")}
    assert finished <= set(rows_of(tmp_path))


def test_a_run_that_goes_on_from_a_checkpoint_has_the_same_log(world, straight, tmp_path):
    run(recipe_of(**MIXED), world, tmp_path, 4)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,lr,0.1\r\n5,metr")  # what a killed run leaves
    run(recipe_of(**MIXED), world, tmp_path)
    assert rows_of(tmp_path) == rows_of(straight)


def test_layouts_of_restored_moments_are_those_of_their_weights(world, straight, tmp_path, monkeypatch):
    """The fused optimiser goes through memory without looking at strides."""
    shutil.copytree(straight, tmp_path / "run")
    (tmp_path / "run" / "step_0000006.safetensors").unlink()
    layouts = []

    def spy(fabric: Any, system: Any, optimiser: torch.optim.Optimizer, *rest: Any) -> StepReport:
        for parameter, slots in optimiser.state.items():
            layouts.extend(v.stride() == parameter.stride() for v in slots.values() if v.ndim == 4)
        return StepReport({}, 0.0)

    monkeypatch.setattr(loop, "train_step", spy)
    run(recipe_of(**MIXED), world, tmp_path / "run", 5)
    assert layouts
    assert all(layouts)


@pytest.mark.parametrize("workers", [0, 1])
def test_random_numbers_of_the_networks_go_on_where_they_were(world, tmp_path, monkeypatch, workers):
    drawn: dict[str, list[float]] = {"whole": [], "parts": []}

    def step(fabric: Any, system: Any, *rest: Any) -> StepReport:
        drawn[current].append(float(torch.rand(())))  # as dropout does
        return StepReport({}, 0.0)

    monkeypatch.setattr(loop, "train_step", step)
    for current, stops in (("whole", [None]), ("parts", [1, 3, None])):
        for stop in stops:
            run(recipe_of(workers=workers), world, tmp_path / current, stop)
    assert len(set(drawn["whole"])) == 6
    assert drawn["parts"] == drawn["whole"]


def test_a_finished_run_stays_as_it_is(world, straight, tmp_path):
    shutil.copytree(straight, tmp_path / "run")
    before = {p: p.read_bytes() for p in (tmp_path / "run").glob("*.safetensors")}
    assert run(recipe_of(**MIXED), world, tmp_path / "run").name == "step_0000006.safetensors"
    assert before == {p: p.read_bytes() for p in (tmp_path / "run").glob("*.safetensors")}
    assert rows_of(tmp_path / "run") == rows_of(straight)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(bytes(content))


def _garble_the_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20:60] = b"x" * 40
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [_truncate, _empty, _flip_a_bit, _garble_the_header])
def test_a_damaged_newest_checkpoint_is_passed_over_with_a_warning(world, straight, tmp_path, caplog, damage):
    folder = tmp_path / "run"
    shutil.copytree(straight, folder)
    damage(folder / "step_0000006.safetensors")
    with caplog.at_level(logging.WARNING, logger="onedepth"):
        last = run(recipe_of(**MIXED), world, folder)
    assert any("step_0000006.safetensors" in r.getMessage() for r in caplog.records)
    assert same_tensors(last, straight / "step_0000006.safetensors")
    assert rows_of(folder) == rows_of(straight)


def test_with_no_whole_checkpoint_left_a_run_starts_afresh(world, straight, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(straight, folder)
    for path in folder.glob("step_*"):
        _flip_a_bit(path)
    last = run(recipe_of(**MIXED), world, folder)
    assert same_tensors(last, straight / "step_0000006.safetensors")
    assert rows_of(folder) == rows_of(straight)


@pytest.mark.parametrize(
    ("changes", "names"),
    [({"seed": 1}, "seed"), ({"batch": 4, "ema": 0.5}, "batch, ema"), ({"steps": 8}, "steps")],
)
def test_another_recipe_in_the_folder_is_an_error_that_says_where(world, straight, tmp_path, changes, names):
    shutil.copytree(straight, tmp_path / "run")
    with pytest.raises(ConfigError, match=rf"another recipe \(not the same: {names}\).*--output"):
        run(recipe_of(**MIXED | changes), world, tmp_path / "run")
    assert rows_of(tmp_path / "run") == rows_of(straight)


def test_a_run_of_before_a_field_existed_can_go_on(world, straight, tmp_path):
    from onedepth.train.resume import _differences

    stored = json.loads(json.dumps(read_header(straight / "best.safetensors")["recipe"]))
    del stored["max_bad_steps"], stored["network"]["scales"]
    assert _differences(stored, recipe_of(**MIXED)) == []
    assert _differences(None, recipe_of(**MIXED)) != []


def test_leftovers_of_killed_writers_go_away(world, tmp_path):
    (tmp_path / ".onedepth-0123456789ab.safetensors").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    run(recipe_of(), world, tmp_path, 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "log.csv",
        "notes.txt",
        "step_0000001.safetensors",
        "tensorboard",
    ]


def test_too_many_bad_steps_in_a_row_end_a_run_and_fewer_do_not(world, tmp_path, monkeypatch, caplog):
    problem = "loss 'silog' of source 'metric' is not finite"
    problems = iter([problem, problem, None, problem, problem, problem])

    def step(*_: Any) -> StepReport:
        return StepReport({}, 0.0, problem=next(problems))

    monkeypatch.setattr(loop, "train_step", step)
    with (
        caplog.at_level(logging.WARNING, logger="onedepth"),
        pytest.raises(
            DataError, match=r"3 steps in a row were skipped; the last, 5: loss 'silog' of source 'metric'"
        ),
    ):
        run(recipe_of(max_bad_steps=3, steps=20), world, tmp_path)
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        f"step {i} skipped" for i in (0, 1, 3, 4, 5)
    ]


# --- real processes

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
COMMAND = [sys.executable, "-c", "from onedepth.apps.cli import main; main()", "train"]


def start(recipe: Path, world: Path, folder: Path) -> "subprocess.Popen[bytes]":
    command = [*COMMAND, str(recipe), "--data", str(world), "-o", str(folder), "--device", "cpu"]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: "subprocess.Popen[bytes]") -> None:
    output = process.communicate(timeout=240)[0].decode()
    assert process.returncode == 0, output


def test_a_killed_process_goes_on_where_it_was(world, tmp_path):
    """Killed with SIGKILL at a random moment after a checkpoint; a process of its own loads the data."""
    values = recipe_values(**MIXED, steps=24, checkpoint_every=2, workers=1)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    finish(start(recipe, world, whole))
    process = start(recipe, world, killed)
    while not _newest(killed):
        assert process.poll() is None, process.communicate()[0].decode()
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    assert process.poll() is None, "it finished before it was killed; give it more steps"
    process.kill()
    process.communicate()
    assert 0 < _newest(killed) < 24
    finish(start(recipe, world, killed))
    for name in ("step_0000024", "best"):
        assert same_tensors(killed / f"{name}.safetensors", whole / f"{name}.safetensors")
    assert rows_of(killed) == rows_of(whole)
    assert set(Counter(row[:2] for row in rows_of(killed)).values()) == {1}
    assert sorted(p.name for p in killed.iterdir()) == sorted(p.name for p in whole.iterdir())


def _newest(folder: Path) -> int:
    return max((int(p.stem.removeprefix("step_")) for p in folder.glob("step_*.safetensors")), default=0)
