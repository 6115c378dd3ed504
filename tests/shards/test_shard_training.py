"""Training from shards: the samples that files give, in any number of processes, and after a stop."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from range_server import serve
from safetensors.torch import load_file

from onedepth.layouts import LayoutOptions
from onedepth.layouts.scenes import read
from onedepth.shards.pack import PackOptions, pack
from onedepth.train.loop import build_mixture, train
from train_cases import SOURCES, recipe_of, write_scene

HELD_OUT = {"holdout": {"block": 2, "every": 3}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scene folders `metric` and `video`, and shards of both."""
    root = tmp_path_factory.mktemp("world")
    for name, video in (("metric", False), ("video", True)):
        write_scene(root / name / "one", frames=9, video=video)
        records = list(read(root / name, LayoutOptions()))
        pack(records, str(root / "shards" / name), PackOptions(shard_bytes=40_000, workers=1))
    return root


def sources(path: str) -> dict[str, Any]:
    return {
        "sources": [
            SOURCES["metric"] | HELD_OUT | {"path": f"{path}metric"},
            SOURCES["video"] | {"path": f"{path}video"},
        ],
        "augment": {"blur": 0.5, "noise": 0.5, "camera_zoom": 0.5},
    }


def test_samples_from_shards_are_those_from_files(world: Path) -> None:
    files = build_mixture(recipe_of(**sources("")), world)
    shards = build_mixture(recipe_of(**sources("shards/")), world)
    for step in range(3):
        for one, other in zip(files[step], shards[step], strict=True):
            assert one.ids == other.ids
            for name in ("image", "label", "mask", "intrinsics", "frames"):
                assert torch.equal(getattr(one, name), getattr(other, name))


_SHARE = """
import json, sys
from pathlib import Path
from onedepth.train.loop import _loader, build_mixture
from onedepth.train.recipe import Recipe
values, root, rank, start = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
mixture = build_mixture(Recipe.model_validate(values), root, (rank, 2))
for step, batches in enumerate(_loader(mixture, start, 4, 2), start):
    sums = [[b.source, *zip(b.ids, b.image.double().sum((1, 2, 3)).tolist())] for b in batches]
    print(json.dumps([step, sums]))
"""


def share(values: dict[str, Any], root: Path, rank: int, start: int) -> dict[int, Any]:
    command = [sys.executable, "-c", _SHARE, json.dumps(values), str(root), str(rank), str(start)]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=one)
    assert done.returncode == 0, done.stderr
    return {step: batches for step, batches in map(json.loads, done.stdout.splitlines())}


@pytest.mark.timeout(240)
def test_two_processes_with_two_workers_each_share_the_slots_over_http(world: Path) -> None:
    """Each starts somewhere else, in the middle of the epoch, and gets what one process would."""
    with serve(world / "shards") as url:
        values = recipe_of(batch=6, **sources(f"{url}/")).model_dump(mode="json", exclude_defaults=True)
        shares = [share(values, world, rank, start) for rank, start in ((0, 0), (1, 2))]
    mixture = build_mixture(recipe_of(batch=6, **sources("")), world)
    for step in (2, 3):
        size = mixture.size_at(step)
        slots: list[Any] = []
        for slot in range(6):
            source = mixture.sources[mixture.source_at(step, slot)]
            sample = mixture.sample_at(step, slot, source, size)
            slots.append([source.config.name, sample.id, float(sample.image.sum(dtype="f8"))])
        for rank in (0, 1):
            mine = sorted(slots[rank::2])
            got = sorted([name, *pair] for name, *pairs in shares[rank][step] for pair in pairs)
            assert got == mine


@pytest.mark.timeout(240)
def test_a_run_from_shards_goes_on_as_if_it_had_not_stopped(world: Path, tmp_path: Path) -> None:
    plain = sources("shards/") | {"sources": sources("shards/")["sources"][:1]}
    recipe = recipe_of(steps=4, batch=2, checkpoint_every=2, **plain)
    last = {
        name: [
            train(recipe, data_root=world, folder=tmp_path / name, max_steps=steps, device="cpu")
            for steps in stops
        ][-1]
        for name, stops in {"straight": (4,), "stopped": (2, 4)}.items()
    }
    straight, stopped = (load_file(last[name]) for name in ("straight", "stopped"))
    assert straight.keys() == stopped.keys()
    assert all(torch.equal(straight[name], stopped[name]) for name in straight)
