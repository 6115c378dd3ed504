"""Labels that are LiDAR sweeps (KITTI .bin): points in the sensor's axes, projected into the image."""

from __future__ import annotations

import numpy as np

from onedepth.errors import DataError
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.projection import hide_occluded, nearest_points
from onedepth.manifest.record import Label
from onedepth.manifest.storage import read_bytes


def decode(label: Label, view: View) -> Array:
    """Depth of the nearest point in each pixel, float32 (H, W) in metres, NaN elsewhere and where occluded.

    Raises:
        DataError: Missing, damaged, or without camera and `to_camera`.
    """
    if view.camera is None or label.to_camera is None:
        lacks = "to_camera" if label.to_camera is None else "a camera"
        raise DataError(f"{label.file}: a LiDAR sweep needs {lacks} to be projected into the image")
    data = read_bytes(label.file)
    if len(data) % 16:
        raise DataError(
            f"{label.file}: has {len(data)} bytes, expected a multiple of 16 (x, y, z, reflectance)"
        )
    to_camera = np.asarray(label.to_camera, np.float64).reshape(3, 4)
    points = np.frombuffer(data, "<f4").reshape(-1, 4)[:, :3].astype(np.float64)
    points = points[np.isfinite(points).all(axis=1)] @ to_camera[:, :3].T + to_camera[:, 3]
    return hide_occluded(nearest_points(points, view.camera), view.camera)
