"""`onedepth train`: run a recipe, or go on with it where it was stopped."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from onedepth.errors import ConfigError


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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Train a network. Run the same command again to continue a run that was stopped, exactly."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigError("training needs PyTorch; run `pip install 'onedepth[train]'`")
    from onedepth.apps.cli._train_progress import TrainProgress
    from onedepth.train.loop import train as run
    from onedepth.train.recipe import read_recipe

    plan = read_recipe(recipe)
    folder = output or Path("runs") / plan.name
    with TrainProgress(plan.name) as progress:
        checkpoint = run(
            plan, data_root=data, folder=folder, max_steps=max_steps, device=device, on_progress=progress
        )
    typer.echo(f"{checkpoint}\nexport it with: onedepth export {checkpoint} -o model.onnx")
