"""Labels that are what COLMAP triangulated: `model folder#image name` -> sparse depth in the model's units.

Each point that the image itself observes is written where it was observed, so nothing hidden gets in and lens
distortion does not matter.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from onedepth.errors import DataError
from onedepth.manifest.colmap_model import ColmapImage, ColmapModel, read_model
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.record import Label
from onedepth.manifest.storage import local_path, split_locator

_LARGEST_ERROR = 2.0  # pixels of reprojection from which on a point is not trusted


def decode(label: Label, view: View) -> Array:
    """Depth of the observed points, float32 (H, W) of the image's camera, NaN elsewhere.

    Raises:
        DataError: The model is missing or damaged, lies elsewhere, or has no such image.
    """
    path, name = split_locator(label.file)
    folder = local_path(path)
    if folder is None or name is None:
        raise DataError(
            f"{label.file}: expected a local folder of a COLMAP model and, after #, an image's name"
        )
    model = _model(folder, _stamp(folder))
    image = model.images.get(name)
    if image is None:
        raise DataError(f"{label.file}: the model has no image {name!r}; it has {len(model.images)}")
    original = model.cameras.get(image.camera_id)
    if original is None:
        raise DataError(f"{label.file}: the model has no camera {image.camera_id}, which the image refers to")
    camera = view.camera or original
    known, points = _observed(model, image)
    depth = points @ image.rotation[2] + image.translation[2]
    cells = np.floor(image.pixels[known] * (camera.width / original.width, camera.height / original.height))
    return _scatter(cells, depth, camera.height, camera.width)


def _observed(model: ColmapModel, image: ColmapImage) -> tuple[Array, Array]:
    """Which features of an image, (N,) bool, are trusted points of the model, and those points (M, 3)."""
    order = np.searchsorted(model.point_ids, image.points)
    known = order < len(model.point_ids)
    known[known] = model.point_ids[order[known]] == image.points[known]
    known[known] = model.errors[order[known]] <= _LARGEST_ERROR
    return known, model.points[order[known]]


def _scatter(cells: Array, depth: Array, height: int, width: int) -> Array:
    raster = np.full((height, width), np.nan, np.float32)
    inside = (depth > 0) & (cells >= 0).all(1) & (cells[:, 0] < width) & (cells[:, 1] < height)
    depth, cells = depth[inside], cells[inside].astype(np.intp)
    order = np.argsort(-depth, kind="stable")  # later, nearer writes win
    raster[cells[order, 1], cells[order, 0]] = depth[order]
    return raster


def _stamp(folder: Path) -> tuple[int, ...]:
    """When the model's files changed: another model in the same place is another one."""
    files = (folder / f"images{suffix}" for suffix in (".bin", ".txt"))
    return tuple(file.stat().st_mtime_ns for file in files if file.is_file())


@lru_cache(maxsize=4)
def _model(folder: Path, stamp: tuple[int, ...]) -> ColmapModel:
    del stamp
    return read_model(folder)
