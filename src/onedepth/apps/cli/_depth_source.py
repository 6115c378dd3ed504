"""What `measure`, `convert` and `effect` are given: a photo, or a depth file with its camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from onedepth.errors import ConfigError, DepthFileError

if TYPE_CHECKING:
    from onedepth.camera import Camera
    from onedepth.depthmap import DepthMap

CameraOf: TypeAlias = "Callable[[int, int], Camera | None]"

_DEPTH_SUFFIXES = (".npz", ".exr", ".pfm")
_PNG = b"\x89PNG\r\n\x1a\n"
_GREY16 = bytes((16, 0))  # bits and colour type, bytes 24 and 25 of a PNG
_SAME_FOCAL = 1e-3


def is_depth_file(file: Path, scale: str | None) -> bool:
    """Whether a file holds depth; if not, it is to be read as a photo.

    Args:
        file: A file of any kind, or none.
        scale: What --depth-scale says: whoever gives it means depth.

    Raises:
        ConfigError: A video, or a 16-bit grey PNG of another program without its scale: predicting the depth
            of a depth map would give numbers that look like metres.
    """
    from onedepth.files.image_kinds import is_depth_image
    from onedepth.video.reading import is_video

    if file.is_file() and is_video(file):
        raise ConfigError(
            f"{file}: is a video; `onedepth predict` writes depth files of its frames, give one of them"
        )
    if scale is not None or file.suffix.lower() in _DEPTH_SUFFIXES or is_depth_image(file):
        return True
    if _is_grey16(file):
        raise ConfigError(
            f"{file}: is a 16-bit grey PNG, which may be depth of another program; say its steps per metre "
            "with --depth-scale (mm, tum, kitti, ... or a number)"
        )
    return False


def open_depth(file: Path, camera_of: CameraOf, scale: str | None, *, measured: bool = False) -> DepthMap:
    """Read a depth file.

    Args:
        file: One of ours, or with `scale` of any program.
        camera_of: The camera that the user gave, by width and height.
        scale: Steps per metre of a foreign file.
        measured: Whether a sensor measured the depth, which then holds for any camera.

    Raises:
        ConfigError: The camera given has another focal length than the one that the depth was predicted for.
        DepthFileError: The file cannot be read.
    """
    depthmap = _load(file, scale)
    height, width = depthmap.shape
    given, own = camera_of(width, height), depthmap.camera
    if given is None:
        return depthmap
    if own is not None and not measured and abs(given.focal / own.focal - 1) > _SAME_FOCAL:
        raise ConfigError(
            f"{file}: its depth was predicted for a focal length of {own.focal:.4g} px, not "
            f"{given.focal:.4g}, and would be another for that one; predict the photo again with it"
        )
    return replace(depthmap, camera=given)


def _load(file: Path, scale: str | None) -> DepthMap:
    from onedepth.depthmap import DepthMap

    if scale is not None:
        return DepthMap.load(file, kind="metric", scale=scale)
    try:
        return DepthMap.load(file)
    except DepthFileError as error:
        if "carries no OneDepth metadata" not in str(error):
            raise
        raise DepthFileError(
            f"{file}: carries no OneDepth metadata, so what its numbers mean is unknown; say its steps per "
            "metre with --depth-scale (m, mm, tum, kitti, ... or a number)"
        ) from error


def _is_grey16(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            head = opened.read(26)
    except OSError:
        return False
    return head.startswith(_PNG) and head[24:26] == _GREY16
