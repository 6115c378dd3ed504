"""Run `onedepth convert`: what is read, and who writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError, OneDepthError
from onedepth.files.depth_formats import FORMATS, options_of, write_depth

CameraOf = Callable[[int, int], Camera | None]

_DEPTH_SUFFIXES = (".npz", ".exr", ".pfm")
_BY_SUFFIX = {".laz": "laz", ".las": "laz"}


@dataclass(frozen=True, eq=False)
class Source:
    """A depth map and, if there is one, the photo that it belongs to."""

    depthmap: DepthMap
    image: npt.NDArray[np.uint8] | None


Write = Callable[[Source, Path], None]


def writer(target: Path, name: str | None) -> Write:
    """Who writes a format; unknown ones are refused before anything is read.

    Raises:
        ConfigError: There is no such format, or the suffix names none.
    """
    name = name or _BY_SUFFIX.get(target.suffix.lower())
    if name is not None and name in _OTHERS:
        return _OTHERS[name]
    if name is not None and name not in FORMATS:
        raise ConfigError(f"--to {name}: unknown; expected one of {', '.join(_NAMES)}")
    if name is None and not any(target.suffix.lower() in row.suffixes for row in FORMATS.values()):
        raise ConfigError(f"{target}: its suffix names no format; give --to, one of {', '.join(_NAMES)}")
    return lambda source, path: _write_format(source, path, name)


def open_view(file: Path, image: Path | None, camera_of: CameraOf, model: str | None, device: str) -> Source:
    """Predict a photo, or read a depth file and its photo.

    Raises:
        OneDepthError: Something cannot be read, or --image is given for a photo.
    """
    from onedepth.files.image_kinds import is_depth_image
    from onedepth.files.images import read_photo

    if file.suffix.lower() in _DEPTH_SUFFIXES or (file.is_file() and is_depth_image(file)):
        depthmap = DepthMap.load(file)
        given = camera_of(*depthmap.shape[::-1])
        if given is not None:
            depthmap = replace(depthmap, camera=given)
        return Source(depthmap, None if image is None else read_photo(image).pixels)
    if image is not None:
        raise ConfigError(f"--image: {file} is a photo itself; --image belongs to depth files")
    from onedepth.predict.predictor import load

    photo = read_photo(file)
    prediction = load(model, device).predict_view(photo, camera_of(*photo.size))
    return Source(prediction.depth, prediction.pixels)


def _write_format(source: Source, path: Path, name: str | None) -> None:
    shown = name or next(n for n, row in FORMATS.items() if path.suffix.lower() in row.suffixes)
    options = {"image": source.image} if "image" in options_of(shown) else {}
    write_depth(source.depthmap, path, name, **options)


def _write_laz(source: Source, path: Path) -> None:
    from onedepth.files.laz import write_laz

    write_laz(source.depthmap, path, image=source.image)


def _write_normals(source: Source, path: Path) -> None:
    from onedepth.interop.view import write_image
    from onedepth.normals import normal_picture, surface_normals

    normals, valid = surface_normals(source.depthmap)
    if path.suffix.lower() == ".png":
        write_image(normal_picture(normals, valid), path)
        return
    if path.suffix.lower() != ".npz":
        raise ConfigError(f"{path}: normals are written as .npz (numbers) or .png (picture)")
    from onedepth.files.atomic import atomic_path

    with atomic_path(path) as temporary:
        np.savez(temporary, normals=normals, valid=valid)


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
