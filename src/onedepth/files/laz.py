"""LAS and LAZ point clouds, for surveying tools. Written by laspy, which `onedepth[geometry]` installs."""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import numpy as np

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.atomic import write_bytes
from onedepth.files.geometry import Image, cloud

_RGB_POINTS = 2  # LAS point format: x, y, z, intensity, red, green, blue
_STEPS = 2**30  # of the 32-bit coordinates
_FINEST = 1e-4  # metres: below a tenth of a millimetre there is only noise


def write_laz(
    depthmap: DepthMap, path: Path, *, image: Image | None = None, max_vertices: int = 10_000_000
) -> None:
    """Write the valid pixels as points with colours: LAZ, or LAS where the file is called `.las`.

    Coordinates are those of `DepthMap.points` (OpenCV axes: x right, y down, z forward), in steps of 0.1 mm
    or coarser where the map is larger than 100 km.

    Args:
        depthmap: A metric or scaled map with a camera.
        path: The file.
        image: uint8 (H, W, 3) photo for the colours; left out, depth is coloured as in pictures.
        max_vertices: Budget: of a larger image every n-th row and column is used.

    Raises:
        DepthFileError: No valid pixel, or max_vertices < 1.
        DepthMapError: No camera, affine disparity, or an image of another size.
        OneDepthError: The file cannot be written.
        ModuleNotFoundError: laspy, or lazrs for LAZ, is not installed.
    """
    laspy = importlib.import_module("laspy")
    packed = path.suffix.lower() != ".las"
    if packed:
        importlib.import_module("lazrs")  # laspy's own word for its absence would not name the package
    points, colors = cloud(depthmap, image, max_vertices)
    if len(points) == 0:
        raise DepthFileError(f"{path}: the map has no valid pixel, so there is no point to write")
    header = laspy.LasHeader(point_format=_RGB_POINTS, version="1.2")
    header.scales = np.full(3, max(_FINEST, float(np.abs(points).max()) / _STEPS))
    header.offsets = np.zeros(3)
    file = laspy.LasData(header)
    file.x, file.y, file.z = points.T.astype(np.float64)
    file.red, file.green, file.blue = colors.T.astype(np.uint16) * 257  # 8 to 16 bits: 255 becomes 65535
    buffer = io.BytesIO()
    file.write(buffer, do_compress=packed)
    write_bytes(path, buffer.getvalue())
