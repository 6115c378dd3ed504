"""`onedepth track`: the path of a camera, in metres, from its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli._app import report_error, say
from onedepth.apps.cli._options import CameraFile, CameraName, Device, Focal, Fov, ModelFile, Overwrite


def track(
    frames: Annotated[
        str,
        typer.Argument(help="A video, a folder of frames, a scene folder or a manifest.", metavar="FRAMES"),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="File for the path.")] = Path("path.txt"),
    format: Annotated[
        str, typer.Option(help="tum (time, place, quaternion) or kitti (3x4 matrices).")
    ] = "tum",
    depth: Annotated[
        str,
        typer.Option(
            help="predicted; labels (true depth of the manifest); none: no metres, up to one unknown scale."
        ),
    ] = "predicted",
    focal: Focal = None,
    fov: Fov = None,
    camera: CameraFile = None,
    camera_name: CameraName = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames per second; else the video's or manifest's.")
    ] = None,
    scene: Annotated[str | None, typer.Option(help="Scene of a manifest with several.")] = None,
    model: ModelFile = None,
    device: Device = "auto",
    noise: Annotated[float, typer.Option(help="Relative error expected of depth.")] = 0.05,
    overwrite: Overwrite = False,
) -> None:
    """Follow the camera through a video: its path in metres, from features and depth (no loop closing).

    Exit code: 0 every frame found, 1 some frames lost or damaged (they are listed, and their poses guesses),
    2 nothing done.
    """
    from onedepth.apps.cli import FAILED_SOME
    from onedepth.apps.cli._clip import is_kept, open_clip
    from onedepth.apps.cli._predict_options import camera_chooser
    from onedepth.apps.cli._progress import progress
    from onedepth.errors import ConfigError
    from onedepth.predict.predictor import load
    from onedepth.track.run import depth_source, follow
    from onedepth.track.tracker import TrackOptions
    from onedepth.track.trajectory import WRITERS, write_trajectory

    if format not in WRITERS:
        raise ConfigError(f"--format {format}: unknown; expected one of {', '.join(WRITERS)}")
    options = TrackOptions(noise=noise)
    camera_of = camera_chooser(focal, fov, camera, camera_name)
    if is_kept(output, overwrite):
        return
    clip = open_clip(frames, camera_of, fps, scene)
    if format == "tum" and not clip.timed:
        say("note: no frame rate is known, so times count frames; --fps gives it")
    with progress("Following", len(clip), "frames/s") as advance:
        found = follow(clip, depth_source(depth, lambda: load(model, device)), options, advance)
    write_trajectory(found.trajectory, output, format)
    unit = "units (scale unknown)" if found.scale_free else "m"
    say(f"{output}: {len(clip)} frames, {found.trajectory.length:.2f} {unit}, {found.keys} key-frames")
    for reason in found.unreadable:
        report_error(reason)
    lost = sorted(found.trajectory.lost)
    if lost:
        shown = ", ".join(map(str, lost[:12])) + (", ..." if len(lost) > 12 else "")
        say(f"lost: {len(lost)} of {len(clip)} frames, whose poses are guesses: {shown}", err=True)
        raise typer.Exit(FAILED_SOME)
