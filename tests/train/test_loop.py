"""The loop from end to end: every kind in one run, several processes, bad data, what is written."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from onedepth.errors import ConfigError, DataError
from onedepth.networks import load_checkpoint
from onedepth.networks.checkpoint import load_autoencoder
from onedepth.train.loop import Progress, train
from train_cases import NETWORK, PLAIN, SOURCES, recipe_of, recipe_values, write_scene

HELD_OUT = SOURCES["metric"] | {"holdout": {"block": 1, "every": 4}}


def numbers_of(folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with (folder / "log.csv").open(newline="") as file:
        for _, name, value in list(csv.reader(file))[1:]:
            found.setdefault(name, []).append(float(value))
    return found


@pytest.mark.parametrize("mixing", ["mean", "pareto"])
def test_all_kinds_in_one_run(world: Path, tmp_path: Path, mixing: str):
    recipe = recipe_of(
        *SOURCES,
        batch=10,
        steps=4,
        mixing=mixing,
        sources=[HELD_OUT, *(source for kind, source in SOURCES.items() if kind != "metric")],
        validate_every=2,
        monitor="metric/silog",
    )
    shown: list[Progress] = []
    last = train(recipe, data_root=world, folder=tmp_path, device="cpu", on_progress=shown.append)
    numbers = numbers_of(tmp_path)
    for source in recipe.sources:
        for loss in recipe.losses_of(source.name):
            assert all(value == value for value in numbers[f"{source.name}/{loss}"])
        assert f"mixing/{source.name}" in numbers
    assert sum(numbers[f"mixing/{s.name}"][0] for s in recipe.sources) == pytest.approx(1, abs=1e-4)
    assert {
        "lr",
        "samples/s",
        "gradient_norm",
        "val/metric/abs_rel",
        "val/metric/median_delta1",
    } <= numbers.keys()
    assert "skipped" not in numbers
    assert [(p.step, p.steps) for p in shown] == [(i, 4) for i in range(1, 5)]
    board = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    assert [e.step for e in board.Images("metric/0")] == [1, 3]
    assert (board.Images("metric/0")[0].width, board.Images("metric/0")[0].height) == (3 * 64, 64)
    network = load_checkpoint(last)
    with torch.no_grad():
        assert network(torch.rand(1, 3, 64, 64)).isfinite().all()


def test_training_learns(world: Path, tmp_path: Path):
    """From far too far away, the error on walls that were held out falls, without any alignment."""
    network = NETWORK | {"depth_range": [1.0, 100.0]}
    recipe = recipe_of(sources=[HELD_OUT], network=network, steps=24, validate_every=4, checkpoint_every=24)
    train(recipe, data_root=world, folder=tmp_path, device="cpu")
    errors = numbers_of(tmp_path)["val/metric/abs_rel"]
    assert max(errors[2:]) < 0.6 * errors[0]


def test_an_unlabelled_image_is_counted(tmp_path: Path):
    write_scene(tmp_path / "data" / "metric" / "one", frames=3)
    recipe = recipe_of(sources=[SOURCES["metric"] | {"max_depth": 0.5}], steps=2)
    last = train(recipe, data_root=tmp_path / "data", folder=tmp_path / "run", device="cpu")
    numbers = numbers_of(tmp_path / "run")
    assert numbers["unlabelled/metric"] == [4, 4]
    assert numbers["gradient_norm"] == [0]
    state = load_file(last)
    moments = [v for name, v in state.items() if name.endswith(("exp_avg", "exp_avg_sq"))]
    assert moments
    assert not any(v.any() for v in moments)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_photo_is_one_line(tmp_path: Path, workers: int):
    scene = write_scene(tmp_path / "data" / "metric" / "one", frames=2)
    for photo in scene.glob("*.jpg"):
        photo.write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"00\d\.jpg: damaged or not an image") as caught:
        train(recipe_of(workers=workers), data_root=tmp_path / "data", folder=tmp_path / "run", device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_sample_is_passed_over_and_counted(tmp_path: Path, caplog, workers: int):
    scene = write_scene(tmp_path / "data" / "metric" / "one", frames=6)
    (scene / "003.png").write_bytes(b"no label")
    recipe = recipe_of(workers=workers, data_errors={"share": 0.5}, steps=4)
    train(recipe, data_root=tmp_path / "data", folder=tmp_path / "run", device="cpu")
    found = numbers_of(tmp_path / "run")["unreadable/metric"]
    assert sum(found) >= 1
    warnings = [r.getMessage() for r in caplog.records if "passed over" in r.getMessage()]
    assert len(warnings) == 1  # once, however often it was drawn
    assert "003.png: damaged or not an image" in warnings[0]


def test_a_recipe_may_allow_no_unreadable_sample(tmp_path: Path):
    scene = write_scene(tmp_path / "data" / "metric" / "one", frames=6)
    (scene / "003.png").write_bytes(b"no label")
    recipe = recipe_of(data_errors={"share": 0})
    with pytest.raises(DataError, match=r"could not be read, more than data_errors\.share 0 .*003\.png: dam"):
        train(recipe, data_root=tmp_path / "data", folder=tmp_path / "run", device="cpu")


def test_validation_leaves_out_what_cannot_be_read(tmp_path: Path, caplog):
    scene = write_scene(tmp_path / "data" / "metric" / "one", frames=12)
    (scene / "003.jpg").unlink()
    recipe = recipe_of(sources=[HELD_OUT], validate_every=6)
    train(recipe, data_root=tmp_path / "data", folder=tmp_path / "run", device="cpu")
    assert numbers_of(tmp_path / "run")["val/metric/abs_rel"]
    assert any("validation leaves out a record of metric" in r.getMessage() for r in caplog.records)


@pytest.mark.parametrize("device", ["toaster", "tpu"])
def test_a_device_that_is_not_there_is_one_line(world, tmp_path, device):
    with pytest.raises(ConfigError, match=f"device '{device}' cannot be used here") as caught:
        train(recipe_of(), data_root=world, folder=tmp_path / "run", device=device)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_loading_processes_change_nothing(world, tmp_path):
    states = []
    for workers in (0, 2):
        recipe = recipe_of("metric", "video", workers=workers, steps=3)
        states.append(load_file(train(recipe, data_root=world, folder=tmp_path / str(workers), device="cpu")))
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_starts_from_another_network(world, tmp_path):
    first = train(recipe_of(steps=2), data_root=world, folder=tmp_path / "a", device="cpu")
    recipe = recipe_of(steps=1, init=str(first), optimiser={"lr": 1e-9, "encoder_lr": 1e-9, "warmup": 0})
    second = train(recipe, data_root=world, folder=tmp_path / "b", device="cpu")
    ours, theirs = load_checkpoint(first), load_checkpoint(second, averaged=False)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)
    larger = NETWORK | {"input_sizes": [[128, 96]]}
    third = train(
        recipe_of(steps=1, init=str(first), network=larger),
        data_root=world,
        folder=tmp_path / "l",
        device="cpu",
    )
    assert load_checkpoint(third).config.input_sizes == ((128, 96),)
    other_network = NETWORK | {"canonical_focal": 61.0}
    with pytest.raises(ConfigError, match=r"init: .*holds another network"):
        train(
            recipe_of(init=str(first), network=other_network),
            data_root=world,
            folder=tmp_path / "c",
            device="cpu",
        )


def test_an_autoencoder_is_trained_and_teaches(world, tmp_path):
    teacher = train(
        recipe_of(task="autoencoder", steps=2), data_root=world, folder=tmp_path / "teacher", device="cpu"
    )
    load_autoencoder(teacher)
    source = SOURCES["coarse"] | {"losses": {"low_resolution": 1.0, "affinity": 0.1}}
    train(
        recipe_of(sources=[source], steps=2, teacher=str(teacher)),
        data_root=world,
        folder=tmp_path / "student",
        device="cpu",
    )
    assert numbers_of(tmp_path / "student")["coarse/affinity"][0] > 0


# --- several processes

PROGRAM = """
import json, sys
from pathlib import Path
import torch
from onedepth.train.loop import train
from onedepth.train.recipe import Recipe
torch.set_num_threads(1)
world, jobs = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
for folder, recipe in jobs:
    train(Recipe.model_validate(recipe), data_root=world, folder=Path(folder), device="cpu")
