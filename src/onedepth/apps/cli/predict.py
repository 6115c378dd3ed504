"""`onedepth predict`: photos in, metres out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli._app import say
from onedepth.apps.cli._options import CameraFile, CameraName, Device, Focal, Fov, ModelFile, Overwrite

_DEFAULT_FORMATS = ["picture", "png16"]
_PAGE = "index.html"


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(help="Photos, folders (with sub-folders), glob patterns; or one manifest, or shards."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")] = Path("depth"),
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="png16, npz, exr, tiff, pfm, ply, glb, picture, laz or normals (a picture of them); "
            "give it again for several. Without it: picture and png16.",
        ),
    ] = None,
    focal: Focal = None,
    fov: Fov = None,
    camera: CameraFile = None,
    camera_name: CameraName = None,
    model: ModelFile = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    png_scale: Annotated[
        str | None,
        typer.Option(help="Steps per metre of png16: mm, kitti, tum, ... or a number.", metavar="NAME"),
    ] = None,
    colormap: Annotated[str, typer.Option(help="Spectral_r, turbo, magma or gray.")] = "Spectral_r",
    page: Annotated[
        bool, typer.Option("--html", help=f"Write {_PAGE}: all photos beside their depth.")
    ] = False,
    map_back: Annotated[
        bool, typer.Option("--map-back", help="For a distorted camera: depth of the photo's own pixels.")
    ] = False,
    max_pixels: Annotated[
        int | None, typer.Option(help="Largest photo, width times height; 200 million by default.")
    ] = None,
    runner: Annotated[
        str, typer.Option(help="local, or ray: a manifest on all cores or a cluster (RAY_ADDRESS).")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of --runner ray; one per core unless given.")
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With --runner ray: tar files of N records each as results."),
    ] = None,
    tiles: Annotated[
        bool, typer.Option("--tiles", help="Predict large photos in tiles too, for finer details.")
    ] = False,
    tile_size: Annotated[
        int | None,
        typer.Option(help="Side of --tiles in pixels; by default half the photo's, and at least 512."),
    ] = None,
    stabilize: Annotated[
        str | None, typer.Option(help="Of a video: full (default), scale, or off.", metavar="MODE")
    ] = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="In a film of depth: the video on the left.")
    ] = False,
    limits: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range", help="Of a video's film or pictures: metres of the end colours.", metavar="NEAR FAR"
        ),
    ] = None,
) -> None:
    """Predict metric depth of photos, or of every frame of a video.

    The focal length comes from --focal, --fov or --camera; else from EXIF (of a manifest: its cameras); else
    28 mm equivalent is assumed.
    Existing results are kept (and count as done) unless --overwrite is given. Exit code: 0 all done, 1 some
    photos failed, 2 nothing could be done. A video becomes a film of depth with its sound (-o NAME.mp4), or a
    folder of depth files.
    """
    from onedepth.apps.cli import _predict_options as given
    from onedepth.apps.cli._predict_report import Page, Report, local_runner, predict_jobs, print_report
    from onedepth.apps.cli._predict_tiles import in_tiles, tile_options
    from onedepth.apps.cli._predict_video import VideoRun, VideoWords, names_video, predict_clip
    from onedepth.predict.batch import BatchOptions
    from onedepth.predict.predictor import load
    from onedepth.predict.records import lists_records

    endings = given.endings(formats or _DEFAULT_FORMATS)
    options = BatchOptions(
        camera_of=given.camera_chooser(focal, fov, camera, camera_name),
        map_back=map_back,
        overwrite=overwrite,
        max_pixels=given.pixel_limit(max_pixels),
        writer_options=given.writer_options(endings, png_scale, colormap),
    )
    cut = tile_options(tiles, tile_size, paths, local=runner == "local")
    words = VideoWords(stabilize, side_by_side, limits)
    if names_video(paths, words, page=page):
        given.check_local(paths[0], runner, {"--workers": workers, "--shards": shards})
        raise typer.Exit(
            predict_clip(VideoRun(Path(paths[0]), output, colormap, formats), options, words, model, device)
        )
    given.check_folder(output)
    given.check_runner(runner, {"--workers": workers, "--shards": shards}, paths, page)
    if runner == "ray":
        from dataclasses import replace

        from onedepth.apps.cli._predict_ray import predict_with_ray
        from onedepth.predict.ray_runner import RayRun

        run = RayRun(paths[0], output.absolute(), endings, options, model, device, workers)
        if shards is not None:
            run = replace(run, block=shards, shards=True)
        done = predict_with_ray(run, output)
        raise typer.Exit(done)
    plan = given.plan_records(paths, output, endings) if any(map(lists_records, paths)) else None
    plan = plan or given.plan(paths, output, endings)
    report = Report(plan.failures, plan.duplicates, plan.depth_files)
    if plan.jobs:
        keep_page = page and not overwrite and (output / _PAGE).exists()
        wanted = Page(output / _PAGE, colormap) if page and not keep_page else None
        predictor = in_tiles(load(model, device), cut)
        predict_jobs(
            plan.jobs, local_runner(plan.jobs, predictor, options), wanted, report, predictor.info.title
        )
        if keep_page:
            say(f"page: {output / _PAGE} exists (kept; --overwrite renews it)")
    print_report(report, output, len(plan.jobs))
    raise typer.Exit(report.exit_code)
