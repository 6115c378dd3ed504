"""What a run over photos or frames can write: the depth formats, and what is made of depth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError
from onedepth.files.depth_formats import FORMATS, options_of, write_depth

Image = npt.NDArray[np.uint8]

ENDINGS: Mapping[str, str] = {
    **{name: row.ending for name, row in FORMATS.items()},
    "laz": ".laz",
    "normals": "_normals.png",
}
"""Name of a format -> what is put behind the name of the photo."""


def write_output(depthmap: DepthMap, path: Path, name: str, image: Image | None, **options: Any) -> None:
    """Write one format of `ENDINGS`, whole or not at all.

    Args:
        depthmap: The map; for points, meshes and normals with a camera.
        path: The file; an existing one is replaced.
        name: The format.
        image: uint8 (H, W, 3) photo for the colours of points and meshes, if there is one.
        **options: Of that format's writer.

    Raises:
        OneDepthError: The format cannot hold this map, or the file cannot be written.
        ModuleNotFoundError: laz without `onedepth[geometry]`.
    """
    if name == "laz":
        from onedepth.files.laz import write_laz

        write_laz(depthmap, path, image=image, **options)
    elif name == "normals":
        write_normals(depthmap, path, **options)
    else:
        coloured = {"image": image} if "image" in options_of(name) else {}
        write_depth(depthmap, path, name, **coloured, **options)


def write_normals(depthmap: DepthMap, path: Path) -> None:
    """Write surface normals: `.png` as a picture with the colours of normal maps, `.npz` as numbers.

    The arrays are `normals`, float32 (H, W, 3), in camera axes (x right, y down, z forward), and `valid`,
    bool (H, W).

    Raises:
        ConfigError: Another suffix.
        DepthMapError: The map has no camera, or is affine disparity.
        OneDepthError: The file cannot be written.
    """
    from onedepth.files.atomic import atomic_path
    from onedepth.normals import normal_picture, surface_normals

    suffix = path.suffix.lower()
    if suffix not in (".png", ".npz"):
        raise ConfigError(f"{path}: normals are written as .npz (numbers) or .png (picture)")
    normals, valid = surface_normals(depthmap)
    if suffix == ".png":
        from onedepth.interop.view import write_image

        write_image(normal_picture(normals, valid), path)
        return
    with atomic_path(path) as temporary:
        np.savez(temporary, normals=normals, valid=valid)
