"""What the options of `onedepth predict` mean; wrong ones are refused before any photo is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onedepth.camera import Camera
from onedepth.errors import CameraError, ConfigError, OneDepthError
from onedepth.files.colormaps import colormap as colormap_table
from onedepth.files.depth_formats import FORMATS
from onedepth.files.depth_metadata import steps_per_metre
from onedepth.files.image_kinds import is_depth_image
from onedepth.files.image_search import FoundImage, search
from onedepth.files.output_formats import ENDINGS
from onedepth.predict.batch import CameraOf
from onedepth.predict.jobs import Job, plan_jobs
from onedepth.video.writing import OUTPUT_SUFFIXES

Failure = tuple[str, str]
"""What the user named, and why there is no result."""


def endings(formats: Sequence[str]) -> dict[str, str]:
    """Return format name -> ending of the files, in the order asked for.

    Raises:
        ConfigError: If a format is unknown.
    """
    for name in formats:
        if name not in ENDINGS:
            raise ConfigError(f"--format {name}: unknown; expected one of {', '.join(ENDINGS)}")
    return {name: ENDINGS[name] for name in formats}


def writer_options(
    formats: Mapping[str, str], png_scale: str | None, colormap: str
) -> dict[str, dict[str, Any]]:
    """Return format name -> options of its writer.

    Raises:
        ConfigError: If scale or colour map are unknown, or the scale is for a format that is not written.
    """
    colormap_table(colormap)
    options: dict[str, dict[str, Any]] = {"picture": {"colormap": colormap}}
    if png_scale is not None:
        if "png16" not in formats:
            raise ConfigError("--png-scale is for png16, which is not written; add --format png16")
        steps_per_metre(png_scale)
        options["png16"] = {"scale": png_scale}
    return options


def camera_chooser(focal: float | None, fov: float | None, file: Path | None, name: str | None) -> CameraOf:
    """Return the function from a photo's size to the camera the user gave, or to None.

    Raises:
        ConfigError: If more than one way to give the camera is used, focal length or field of view are
            impossible, or there is no such file.
        CameraError: If the camera file cannot be used for a photo of any size.
    """
    ways: dict[str, Callable[[int, int], Camera] | None] = {
        "--focal": None if focal is None else lambda width, height: Camera.from_focal(focal, width, height),
        "--fov": None if fov is None else lambda width, height: Camera.from_fov(fov, width, height),
        "--camera": None if file is None else _from_file(file, name),
    }
    given = {option: way for option, way in ways.items() if way is not None}
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} both tell the focal length; give one of them")
    if name is not None and file is None:
        raise ConfigError("--camera-name chooses from a camera file; give --camera FILE as well")
    for option, value in (("--focal", focal), ("--fov", fov)):
        if option in given:
            try:
                given[option](1000, 1000)  # an impossible number is one for every photo
            except CameraError as error:
                raise ConfigError(f"{option} {value:g}: {error}") from None
    return next(iter(given.values()), lambda width, height: None)


def _from_file(file: Path, name: str | None) -> Callable[[int, int], Camera]:
    from onedepth.files.cameras import open_camera

    if not file.is_file():
        raise ConfigError(
            f"{file}: {'is a folder' if file.is_dir() else 'no such file'}, expected a camera file"
        )
    camera_for = open_camera(file, name=name)
    return lambda width, height: camera_for((width, height))


def pixel_limit(given: int | None) -> int:
    """Return the largest number of pixels of a photo.

    Raises:
        ConfigError: If it is below 1.
    """
    from onedepth.files.images import DEFAULT_MAX_PIXELS

    if given is not None and given < 1:
        raise ConfigError(f"--max-pixels {given}: expected a number above 0")
    return DEFAULT_MAX_PIXELS if given is None else given


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        jobs: Photos and their results.
        failures: What was named and is no photo, and why.
        duplicates: How many names led to a photo that was named before.
        depth_files: How many depth maps of ours were left out of folders.
    """

    jobs: Sequence[Job]
    failures: list[Failure]
    duplicates: int
    depth_files: int


def plan(paths: Sequence[str], folder: Path, formats: Mapping[str, str]) -> Plan:
    """Find the photos and name their results; what names no photo is a failure, and the others go on.

    Raises:
        ConfigError: If results would clash.
    """
    found: list[FoundImage] = []
    failures: list[Failure] = []
    left_out: set[Path] = set()
    for path in paths:
        try:
            images = search(path, leave_out=folder)
        except OneDepthError as error:
            failures.append((path, str(error)))
            continue
        photos = [image for image in images if image.named or not is_depth_image(image.path)]
        left_out |= {image.path.resolve() for image in images} - {image.path.resolve() for image in photos}
        found += photos
        if not photos:
            failures.append((path, "no photos, only depth maps that OneDepth wrote; give their photos"))
    jobs = plan_jobs(found, folder, formats)
    return Plan(jobs, failures, len(found) - len(jobs), len(left_out))


def plan_records(paths: Sequence[str], folder: Path, formats: Mapping[str, str]) -> Plan:
    """One job per record of a manifest or of shards.

    Raises:
        ConfigError: Something else is named as well.
        DataError: The list cannot be read.
    """
    from onedepth.predict.records import open_jobs

    if len(paths) != 1:
        raise ConfigError(f"{paths[0]}: a manifest or shards are predicted alone; give nothing else")
    return Plan(open_jobs(paths[0], folder, formats), [], 0, 0)


def check_runner(runner: str, for_ray: Mapping[str, int | None], paths: Sequence[str], page: bool) -> None:
    """Check what only one of the runners can do; `for_ray` are the options of the other.

    Raises:
        ConfigError: Naming the option.
    """
    from onedepth.predict.records import lists_records

    if runner not in ("local", "ray"):
        raise ConfigError(f"--runner {runner}: unknown; expected local or ray")
    for option, value in for_ray.items():
        if runner == "local" and value is not None:
            raise ConfigError(f"{option} is for --runner ray; add that, or leave it out")
    if runner == "ray" and (len(paths) != 1 or not lists_records(paths[0])):
        raise ConfigError(
            f"{paths[0]}: --runner ray predicts one manifest or shards; list photos with "
            "`onedepth data index`"
        )
    if runner == "ray" and page:
        raise ConfigError("--html is for --runner local: a page of many pictures helps nobody")


def check_local(video: str, runner: str, for_ray: Mapping[str, int | None]) -> None:
    """Refuse the options of `--runner ray`, which a video would ignore.

    Raises:
        ConfigError: Naming the option.
    """
    named = [option for option, value in for_ray.items() if value is not None]
    if runner != "local":
        named.insert(0, f"--runner {runner}")
    if named:
        raise ConfigError(f"{named[0]}: {video} is a video, which is predicted in order, here; leave it out")


def check_folder(folder: Path) -> None:
    """Check that results can be written to a folder, without making it yet.

    Raises:
        ConfigError: If it is a file, looks like one, or may not be written to.
    """
    suffixes = {suffix for row in FORMATS.values() for suffix in row.suffixes}
    suffixes |= {".laz", ".jpg", ".jpeg", ".html"}
    if folder.suffix.lower() in suffixes and not folder.is_dir():
        raise ConfigError(f"-o {folder}: looks like a file; give a folder, and choose formats with --format")
    if folder.suffix.lower() in OUTPUT_SUFFIXES and not folder.is_dir():
        raise ConfigError(f"-o {folder}: films are made of videos, and none is named; give a folder")
    existing = folder.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise ConfigError(f"-o {folder}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigError(f"-o {folder}: no permission to write to {existing}")
