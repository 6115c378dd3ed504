"""Depth at points between pixels, from dense or sparse maps, with depth edges left out."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.track.poses import Floats

EDGE = 0.05
"""A pixel lies at a depth edge if its inverse depth differs by this fraction from the mean around it.

On a plane the two agree exactly, however slanted it is: inverse depth is affine in the pixel there.
"""

_SPARSE = 0.5  # share of measured pixels below which a map counts as sparse
_GAP = 2  # pixels around a sparse measurement that may use it


def smooth_disparity(depthmap: DepthMap, edge: float = EDGE) -> npt.NDArray[np.float32]:
    """Inverse depth where the surface is smooth, NaN at depth edges and where nothing is known.

    Sparse maps (LiDAR) are filled up to 2 pixels around each measurement, where those in reach agree.

    Args:
        depthmap: Metric or scaled, of any density.
        edge: As `EDGE`.

    Returns:
        float32 (H, W), 1 over the map's unit.
    """
    valid = depthmap.valid
    disparity = np.where(valid, depthmap.disparity(), np.float32(0))
    dense = float(valid.mean()) >= _SPARSE
    radius = max(1, round(max(valid.shape) / 160)) if dense else _GAP
    share, mean = _box(valid.astype(np.float32), radius), _box(disparity, radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = mean / share
        if dense:
            rough = valid & (np.abs(disparity - mean) > edge * disparity)
            size = 2 * (radius // 2) + 1
            rough = cv2.dilate(rough.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
            kept, values = valid & ~rough, disparity
        else:
            spread = np.sqrt(np.maximum(_box(disparity * disparity, radius) / share - mean * mean, 0))
            kept, values = (share > 1e-4) & (spread <= edge * mean), mean
    return np.where(kept, values, np.float32(np.nan)).astype(np.float32)


def _box(values: npt.NDArray[np.float32], radius: int) -> npt.NDArray[np.float32]:
    size = 2 * radius + 1
    return np.asarray(cv2.boxFilter(values, -1, (size, size), borderType=cv2.BORDER_REFLECT_101), np.float32)


def depth_at(disparity: npt.NDArray[np.float32], pixels: Floats, size: tuple[int, int]) -> Floats:
    """Depth (N,) at pixels (N, 2), linear in inverse depth; NaN where a neighbour is unknown or outside.

    Args:
        disparity: Inverse depth (H, W), NaN = unknown.
        pixels: Of the view; centre of the first pixel at 0.5.
        size: (width, height) of the view, which may be smaller than the map.
    """
    if not len(pixels):
        return np.zeros(0)
    height, width = disparity.shape
    there = pixels * (width / size[0], height / size[1]) - 0.5
    x, y = np.clip(there, 0, (width - 1, height - 1)).astype(np.float32).T.copy()
    found = cv2.remap(disparity, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[
        0
    ].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(found > 0, 1.0 / found, np.nan))
