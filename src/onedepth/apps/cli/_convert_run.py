"""Run `onedepth convert`: what is read, and who writes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.apps.cli._depth_source import CameraOf, is_depth_file, open_depth
from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError, OneDepthError
from onedepth.files.depth_formats import FORMATS
from onedepth.files.output_formats import write_normals, write_output

_OF_POINTS = ("ply", "glb")
_BY_SUFFIX = {".laz": "laz", ".las": "laz"}


@dataclass(frozen=True, eq=False)
class Source:
    """A depth map and, if there is one, the photo that it belongs to."""

    depthmap: DepthMap
    image: npt.NDArray[np.uint8] | None


Write = Callable[[Source, Path], None]


def writer(target: Path, name: str | None) -> Write:
    """Who writes a format; unknown ones are refused before anything is read.

    The writer refuses depth without a camera where points are asked for.

    Raises:
        ConfigError: There is no such format, or the suffix names none.
    """
    name = name or _BY_SUFFIX.get(target.suffix.lower())
    if name is not None and name in _OTHERS:
        return _with_camera(_OTHERS[name])
    if name is not None and name not in FORMATS:
        raise ConfigError(f"--to {name}: unknown; expected one of {', '.join(_NAMES)}")
    if name is None and not any(target.suffix.lower() in row.suffixes for row in FORMATS.values()):
        raise ConfigError(f"{target}: its suffix names no format; give --to, one of {', '.join(_NAMES)}")
    known = name or next(n for n, row in FORMATS.items() if target.suffix.lower() in row.suffixes)

    def write(source: Source, path: Path) -> None:
        _write_format(source, path, known)

    return _with_camera(write) if known in _OF_POINTS else write


def _with_camera(write: Write) -> Write:
    def checked(source: Source, path: Path) -> None:
        if source.depthmap.camera is None:
            raise ConfigError("this depth carries no camera; give --focal, --fov or --camera")
        write(source, path)

    return checked


def check_target(target: Path, image: Path | None) -> None:
    """Refuse to write over the photo that the colours come from.

    Raises:
        ConfigError: The target is that photo.
    """
    if image is not None and target.exists() and image.exists() and target.samefile(image):
        raise ConfigError(f"{target}: would replace the photo; give another name")


def has_result(target: Path) -> bool:
    """Whether something would be replaced: a file, or a folder with anything in it."""
    return target.is_file() or (target.is_dir() and bool(os.listdir(target)))


def open_view(
    file: Path,
    image: Path | None,
    camera_of: CameraOf,
    model: str | None,
    device: str,
    depth_scale: str | None,
) -> Source:
    """Predict a photo, or read a depth file and its photo.

    Raises:
        OneDepthError: Something cannot be read, --image is given for a photo, or has another size.
    """
    from onedepth.files.images import read_photo

    if is_depth_file(file, depth_scale):
        depthmap = open_depth(file, camera_of, depth_scale)
        return Source(depthmap, None if image is None else _colours(image, depthmap, file))
    if image is not None:
        raise ConfigError(f"--image: {file} is a photo itself; --image belongs to depth files")
    from onedepth.predict.predictor import load

    photo = read_photo(file)
    prediction = load(model, device).predict_view(photo, camera_of(*photo.size))
    return Source(prediction.depth, prediction.pixels)


def _colours(image: Path, depthmap: DepthMap, file: Path) -> npt.NDArray[np.uint8]:
    from onedepth.files.images import read_photo

    pixels = read_photo(image).pixels
    if pixels.shape[:2] != depthmap.shape:
        (height, width), (down, across) = depthmap.shape, pixels.shape[:2]
        raise ConfigError(
            f"--image {image}: is {across}x{down}, but {file} is {width}x{height}; give its own photo"
        )
    return pixels


def _write_format(source: Source, path: Path, name: str) -> None:
    write_output(source.depthmap, path, name, source.image)


def _write_laz(source: Source, path: Path) -> None:
    write_output(source.depthmap, path, "laz", source.image)


def _write_normals(source: Source, path: Path) -> None:
    write_normals(source.depthmap, path)


def _write_scene(source: Source, folder: Path, write: Callable[..., None]) -> None:
    from onedepth.interop.view import View

    if source.image is None:
        raise OneDepthError(
            "a scene needs the photo as well; give --image, or the photo instead of its depth"
        )
    write([View(source.depthmap, source.image)], folder)


def _write_colmap(source: Source, folder: Path) -> None:
    from onedepth.interop.colmap import write_colmap

    _write_scene(source, folder, write_colmap)


def _write_nerfstudio(source: Source, folder: Path) -> None:
    from onedepth.interop.nerfstudio import write_nerfstudio

    _write_scene(source, folder, write_nerfstudio)


_OTHERS: dict[str, Write] = {
    "laz": _write_laz,
    "normals": _write_normals,
    "colmap": _write_colmap,
    "nerfstudio": _write_nerfstudio,
}
_NAMES = (*FORMATS, *_OTHERS)
