"""`onedepth measure`: lengths and heights in a photo or a depth file, in metres."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli._options import CameraFile, CameraName, DepthScale, Device, Focal, Fov, ModelFile
from onedepth.apps.cli._pixel_options import PixelCommand

measure = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@measure.command(cls=PixelCommand)
def _measure(
    file: Annotated[Path, typer.Argument(help="A photo, or a depth file (png16, npz, exr, tiff, pfm).")],
    points: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y X,Y ...", help="Pixels two by two: the distance between each two."),
    ] = None,
    height: Annotated[
        list[str] | None, typer.Option(metavar="X,Y ...", help="Pixels: the height of each above the floor.")
    ] = None,
    known: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH X,Y X,Y", help="Two pixels that are LENGTH metres apart: sets the scale."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Write the depth map, with its calibration, to measure in again (.npz, .png, ...)."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Let --save replace a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    focal: Focal = None,
    fov: Fov = None,
    camera: CameraFile = None,
    camera_name: CameraName = None,
    sensor: Annotated[
        bool,
        typer.Option("--sensor", help="The depth file was measured by a sensor, not predicted by a model."),
    ] = False,
    depth_scale: DepthScale = None,
    model: ModelFile = None,
    device: Device = "auto",
) -> None:
    """Measure lengths and heights in metres, each with its uncertainty (one standard deviation).

    Pixels are column,row, counted from 0 at the top left of the upright photo. Pixels at depth edges are
    refused, and the nearest one that can be used is named.
    """
    from onedepth.apps.cli import _measure_run as run
    from onedepth.apps.cli._pixel_options import known_of, pairs_of, pixels_of
    from onedepth.apps.cli._predict_options import camera_chooser

    wanted = run.Wanted(
        pairs=[pair for text in points or [] for pair in pairs_of("--points", text)],
        heights=[pixel for text in height or [] for pixel in pixels_of("--height", text)],
        known=None if known is None else known_of(known),
        save=save,
        overwrite=overwrite,
    )
    wanted.check()
    camera_of = camera_chooser(focal, fov, camera, camera_name)
    scene = run.open_scene(file, camera_of, model, device, sensor, depth_scale)
    run.show(run.measure(scene, wanted), as_json)
