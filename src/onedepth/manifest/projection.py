"""Points in space to sparse depth: the nearest one in each pixel, without what the camera cannot see."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera

Raster = npt.NDArray[np.float32]

NEAREST = 0.1
"""Metres in front of the camera from which on points count; nearer ones are the car that carries it."""

_NEARER = 0.85  # a point may hide another whose depth times this is still larger
_REACH = 0.02  # how far away, in focal lengths, a hiding point may lie: parallax and gaps of the scan
_BREADTH = 0.005  # how far aside it may lie


def nearest_points(points: npt.NDArray[np.float64], camera: Camera) -> Raster:
    """Depth of the nearest point in each pixel.

    Args:
        points: (N, 3) in the camera's axes.
        camera: With or without distortion.

    Returns:
        (H, W) float32 z-depth in the points' units, NaN where there is none.
    """
    raster = np.full((camera.height, camera.width), np.nan, np.float32)
    points = points[points[:, 2] > NEAREST]
    with np.errstate(invalid="ignore"):
        cells = np.floor(camera.project(points))
    inside = (cells >= 0).all(1) & (cells[:, 0] < camera.width) & (cells[:, 1] < camera.height)
    depth, cells = points[inside, 2].astype(np.float32), cells[inside].astype(np.intp)
    order = np.argsort(-depth, kind="stable")  # later, nearer writes win
    raster[cells[order, 1], cells[order, 0]] = depth[order]
    return raster


def hide_occluded(depth: Raster, camera: Camera) -> Raster:
    """Remove measurements that lie behind a nearer surface.

    A sensor beside the camera sees past the edges of near things; what it finds there lands among their
    points in the image. A measurement is dropped when much nearer ones lie on both sides of it, left and
    right or above and below.

    Args:
        depth: (H, W) float32 sparse z-depth, NaN = not measured.
        camera: Its focal length sets the size of the windows.
    """
    reach, breadth = max(2, round(_REACH * camera.focal)), max(1, round(_BREADTH * camera.focal))
    far = np.float32(np.finfo(np.float32).max)
    filled = np.where(np.isfinite(depth), depth, far).astype(np.float32)
    sides = [
        _smallest(filled, reach, breadth, vertical=vertical, ahead=ahead)
        for vertical in (False, True)
        for ahead in (False, True)
    ]
    limit = filled * np.float32(_NEARER)
    near = [side < limit for side in sides]
    hidden = (near[0] & near[1]) | (near[2] & near[3])
    return np.where(hidden, np.float32(np.nan), depth)


def _smallest(filled: Raster, reach: int, breadth: int, *, vertical: bool, ahead: bool) -> Raster:
    """Smallest depth in the window that begins beside a pixel and reaches to one side of it."""
    if vertical:
        return _smallest(np.ascontiguousarray(filled.T), reach, breadth, vertical=False, ahead=ahead).T
    border = float(np.finfo(np.float32).max)
    padded = cv2.copyMakeBorder(filled, 0, 0, 1, 1, cv2.BORDER_CONSTANT, value=border)
    kernel = np.ones((2 * breadth + 1, reach), np.uint8)
    anchor = (0 if ahead else reach - 1, breadth)  # the window of a pixel begins or ends with itself ...
    smallest = cv2.erode(padded, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT, borderValue=border)
    return np.asarray(
        smallest[:, 2:] if ahead else smallest[:, :-2], np.float32
    )  # ... so take its neighbour's
