"""`onedepth convert`: a photo or a depth file as another format, or as a scene for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli._options import (
    CameraFile,
    CameraName,
    DepthScale,
    Device,
    Focal,
    Fov,
    ModelFile,
    Overwrite,
)


def convert(
    source: Annotated[Path, typer.Argument(help="A photo, or a depth file (png16, npz, exr, tiff, pfm).")],
    target: Annotated[Path, typer.Argument(help="The file; for colmap and nerfstudio a folder.")],
    to: Annotated[
        str | None,
        typer.Option(
            help="npz, exr, tiff, pfm, png16, ply, glb, picture, laz, normals (.png or .npz), colmap or "
            "nerfstudio. Without it the suffix decides."
        ),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Photo of the depth file, for the colours of points and meshes.")
    ] = None,
    focal: Focal = None,
    fov: Fov = None,
    camera: CameraFile = None,
    camera_name: CameraName = None,
    depth_scale: DepthScale = None,
    overwrite: Overwrite = False,
    model: ModelFile = None,
    device: Device = "auto",
) -> None:
    """Write depth as another format: point cloud, mesh, normals, or a scene of COLMAP or nerfstudio."""
    from onedepth.apps.cli import _convert_run as run
    from onedepth.apps.cli._app import say
    from onedepth.apps.cli._predict_options import camera_chooser

    write = run.writer(target, to)
    camera_of = camera_chooser(focal, fov, camera, camera_name)
    run.check_target(target, image)
    if run.has_result(target) and not overwrite:
        say(f"{target}: exists (kept; --overwrite replaces it)")
        return
    write(run.open_view(source, image, camera_of, model, device, depth_scale), target)
    say(f"{source} -> {target}")
