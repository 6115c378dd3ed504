"""Every recipe of `recipes/` trains on the data it names: 20 steps, with small images and small batches."""

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from teacher_views import Photos, label_views
from typer.testing import CliRunner

from onedepth.apps.cli import app
from onedepth.manifest.manifest import write_manifest

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
STEPS = 20
SMALL = [{"width": 96, "height": 64}]


def shortened(path: Path) -> dict[str, Any]:
    """A recipe with everything of its own but its size."""
    values: dict[str, Any] = yaml.safe_load(path.read_text())
    values |= {
        "batch": max(2, len(values["sources"])),
        "sizes": SMALL,
        "checkpoint_every": STEPS,
        "workers": 0,
    }
    if values.get("validate_every", 1):
        values["validate_every"] = STEPS
    return values


def train(values: dict[str, Any], folder: Path, data: Path, steps: int) -> Path:
    """Train in a folder; its checkpoint."""
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    options = ("--data", data, "-o", folder / "run", "--device", "cpu", "--max-steps", steps)
    result = CliRunner().invoke(app, ["train", *map(str, (folder / "recipe.yaml", *options))])
    assert result.exit_code == 0, result.stderr
    return folder / "run" / f"step_{steps:07d}.safetensors"


def views(shared: Path, folder: Path) -> Path:
    """A few views labelled by the teacher, as the recipe of the shipped model needs many."""
    folder.mkdir()
    records = label_views(
        shared / "peers" / "fastdepth_nyu.onnx", Photos(shared / "data"), folder, 12, seed=0
    )
    write_manifest(records, folder / "manifest.jsonl")
    return folder / "manifest.jsonl"


def logged(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Name of a number -> (step, value)."""
    found: dict[str, list[tuple[int, float]]] = {}
    with (run / "log.csv").open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["name"], []).append((int(row["step"]), float(row["value"])))
    return found


@pytest.mark.shared_data
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_trains(path: Path, tmp_path: Path, shared_folder: Path):
    values, data = shortened(path), shared_folder / "data"
    for source in values["sources"]:
        if source["path"].startswith(("distilled/", "varied_")):
            source["path"] = str(views(shared_folder, tmp_path / source["name"]))
    if "init" in values:  # a checkpoint that is not at hand
        values["init"] = str(train({**values, "init": None}, tmp_path / "first", data, 1))
    checkpoint = train(values, tmp_path / "short", data, STEPS)
    assert checkpoint.exists()
    found = logged(checkpoint.parent)
    assert found["lr"][-1][0] == STEPS - 1
    for source in values["sources"]:
        losses = {name: value for name, value in found.items() if name.startswith(f"{source['name']}/")}
        assert losses, f"{source['name']} never spoke"
        assert all(math.isfinite(value) for series in losses.values() for _, value in series)


def test_a_recipe_for_every_kind_and_one_of_all():
    kinds = [{source["kind"] for source in map(_with_kind, _sources(path))} for path in RECIPES]
    for kind in ("metric", "scaled", "affine", "coarse", "video"):
        assert {kind} in kinds
    assert {"metric", "scaled", "affine", "coarse", "video"} in kinds


def _sources(path: Path) -> list[dict[str, Any]]:
    sources: list[dict[str, Any]] = yaml.safe_load(path.read_text())["sources"]
    return sources


def _with_kind(source: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "metric"} | source
