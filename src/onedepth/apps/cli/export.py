"""`onedepth export`: a checkpoint becomes one model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from onedepth.train.export import Int8Report

WEIGHTS = ".safetensors"


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Written by `onedepth train` (.safetensors).")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The model file (.onnx), or the weights alone (.safetensors)."),
    ] = Path("model.onnx"),
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
    int8: Annotated[
        bool, typer.Option("--int8", help="Calculate in 8 bits: a smaller file, faster on most processors.")
    ] = False,
    calibrate: Annotated[
        list[str] | None,
        typer.Option(
            help="With --int8: manifest, folder of scenes, or photos of the kind the model is for; may be "
            "repeated."
        ),
    ] = None,
    calibration_images: Annotated[
        int | None, typer.Option(min=1, help="With --int8: how many photos, all together; 96 by default.")
    ] = None,
    int8_tolerance: Annotated[
        float | None,
        typer.Option(help="With --int8: largest mean relative difference from float; 0.03 by default."),
    ] = None,
) -> None:
    """Turn a checkpoint into one ONNX file: a photo of any size and its focal length in, metres out.

    The file is compared with torch on photos and on generated pictures of many sizes; it is written only if
    every pixel agrees within the tolerance. With --int8, three quarters of the photos set the ranges of the
    8-bit numbers, and the file is written only if its metres agree with those of float on the others. Takes
    about half a minute, with --int8 two. A name that ends in .safetensors gives the weights alone, without
    the optimiser's state: to publish, and for fine-tuning (`init`). Needs `onedepth[train]`.
    """
    from onedepth.apps.cli._table import print_facts
    from onedepth.errors import ConfigError

    try:
        from onedepth.train.export import TOLERANCE, Int8, Request, export_checkpoint
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"export needs {error.name}, which is not installed; run `pip install 'onedepth[train]'`"
        ) from error

    if output.suffix == WEIGHTS:
        others = (
            name,
            licence,
            tolerance,
            image,
            calibrate,
            calibration_images,
            int8_tolerance,
            int8 or None,
        )
        _write_weights(checkpoint, output, overwrite, others)
        return
    _check_int8(int8, calibrate, calibration_images, int8_tolerance)
    asked = {"count": calibration_images, "tolerance": int8_tolerance}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
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
            int8=Int8(photos=tuple(calibrate or ()), **given) if int8 else None,
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
            **_int8_facts(done.int8),
        },
    )


def _write_weights(checkpoint: Path, output: Path, overwrite: bool, others: tuple[object, ...]) -> None:
    from onedepth.apps.cli._table import print_facts
    from onedepth.errors import ConfigError
    from onedepth.networks.checkpoint import write_weights

    if any(other is not None for other in others):
        raise ConfigError(
            f"{output}: weights alone know nothing but the network; only --overwrite goes with {WEIGHTS}"
        )
    if output.exists() and not overwrite:
        raise ConfigError(f"{output}: exists already; add --overwrite to replace it")
    write_weights(checkpoint, output)
    print_facts(str(output), {"size": f"{output.stat().st_size / 1e6:.1f} MB", "for": "`init` of a recipe"})


def _check_int8(int8: bool, calibrate: list[str] | None, *others: object) -> None:
    from onedepth.errors import ConfigError

    if int8 and not calibrate:
        raise ConfigError("--int8 needs --calibrate PATH: photos of the kind the model is for")
    if not int8 and (calibrate or any(other is not None for other in others)):
        raise ConfigError("--calibrate, --calibration-images and --int8-tolerance go with --int8; add it")


def _int8_facts(report: Int8Report | None) -> dict[str, str]:
    if report is None:
        return {}
    return {
        "int8 and float": f"{report.difference:.1%} apart in the mean of {report.held_back} photos held back "
        f"(worst {report.worst:.1%}: {report.worst_photo}), calibrated on {report.calibrated} others",
        "speed of int8": f"{report.speed:.2f} times float, here on one core",
    }


def _counted(photos: int, pictures: int) -> str:
    """What a file was compared on; without photos that is worth saying."""
    return f"{photos or 'no'} photos and {pictures} generated pictures"
