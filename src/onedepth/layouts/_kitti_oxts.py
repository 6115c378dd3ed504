"""Poses of KITTI raw drives from GPS and inertial measurements (oxts/data/NNNNNNNNNN.txt).

The first six of a packet's 30 numbers are latitude, longitude (degrees), altitude (metres), roll, pitch, yaw
(radians). Positions are Mercator-projected at the latitude of the drive's first packet, and orientation is
Rz(yaw) Ry(pitch) Rx(roll): the devkit's convertOxtsToPose.m (Geiger et al., IJRR 2013).
"""

import math
from pathlib import Path

import numpy as np

from onedepth.errors import DataError
from onedepth.layouts._kitti import Calibration, Matrix, homogeneous, numbered
from onedepth.layouts._kitti_drives import Drive
from onedepth.layouts.common import inverted
from onedepth.layouts.tables import read_rows

_EARTH_RADIUS = 6378137.0


def camera_poses(drive: Drive, side: int) -> dict[int, Matrix]:
    """Frame -> camera-to-world (4, 4); the world is the first frame's vehicle (x forward, y left, z up).

    Empty where the drive has no oxts/ or the day no calib_imu_to_velo.txt.

    Raises:
        DataError: A packet or the calibration cannot be read.
    """
    packets = numbered(drive.folder / "oxts" / "data", drive.root, (".txt",))
    calibration = drive.folder.parent / "calib_imu_to_velo.txt"
    if not packets or not calibration.is_file():
        return {}
    table = Calibration.read(calibration)
    to_velodyne = homogeneous(table.matrix("R", 3, 3), table.matrix("T", 3, 1))
    to_vehicle = inverted(drive.to_camera(side) @ to_velodyne)
    numbers = {frame: _packet(path) for frame, path in packets.items()}
    first = numbers[min(numbers)]
    scale = math.cos(math.radians(first[0]))
    origin = inverted(_vehicle(first, scale))
    return {frame: origin @ _vehicle(values, scale) @ to_vehicle for frame, values in numbers.items()}


def _packet(path: Path) -> list[float]:
    rows = read_rows(path)
    if len(rows) != 1:
        raise DataError(f"{path}: has {len(rows)} lines, expected one packet")
    return rows[0].numbers(0, 6)


def _vehicle(packet: list[float], scale: float) -> Matrix:
    """Vehicle to Mercator world (4, 4)."""
    latitude, longitude, altitude, roll, pitch, yaw = packet
    x = scale * math.radians(longitude) * _EARTH_RADIUS
    y = scale * _EARTH_RADIUS * math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))
    about_x, about_y, about_z = (_turn(angle, axis) for axis, angle in enumerate((roll, pitch, yaw)))
    return homogeneous(about_z @ about_y @ about_x, np.array([x, y, altitude]))


def _turn(angle: float, axis: int) -> Matrix:
    """Rotation (3, 3) about an axis."""
    cosine, sine = math.cos(angle), math.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[[i, j], [i, j]] = cosine
    rotation[i, j], rotation[j, i] = -sine, sine
    return rotation
