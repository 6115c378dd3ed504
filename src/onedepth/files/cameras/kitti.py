"""KITTI calibration: `calib.txt` (P0 to P3) of odometry and object, `calib_cam_to_cam.txt` of the raw data.

KITTI follows OpenCV: the centre of the first pixel is (0, 0), so the principal point moves by + 0.5 here.
P0 or P_rect_00 projects into the rectified images and is a pinhole; its fourth column (baseline) is not used.
K_00 with D_00 is the lens of the images before rectification.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.distortion import RadialTangential
from onedepth.errors import CameraError

Table = dict[str, str]
Size = tuple[int, int]


class NoSizeError(CameraError):
    """The file does not say the size of its images, and nobody else did."""


def parse(text: str, name: str | None, size: Size | None) -> Camera:
    """Camera of the text of a file: `name` says which (P0 to P3, P_rect_00 to P_rect_03, K_00 to K_03).

    `size` is (width, height) in pixels of the photo; needed where the file does not carry it.
    """
    table = {
        key.strip(): rest for key, colon, rest in (line.partition(":") for line in text.splitlines()) if colon
    }
    cameras = [key for key in table if re.fullmatch(r"P\d|P_rect_\d+|K_\d+", key)]
    wanted = name or next((key for key in ("P2", "P_rect_02") if key in table), "P2 or P_rect_02")
    if wanted not in cameras:
        raise CameraError(f"has no camera {wanted!r}; it holds {', '.join(cameras)}")
    if wanted.startswith("K_"):
        return _raw(table, wanted.removeprefix("K_"), size)
    matrix = _numbers(table, wanted, 12).reshape(3, 4)[:, :3]
    size_key = wanted.replace("P_rect", "S_rect") if "_" in wanted else "S_rect"
    return Camera.from_matrix(matrix, *_size(table, size_key, size), first_centre=0.0)


def _raw(table: Table, number: str, size: Size | None) -> Camera:
    lens = RadialTangential(*_numbers(table, f"D_{number}", 5).tolist())
    matrix = _numbers(table, f"K_{number}", 9).reshape(3, 3)
    pixels = _size(table, f"S_{number}", size)
    return Camera.from_matrix(matrix, *pixels, first_centre=0.0, distortion=lens)


def _size(table: Table, key: str, size: Size | None) -> Size:
    if key in table:
        width, height = _numbers(table, key, 2)
        return int(width), int(height)
    if size is None:
        raise NoSizeError(
            "does not carry the image size; pass size=(width, height) of its photo (predict does)"
        )
    return size


def _numbers(table: Table, key: str, count: int) -> npt.NDArray[np.float64]:
    words = table.get(key, "").split()
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise CameraError(f"{key} must be numbers, found {' '.join(words)}") from error
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise CameraError(f"{key} must be {count} finite numbers, found {len(numbers)}")
    return numbers
