"""`onedepth train` from a recipe file to a checkpoint; what it cannot use is one line and exit code 2."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from onedepth.apps.cli import app
from onedepth.networks import load_checkpoint
from onedepth.networks.checkpoint import read_header
from train_cases import SOURCES, recipe_values, write_scene


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    write_scene(tmp_path / "data" / "metric" / "one", frames=2)
    return write_recipe(tmp_path)


def write_recipe(folder: Path, **changes: Any) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe_values(**{"steps": 3, "batch": 2} | changes)))
    return path


def run(recipe: Path, *more: object) -> Result:
    data = ("--data", recipe.parent / "data", "--device", "cpu")
    return CliRunner().invoke(app, ["train", *map(str, (recipe, *data, *more))])


def assert_refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    for word in words:
        assert word in result.stderr


def test_trains_stops_and_goes_on(recipe: Path):
    output = recipe.parent / "out"
    first = run(recipe, "-o", output, "--max-steps", 2)
    assert first.exit_code == 0, first.output
    assert str(output / "step_0000002.safetensors") in first.stdout
    assert "onedepth export" in first.stdout
    second = run(recipe, "-o", output)
    assert second.exit_code == 0, second.output
    assert load_checkpoint(output / "step_0000003.safetensors").config.encoder == "test_resnet"
    assert (output / "log.csv").exists()


def test_the_folder_has_the_name_of_the_run(recipe: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(recipe.parent)
    assert run(recipe, "--max-steps", 1).exit_code == 0
    assert (recipe.parent / "runs" / "tiny" / "step_0000001.safetensors").exists()


def test_starts_from_a_checkpoint(recipe: Path):
    assert run(recipe, "-o", recipe.parent / "a", "--max-steps", 1).exit_code == 0
    init = recipe.parent / "a" / "step_0000001.safetensors"
    result = run(recipe, "-o", recipe.parent / "b", "--max-steps", 1, "--init", init)
    assert result.exit_code == 0, result.output
    stored = read_header(recipe.parent / "b" / "step_0000001.safetensors")["recipe"]
    assert isinstance(stored, dict)
    assert stored["init"] == str(init)


def test_a_rehearsal_says_what_would_be_and_writes_nothing(recipe: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(recipe.parent)
    before = sorted(recipe.parent.rglob("*"))
    result = run(recipe, "--dry-run")
    assert result.exit_code == 0, result.output
    for word in ("source metric", "2 samples", "100% of each batch", "silog", "parameters", "memory"):
        assert word in result.stdout
    assert sorted(recipe.parent.rglob("*")) == before


def test_a_missing_recipe(tmp_path: Path):
    assert_refused(run(tmp_path / "none.yaml"), "none.yaml")


def test_a_misspelt_key(recipe: Path):
    write_recipe(recipe.parent, stepz=3)
    assert_refused(run(recipe, "-o", recipe.parent / "out"), "tiny.yaml", "stepz", "'steps'")
    assert not (recipe.parent / "out").exists()


@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_missing_data(recipe: Path, option: tuple[str, ...]):
    write_recipe(recipe.parent, sources=[SOURCES["metric"] | {"path": "elsewhere"}])
    assert_refused(run(recipe, "-o", recipe.parent / "out", *option), "elsewhere: no such folder")
    assert not (recipe.parent / "out").exists()


def test_labels_that_cannot_serve(recipe: Path):
    write_scene(recipe.parent / "data" / "loose" / "one", frames=2, label="affine", camera=False)
    write_recipe(recipe.parent, sources=[SOURCES["metric"] | {"path": "loose"}])
    assert_refused(run(recipe, "-o", recipe.parent / "out"), "'metric'", "affine labels", "cannot serve")


def test_another_recipe_in_the_folder(recipe: Path):
    output = recipe.parent / "out"
    assert run(recipe, "-o", output, "--max-steps", 1).exit_code == 0
    write_recipe(recipe.parent, seed=5)
    assert_refused(run(recipe, "-o", output), "another recipe (not the same: seed)", "--output")


def test_a_checkpoint_that_is_not_there(recipe: Path):
    assert_refused(run(recipe, "-o", recipe.parent / "out", "--init", "none.safetensors"), "none.safetensors")


def test_a_device_that_is_not_there(recipe: Path):
    assert_refused(run(recipe, "-o", recipe.parent / "out", "--device", "toaster"), "toaster")


def test_a_damaged_photo(recipe: Path):
    for photo in recipe.parent.rglob("*.jpg"):
        photo.write_bytes(b"no photo")
    assert_refused(run(recipe, "-o", recipe.parent / "out"), ".jpg")


def test_a_folder_that_is_a_file(recipe: Path):
    (recipe.parent / "out").write_text("mine")
    assert_refused(run(recipe, "-o", recipe.parent / "out"), "out")
