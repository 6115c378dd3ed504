"""`onedepth export`: a checkpoint becomes one model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Written by `onedepth train` (.safetensors).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model file to write.")] = Path(
        "model.onnx"
    ),
    name: Annotated[str | None, typer.Option(help="Name of the model; by default the recipe's.")] = None,
    model_version: Annotated[str, typer.Option(help="Version of the model.")] = "1",
    licence: Annotated[
        str | None, typer.Option(help="Licence of the weights; by default the recipe's.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Largest relative difference from torch of any pixel's metres; 0.001 by default."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a file that exists.")] = False,
    image: Annotated[
        list[str] | None,
        typer.Option(help="Photo, folder or pattern to compare with torch on; may be repeated."),
    ] = None,
) -> None:
    """Turn a checkpoint into one ONNX file: a photo of any size and its focal length in, metres out.

    The file is compared with torch on photos and on generated pictures of many sizes; it is written only if
    every pixel agrees within the tolerance. Takes about half a minute. Needs `onedepth[train]`.
    """
    from onedepth.apps.cli._table import print_facts
    from onedepth.errors import ConfigError

    try:
        from onedepth.train.export import TOLERANCE, Request, export_checkpoint
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"export needs {error.name}, which is not installed; run `pip install 'onedepth[train]'`"
        ) from error

    done = export_checkpoint(
        Request(
            checkpoint=checkpoint,
            output=output,
            name=name,
            version=model_version,
            licence=licence,
            tolerance=TOLERANCE if tolerance is None else tolerance,
            overwrite=overwrite,
            images=tuple(image or ()),
        )
    )
    worst = done.worst
    print_facts(
        str(done.path),
        {
            "model": done.info.title,
            "size": f"{done.path.stat().st_size / 1e6:.1f} MB",
            "parameters": f"{done.info.parameters:,}",
            "training data": done.info.training_data,
            "licence": done.info.licence,
            "agrees with torch": f"within {worst.metres:.1e} on {_counted(done.photos, done.pictures)} "
            f"(worst: {worst.photo})",
        },
    )


def _counted(photos: int, pictures: int) -> str:
    """What a file was compared on; without photos that is worth saying."""
    return f"{photos or 'no'} photos and {pictures} generated pictures"
