"""`onedepth train`: run a recipe, or go on with it where it was stopped."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onedepth.errors import ConfigError

if TYPE_CHECKING:
    from onedepth.train.recipe import Recipe


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML).")],
    data: Annotated[
        Path, typer.Option(envvar="ONEDEPTH_DATA", help="Folder that the recipe's source paths start from.")
    ] = Path(),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; runs/NAME by default.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop after this step; the schedule stays the recipe's.")
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Checkpoint to start from, instead of the recipe's `init`.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the recipe amounts to and take two steps, no more.")
    ] = False,
) -> None:
    """Train a network. Run the same command again to continue a run that was stopped, exactly."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigError("training needs PyTorch; run `pip install 'onedepth[train]'`")
    from onedepth.apps.cli._train_progress import TrainProgress
    from onedepth.train.loop import train as run
    from onedepth.train.recipe import read_recipe

    plan = read_recipe(recipe)
    if init is not None:
        plan = plan.model_copy(update={"init": init})
    if dry_run:
        _rehearse(plan, data, device)
        return
    folder = output or Path("runs") / plan.name
    with TrainProgress(plan.name) as progress:
        checkpoint = run(
            plan, data_root=data, folder=folder, max_steps=max_steps, device=device, on_progress=progress
        )
    if int(os.environ.get("RANK", "0")) == 0:  # under torchrun one process speaks
        typer.echo(f"{checkpoint}\nexport it with: onedepth export {checkpoint} -o model.onnx")


def _rehearse(plan: Recipe, data: Path, device: str) -> None:
    """Print what a run would be, after two steps of it."""
    from onedepth.apps.cli._table import print_facts
    from onedepth.train.rehearsal import STEPS, rehearse

    found = rehearse(plan, data_root=data, device=device)
    facts: dict[str, Any] = {
        f"source {s.name}": f"{s.kind}, {s.samples} samples, {s.share:.0%} of each batch; "
        + ", ".join(f"{name} {weight:g}" for name, weight in s.losses.items())
        for s in found.sources
    }
    facts |= {f"parameters, {part}": f"{number:,}" for part, number in found.parameters.items()}
    facts["gradients combined by"] = plan.mixing
    facts["steps"] = f"{plan.steps} of {plan.batch} samples"
    facts["peak memory"] = f"{found.memory / 2**20:.0f} MiB, measured over {STEPS} steps"
    facts["speed"] = f"{found.samples_per_second:.1f} samples/s, start-up included"
    print_facts(plan.name, facts)
