"""Going on with a run: find the newest whole checkpoint of the same recipe."""

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from pydantic import ValidationError

from onedepth.errors import ConfigError, ModelFileError
from onedepth.networks.checkpoint import read_header
from onedepth.train.optim import MovingAverage
from onedepth.train.recipe import Recipe
from onedepth.train.setup import Run
from onedepth.train.state import restore_state

BEST = "best"
_log = logging.getLogger(__name__)


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of a run, newest first."""
    return sorted(folder.glob("step_*.safetensors"), reverse=True)


def resume(
    folder: Path,
    recipe: Recipe,
    run: Run,
    optimiser: torch.optim.Optimizer,
    average: MovingAverage | None,
) -> tuple[int, float | None]:
    """Load the newest whole checkpoint of a folder into a freshly built run.

    A damaged one is passed over with a warning. Returns the steps done and the best monitored value so far;
    (0, None) when there is nothing to go on with.

    Raises:
        ConfigError: The folder holds a run of another recipe.
    """
    for leftover in folder.glob(".onedepth-*.safetensors"):
        leftover.unlink(missing_ok=True)  # of a run that was killed while it wrote
    for path, header in _whole(folder):
        if different := _differences(header.get("recipe"), recipe):
            raise ConfigError(
                f"{folder}: holds a run of another recipe (not the same: {', '.join(different)}); "
                "choose another folder with --output"
            )
        try:
            restore_state(path, parts=run.parts, optimiser=optimiser, average=average)
        except ModelFileError as error:
            _log.warning("%s; trying the checkpoint before it", error)
            continue
        best = header["best"]
        return int(str(header["step"])), None if best is None else float(str(best))
    return 0, None


def _differences(stored: object, recipe: Recipe) -> list[str]:
    """Keys in which a stored recipe differs; those that it does not know yet count as their default."""
    try:
        before = Recipe.model_validate(stored)
    except ValidationError:
        return ["its keys"]
    return [name for name in Recipe.model_fields if getattr(before, name) != getattr(recipe, name)]


def _whole(folder: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    for path in checkpoints(folder):
        try:
            header = read_header(path)
        except ModelFileError as error:
            _log.warning("checkpoint passed over: %s", error)
            continue
        yield path, header
