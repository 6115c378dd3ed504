"""`onedepth data from-stereo`: pairs of images in, disparity labels and a manifest out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onedepth.apps.cli._stereo_run import LIMIT_HELP, METHOD_HELP

if TYPE_CHECKING:
    from onedepth.stereo.folder import Rig


def from_stereo(
    left: Annotated[Path, typer.Argument(help="Left image, or a folder of them.")],
    right: Annotated[Path, typer.Argument(help="Right image, or a folder with the same names.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for labels and manifest.")],
    method: Annotated[str, typer.Option(help=METHOD_HELP)] = "sgbm",
    limit: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help=LIMIT_HELP)] = None,
    rectify: Annotated[
        bool, typer.Option("--rectify", help="Align the rows of pairs that would be rejected for them.")
    ] = False,
    camera: Annotated[
        Path | None, typer.Option(help="Camera file of the left view, if the pairs are rectified.")
    ] = None,
    camera_name: Annotated[
        str | None, typer.Option(help="Which camera of a COLMAP or KITTI file: its id, or P2, K_02, ...")
    ] = None,
    baseline: Annotated[
        float | None,
        typer.Option(metavar="METRES", help="Between the cameras; with --camera: metric labels."),
    ] = None,
    offset: Annotated[
        float,
        typer.Option(metavar="PX", help="cx of the right camera minus cx of the left (Middlebury doffs)."),
    ] = 0.0,
    sky: Annotated[
        Path | None,
        typer.Option(help="Folder of masks NAME.png, sky not black: it gets the least disparity."),
    ] = None,
    eye_check: Annotated[
        bool, typer.Option("--eye-check/--no-eye-check", help="Reject pairs whose eyes seem exchanged.")
    ] = True,
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Write the views into the folder too; else they stay where they are."),
    ] = False,
    scene: Annotated[str, typer.Option(help="Name of the scene, for the manifest.")] = "",
    split: Annotated[str | None, typer.Option(help="train, val or test, for the manifest.")] = None,
    source: Annotated[str | None, typer.Option(help="Name of the data set, for the manifest.")] = None,
    licence: Annotated[str | None, typer.Option(help="Of the data, for the manifest.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; one per core unless given.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results in the folder.")] = False,
) -> None:
    """Make disparity labels from pairs of images.

    Every pair is matched from both sides and judged by the thresholds with which MiDaS labelled films; pairs
    that fail are listed in rejected.csv with the reason. The labels are affine (disparity up to scale and
    shift), or metric with --camera and --baseline. Exit code: 0 labels were made; 1 some pairs could not be
    read; 2 no label.
    """
    from dataclasses import replace

    from onedepth.apps.cli._app import report_error
    from onedepth.apps.cli._stereo_run import check_folder, limits_of, report, run_pairs
    from onedepth.stereo.folder import Workshop
    from onedepth.stereo.label import StereoOptions
    from onedepth.stereo.pairs import find_pairs
    from onedepth.stereo.sky import SkyFolder

    stereo = StereoOptions(
        method=method,
        limits=limits_of(limit or []),
        rectify=rectify,
        sky=SkyFolder(sky) if sky is not None else None,
        check_eyes=eye_check,
    )
    workshop = Workshop(
        folder=output,
        stereo=stereo,
        rig=_rig(camera, camera_name, baseline, offset),
        copy=copy,
        source=source,
        licence=licence,
        split=split,
    )
    check_folder(output, overwrite)
    pairs, unpaired = find_pairs(left, right, leave_out=output)
    run = run_pairs((replace(pair, scene=scene) for pair in pairs), workshop, len(pairs), workers)
    report(run, output)
    for image in unpaired:
        report_error(f"{image.path}: {image.reason}")
    raise typer.Exit(run.exit_code or int(bool(unpaired)))


def _rig(camera: Path | None, name: str | None, baseline: float | None, offset: float) -> Rig | None:
    """What is known of the cameras.

    Raises:
        ConfigError: Baseline, offset or name without the camera.
    """
    from onedepth.errors import ConfigError
    from onedepth.files.cameras import open_camera
    from onedepth.stereo.folder import Rig

    if camera is None:
        for option, value in (
            ("--camera-name", name),
            ("--baseline", baseline),
            ("--offset", offset or None),
        ):
            if value is not None:
                raise ConfigError(f"{option} says nothing without --camera; give the left camera as well")
        return None
    return Rig(camera_of=open_camera(camera, name=name), baseline=baseline, offset=offset)
