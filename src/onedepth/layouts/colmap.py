"""A COLMAP reconstruction: photos and a sparse model become `scaled` sparse depth.

Source: colmap.github.io/format.html. Expected is COLMAP's usual tree: the model (`cameras`, `images` and
`points3D`, .bin or .txt) in `sparse/0`, `sparse` or the folder itself, the photos in `images/` beside it.
Each label holds the depths of the points that its photo observed, so nothing hidden behind a surface is
among them. The scale is COLMAP's own, one unknown factor per model; poses are in the same unit. Give `--kind
metric --scale M` when one unit of the model is known to be M metres (poses stay in the unit of the model).

Two models below one root (`sparse/0`, `sparse/1`) are two scenes. Neighbours are not guessed: photos have no
order in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, check_size, choose, inverted, locate, pose_values
from onedepth.layouts.walking import data_root, existing, inside, natural, walk
from onedepth.manifest.colmap_model import read_model
from onedepth.manifest.record import Label, LabelKind, Record


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the registered photos of every model at or below `root`.

    Raises:
        ConfigError: `--kind metric` without `--scale`.
        DataError: There is no model, it is broken, or a photo is missing or of another size than its camera.
    """
    accept_only(options, "colmap", "kind", "scale")
    kind: LabelKind = "metric" if choose(options, "kind", ("scaled", "metric")) == "metric" else "scaled"
    if (kind == "metric") != (options.scale is not None):
        raise ConfigError(
            "a COLMAP model has no metres: give --kind metric and --scale METRES_PER_UNIT, or neither"
        )
    root = data_root(root)
    models = [folder for folder in walk(root) if _is_model(folder)]
    if not models:
        raise DataError(
            f"{root}: no COLMAP model in it or below it; expected cameras, images, points3D (.bin or .txt)"
        )
    for folder in models:
        yield from _records(folder, root, kind, options.scale or 1.0)


def _is_model(folder: Path) -> bool:
    return any(
        all((folder / f"{name}.{suffix}").is_file() for name in ("cameras", "images", "points3D"))
        for suffix in ("bin", "txt")
    )


def _records(folder: Path, root: Path, kind: LabelKind, scale: float) -> Iterator[Record]:
    model = read_model(folder)
    photos = _photos(folder, root)
    scene = folder.relative_to(root.parent).as_posix()
    for name in sorted(model.images, key=natural):
        image = model.images[name]
        if image.camera_id not in model.cameras:
            raise DataError(f"{folder}: camera {image.camera_id} of image {name!r} is missing")
        path = inside(existing(photos / name, f"the photo that the model in {folder} names"), root)
        pose = inverted(np.column_stack([image.rotation, image.translation]))
        yield Record(
            id=f"{scene}/{name}",
            image=locate(path),
            label=Label(file=locate(folder, name), kind=kind, encoding="colmap", scale=scale),
            camera=check_size(model.cameras[image.camera_id], path),
            scene=scene,
            pose=pose_values(pose, f"{folder}: image {name!r}"),
            source="colmap",
        )


def _photos(folder: Path, root: Path) -> Path:
    """`images/` beside the model or above it, not above the root."""
    for above in (folder, *folder.parents):
        if (above / "images").is_dir():
            return above / "images"
        if above == root:
            break
    raise DataError(f"{folder}: no images/ beside the model or above it; point at the folder that holds both")
