"""`onedepth data from-video`: a stereo film in, frames with disparity labels and a manifest out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli._stereo_run import LIMIT_HELP, METHOD_HELP


def from_video(
    movie: Annotated[Path, typer.Argument(help="Stereo film: any file that FFmpeg reads.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for views, labels and manifest.")],
    layout: Annotated[
        str, typer.Option(help="side-by-side, half-side-by-side, top-bottom or half-top-bottom.")
    ],
    right_first: Annotated[
        bool, typer.Option("--right-first", help="The right eye's view lies left or on top.")
    ] = False,
    method: Annotated[str, typer.Option(help=METHOD_HELP)] = "sgbm",
    limit: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help=LIMIT_HELP)] = None,
    rectify: Annotated[
        bool, typer.Option("--rectify", help="Align the rows of frames that would be rejected for them.")
    ] = False,
    eye_check: Annotated[
        bool, typer.Option("--eye-check/--no-eye-check", help="Reject frames whose eyes seem exchanged.")
    ] = True,
    sky: Annotated[
        Path | None,
        typer.Option(help="Folder of masks NAME.png, sky not black: it gets the least disparity."),
    ] = None,
    shrink: Annotated[
        int, typer.Option(min=1, help="Write views and labels this many times smaller (MiDaS: 2).")
    ] = 1,
    scene_score: Annotated[float, typer.Option(help="FFmpeg's scene score above which a shot begins.")] = 0.1,
    shortest: Annotated[float, typer.Option(metavar="S", help="Shots below it are dropped.")] = 1.0,
    run_length: Annotated[float, typer.Option("--run", metavar="S", help="Length of a run of frames.")] = 1.0,
    every: Annotated[float, typer.Option(metavar="S", help="From one run in a shot to the next.")] = 4.0,
    fps: Annotated[float, typer.Option(help="Frames taken per second of a run.")] = 4.0,
    start: Annotated[
        float, typer.Option(metavar="S", help="Leave out what is before, such as titles.")
    ] = 0.0,
    end: Annotated[float | None, typer.Option(metavar="S", help="Leave out what is after.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Frames per second to count by, for films without times.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="train, val or test, for the manifest.")] = None,
    source: Annotated[str | None, typer.Option(help="Name of the data set, for the manifest.")] = None,
    licence: Annotated[str | None, typer.Option(help="Of the data, for the manifest.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; one per core unless given.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results in the folder.")] = False,
) -> None:
    """Make disparity labels from a stereo film.

    The film is cut into shots, frames are chosen, bars cropped, the views matched from both sides and judged
    as MiDaS did with 3D films; frames that fail are listed in rejected.csv with the reason. Exit code: 0
    labels were made; 1 the film broke off; 2 no label.
    """
    from onedepth.apps.cli._stereo_run import check_folder, limits_of, report, run_pairs
    from onedepth.checks import positive
    from onedepth.errors import ConfigError
    from onedepth.stereo.film import LAYOUTS, duration, film_pairs
    from onedepth.stereo.folder import Workshop
    from onedepth.stereo.label import StereoOptions
    from onedepth.stereo.shots import Selection
    from onedepth.stereo.sky import SkyFolder

    if layout not in LAYOUTS:
        raise ConfigError(f"--layout {layout}: unknown; expected one of {', '.join(LAYOUTS)}")
    if rate is not None:
        positive(rate, "--rate", ConfigError)
    last = math.inf if end is None else end
    how = Selection(
        scene_score=scene_score,
        shortest=shortest,
        run=run_length,
        every=every,
        fps=fps,
        start=start,
        end=last,
    )
    stereo = StereoOptions(
        method=method,
        limits=limits_of(limit or []),
        rectify=rectify,
        sky=SkyFolder(sky) if sky is not None else None,
        check_eyes=eye_check,
    )
    workshop = Workshop(
        folder=output, stereo=stereo, shrink=shrink, source=source, licence=licence, split=split
    )
    check_folder(output, overwrite)
    seconds = max(0.0, min(duration(movie) or 0.0, last) - start)
    expected = math.ceil(seconds / every) * math.ceil(min(run_length, every) * fps)
    run = run_pairs(
        film_pairs(movie, layout, how, right_first=right_first, rate=rate), workshop, expected, workers
    )
    report(run, output)
    raise typer.Exit(run.exit_code)
