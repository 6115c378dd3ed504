"""Depth of 7-Scenes, which its readme leaves in the depth camera, moved into the colour camera.

Focal length and centre of the depth camera are those of the data set's readme; the transform between the two
sensors is the Kinect calibration of LIRIS (projet.liris.cnrs.fr/voir) with which DSAC* and SimpleRecon
(`7scenes_preprocessing.py`) register the same files, and like there the colour camera has 525 pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.pixels import decode_picture
from onedepth.manifest.record import Label
from onedepth.manifest.storage import read_bytes

INVALID = 65535

_DEPTH_FOCAL, _COLOUR_FOCAL = 585.0, 525.0  # of images 640 pixels wide
_WIDTH = 640
_MILLIMETRES = 1000.0
_TO_COLOUR = np.array(  # 3 x 4, metres
    [
        [9.9996518012567637e-01, 2.6765126468950343e-03, -7.9041012313000904e-03, -2.5558943178152542e-02],
        [-2.7409311281316700e-03, 9.9996302803027592e-01, -8.1504520778013286e-03, 1.0109636268061706e-04],
        [7.8819942130445332e-03, 8.1718328771890631e-03, 9.9993554558014031e-01, 2.0318321729487039e-03],
    ]
)


def decode(label: Label, view: View) -> Array:
    """Depth in millimetres as the colour camera sees it, float32 (h, w), NaN where nothing was measured.

    Raises:
        DataError: Missing, damaged, or not one 16-bit channel.
    """
    stored, _ = decode_picture(read_bytes(label.file), label.file, cv2.IMREAD_UNCHANGED, view.max_pixels)
    if stored.ndim != 2 or stored.dtype != np.uint16:
        raise DataError(f"{label.file}: expected one 16-bit channel, found {stored.dtype} {stored.shape}")
    height, width = stored.shape
    camera = view.camera or Camera.from_focal(_COLOUR_FOCAL * width / _WIDTH, width, height)
    if camera.size != (width, height):
        camera = camera.resize(width, height)
    return _moved(stored, camera)


def _moved(stored: Array, camera: Camera) -> Array:
    """Each measurement at the pixel of the colour camera that sees it; the nearest one stays."""
    rows, columns = np.nonzero((stored > 0) & (stored < INVALID))
    z = stored[rows, columns] / _MILLIMETRES
    focal = _DEPTH_FOCAL * camera.width / _WIDTH
    x, y = (columns + 0.5 - camera.width / 2) / focal * z, (rows + 0.5 - camera.height / 2) / focal * z
    points = np.column_stack([x, y, z]) @ _TO_COLOUR[:, :3].T + _TO_COLOUR[:, 3]
    cells = np.floor(camera.project(points))
    inside = ((cells >= 0) & (cells < camera.size)).all(axis=1) & (points[:, 2] > 0)
    points, cells = points[inside], cells[inside].astype(np.intp)
    raster = np.full(stored.shape, np.nan, np.float32)
    order = np.argsort(-points[:, 2], kind="stable")  # later, nearer writes win
    raster[cells[order, 1], cells[order, 0]] = points[order, 2] * _MILLIMETRES
    return raster
