"""The three text files of a COLMAP model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onedepth.errors import DataError
from onedepth.files.colmap import OBSERVATION, Points, View, make_points, rotation_matrix


def read_cameras(path: Path) -> dict[int, list[str]]:
    """Words of each line behind the camera's id.

    Raises:
        DataError: A line does not begin with a number.
    """
    cameras = {}
    for where, line in _lines(path):
        if line.strip():
            identifier, *words = line.split()
            cameras[int(_numbers([identifier], where)[0])] = words
    return cameras


def read_views(path: Path) -> list[View]:
    """Images: a line of pose, camera and name, then a line of keypoints, which may be empty.

    Raises:
        DataError: A line is broken; it is named.
    """
    views = []
    lines = _lines(path)
    for where, line in lines:
        if not line.strip():
            continue
        words = line.split(maxsplit=9)
        if len(words) != 10:
            raise DataError(
                f"{where}: found {len(words)} words, expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"
            )
        pose = np.array(_numbers(words[1:8], where))
        place, keypoints = next(lines, (where, ""))
        values = np.array(_numbers(keypoints.split(), place))
        if len(values) % 3:
            raise DataError(f"{place}: has {len(values)} numbers, expected a multiple of 3 (X, Y, POINT3D_ID)")
        observed = np.empty(len(values) // 3, OBSERVATION)
        observed["xy"] = values.reshape(-1, 3)[:, :2]
        observed["point"] = values.reshape(-1, 3)[:, 2]
        camera = int(_numbers(words[8:9], where)[0])
        views.append(View(words[9].strip(), camera, rotation_matrix(pose[:4]), pose[4:], observed))
    return views


def read_points(path: Path) -> Points:
    """Points: id, position, colour, error and the track in pairs.

    Raises:
        DataError: A line is broken; it is named.
    """
    ids, positions, errors, tracks = [], [], [], []
    for where, line in _lines(path):
        words = line.split()
        if not words:
            continue
        if len(words) < 8:
            raise DataError(f"{where}: found {len(words)} words, expected POINT3D_ID X Y Z R G B ERROR TRACK[]")
        values = _numbers(words[:8], where)
        ids.append(int(values[0]))
        positions.append(np.array(values[1:4]))
        errors.append(values[7])
        tracks.append((len(words) - 8) // 2)
    return make_points(ids, positions, errors, tracks)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Lines with their place (`file:line`); comments are left out, empty lines are not."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.lstrip().startswith("#"):
                    yield f"{path}:{number}", line
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file (byte {error.start} is not UTF-8)") from error


def _numbers(words: list[str], where: str) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise DataError(f"{where}: found {' '.join(words)[:60]!r}, expected numbers") from error
