"""The three binary files of a COLMAP model: little-endian, a count of entries, then the entries."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.errors import DataError
from onedepth.files.colmap import OBSERVATION, Points, View, make_points, rotation_matrix

# Number of a model in cameras.bin -> its name and how many parameters it has (src/colmap/sensor/models.h).
_MODELS = {
    0: ("SIMPLE_PINHOLE", 3),
    1: ("PINHOLE", 4),
    2: ("SIMPLE_RADIAL", 4),
    3: ("RADIAL", 5),
    4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8),
    6: ("FULL_OPENCV", 12),
    7: ("FOV", 5),
    8: ("SIMPLE_RADIAL_FISHEYE", 4),
    9: ("RADIAL_FISHEYE", 5),
    10: ("THIN_PRISM_FISHEYE", 12),
}
_LONGEST_NAME = 4096


class _Bytes:
    """A file read from front to back; its end in the middle of an entry is an error that names it."""

    def __init__(self, path: Path) -> None:
        self.path, self.data, self.at = path, path.read_bytes(), 0

    def take(self, form: str) -> tuple[Any, ...]:
        """The next numbers, of a `struct` format."""
        start = self.skip(struct.calcsize(form))
        return struct.unpack_from(form, self.data, start)

    def skip(self, count: int) -> int:
        """Step over bytes and return where they begin."""
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise DataError(f"{self.path}: ends in the middle of an entry ({len(self.data)} bytes); copy it again")
        return start

    def name(self) -> str:
        """Text up to a zero byte."""
        end = self.data.find(b"\0", self.at, self.at + _LONGEST_NAME)
        if end < 0:
            raise DataError(f"{self.path}: the name of an image does not end; is the file damaged?")
        start, self.at = self.at, end + 1
        return self.data[start:end].decode("utf-8", "replace")


def read_cameras(path: Path) -> dict[int, list[str]]:
    """Words of the line that `cameras.txt` would hold, by id.

    Raises:
        DataError: The file is cut off, or names an unknown model.
    """
    file, cameras = _Bytes(path), {}
    for _ in range(file.take("<Q")[0]):
        identifier, model, width, height = file.take("<iiQQ")
        if model not in _MODELS:
            raise DataError(f"{path}: camera {identifier} is of model {model}, which is unknown; expected 0 to 10")
        name, count = _MODELS[model]
        numbers = file.take(f"<{count}d")
        cameras[identifier] = [name, str(width), str(height), *(repr(number) for number in numbers)]
    return cameras


def read_views(path: Path) -> list[View]:
    """Images with pose, camera, name and keypoints.

    Raises:
        DataError: The file is cut off.
    """
    file, views = _Bytes(path), []
    for _ in range(file.take("<Q")[0]):
        _, *pose, camera = file.take("<i7di")
        name = file.name()
        count = file.take("<Q")[0]
        start = file.skip(count * OBSERVATION.itemsize)
        observed = np.frombuffer(file.data, OBSERVATION, count, start)
        views.append(View(name, camera, rotation_matrix(np.array(pose[:4])), np.array(pose[4:]), observed))
    return views


def read_points(path: Path) -> Points:
    """Points with position, error and length of track.

    Raises:
        DataError: The file is cut off.
    """
    file = _Bytes(path)
    ids, positions, errors, tracks = [], [], [], []
    for _ in range(file.take("<Q")[0]):
        identifier, x, y, z, _, _, _, error, track = file.take("<Q3d3BdQ")
        file.skip(8 * track)
        ids.append(identifier)
        positions.append(np.array([x, y, z]))
        errors.append(error)
        tracks.append(track)
    return make_points(ids, positions, errors, tracks)
