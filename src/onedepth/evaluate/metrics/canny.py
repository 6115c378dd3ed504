"""Canny's edge detector (Canny 1986) with the conventions of scikit-image, which edge metrics are defined by.

Gaussian cut off at 4 sigma and renormalised at the image border, 3x3 Sobel derivatives without a factor,
thinning by linear interpolation along the gradient, hysteresis over 8 neighbours, no edge on the outermost
pixels. OpenCV's own `Canny` works on 8 bits and thins in four directions, so it finds other edges.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.rasters import Mask

Field = npt.NDArray[np.float64]

_TIE = 1 + 1e-9  # both sides of a clean step are its edge, however their gradients round


def canny(values: npt.NDArray[np.floating[Any]], *, sigma: float, low: float, high: float) -> Mask:
    """Edges of a field.

    Args:
        values: (H, W), finite.
        sigma: Standard deviation of the Gaussian in pixels.
        low: Smallest gradient (Sobel, that is 8 x per pixel) that continues an edge.
        high: Smallest gradient that starts one.

    Returns:
        bool (H, W), edges one pixel wide.
    """
    if min(values.shape) < 3:
        return np.zeros(values.shape, np.bool_)
    smooth = _gaussian(values.astype(np.float64), sigma) / _gaussian(np.ones(values.shape), sigma)
    gx, gy = (np.asarray(cv2.Sobel(smooth, cv2.CV_64F, *order), np.float64) for order in ((1, 0), (0, 1)))
    magnitude = np.hypot(gx, gy)
    candidates = np.zeros(values.shape, np.bool_)
    candidates[1:-1, 1:-1] = magnitude[1:-1, 1:-1] >= low
    rows, columns = np.nonzero(candidates & (magnitude > 0))
    thin = _is_ridge(magnitude, gx[rows, columns], gy[rows, columns], rows, columns)
    weak = np.zeros(values.shape, np.uint8)
    weak[rows[thin], columns[thin]] = 1
    number, labels = cv2.connectedComponents(weak, connectivity=8)
    strong = np.zeros(number, np.bool_)
    strong[labels[(weak > 0) & (magnitude >= high)]] = True
    strong[0] = False
    edges: Mask = strong[labels]
    return edges


def distance_to(edges: Mask) -> npt.NDArray[np.float32]:
    """Euclidean distance in pixels to the nearest edge pixel (exact): (H, W); infinite without any."""
    if not edges.any():
        return np.full(edges.shape, np.inf, np.float32)
    rest = (~edges).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(rest, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _gaussian(values: Field, sigma: float) -> Field:
    kernel = cv2.getGaussianKernel(2 * int(4 * sigma + 0.5) + 1, sigma, cv2.CV_64F)
    return np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_CONSTANT))


def _is_ridge(
    magnitude: Field, gx: Field, gy: Field, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> Mask:
    """Whether no interpolated neighbour along the gradient is larger, forth and back."""
    step_x, step_y = np.sign(gx).astype(np.intp), np.sign(gy).astype(np.intp)
    flat = np.abs(gx) >= np.abs(gy)
    weight = np.minimum(np.abs(gx), np.abs(gy)) / np.maximum(np.abs(gx), np.abs(gy))
    here = magnitude[rows, columns] * _TIE
    ridge = np.ones(len(rows), np.bool_)
    for way in (1, -1):
        straight = magnitude[
            rows + way * np.where(flat, 0, step_y), columns + way * np.where(flat, step_x, 0)
        ]
        diagonal = magnitude[rows + way * step_y, columns + way * step_x]
        ridge &= diagonal * weight + straight * (1 - weight) <= here
    return ridge