"""
FIXED = {  # losses that draw nothing at random
    "metric": {"silog": 1.0, "log_gradient": 0.1},
    "affine": {"ssi_mae": 1.0},
    "coarse": {"low_resolution": 1.0, "downsampled_high": 1.0},
    "video": {"reprojection": 1.0, "smoothness": 0.001},
}


def test_two_processes_follow_one_with_the_whole_batch(world, tmp_path):
    recipes = {
        mixing: recipe_values(
            *kinds,
            losses=FIXED,
            batch=7,  # one process has more to do than the other, and some steps lack a source
            steps=3,
            mixing=mixing,
            augment=PLAIN | {"flip": 0.5},
            optimiser={"lr": 1e-4, "encoder_lr": 1e-4, "warmup": 1},
        )
        for mixing, kinds in {"mean": FIXED, "pareto": ("metric", "affine", "coarse")}.items()
    }
    program, jobs = tmp_path / "program.py", tmp_path / "jobs.json"
    program.write_text(PROGRAM)
    jobs.write_text(json.dumps([(str(tmp_path / "two" / name), values) for name, values in recipes.items()]))
    (tmp_path / "two").mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(program), str(world), str(jobs)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    for name, values in recipes.items():
        last = train(recipe_of(**values), data_root=world, folder=tmp_path / "one" / name, device="cpu")
        two = tmp_path / "two" / name
        assert sorted(p.name for p in two.iterdir()) == sorted(p.name for p in last.parent.iterdir())
        assert len(list((two / "tensorboard").iterdir())) == 1  # only one process writes
        assert_follows(load_file(two / last.name), load_file(last))
        ours, theirs = (numbers_of(folder) for folder in (two, last.parent))
        for key in ("gradient_norm", *(key for key in theirs if key.startswith("mixing/"))):
            assert ours[key] == pytest.approx(theirs[key], rel=2e-3, abs=1e-4), key
        assert max(theirs["mixing/metric"]) > 0.01


def assert_follows(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """First moments are sums of gradients, so they compare without AdamW's division by nearly nothing."""
    assert found.keys() == expected.keys()
    ours, theirs = (
        torch.cat([state[name].flatten() for name in sorted(state) if name.endswith(".exp_avg")])
        for state in (found, expected)
    )
    assert float((ours - theirs).norm()) < 5e-3 * float(theirs.norm())
    for name in expected:
        if name.startswith(("network.", "pose.")):
            torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-4, msg=name)
