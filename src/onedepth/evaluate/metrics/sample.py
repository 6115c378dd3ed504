"""Bilinear sampling at exact positions; OpenCV's `remap` rounds them to 1/32 pixel."""

from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating[Any]]


def bilinear(values: Values, u: Values, v: Values) -> npt.NDArray[np.float64]:
    """Values between pixel centres, which are at integer + 0.5; beyond the outermost, those of the edge.

    Args:
        values: (H, W).
        u: Columns in pixels, any shape, finite.
        v: Rows in pixels, of that shape.

    Returns:
        float64 of that shape.
    """
    height, width = values.shape
    x, y = np.clip(u - 0.5, 0, width - 1), np.clip(v - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x, y = x - left, y - top
    source = values.astype(np.float64)
    upper = source[top, left] * (1 - x) + source[top, right] * x
    lower = source[bottom, left] * (1 - x) + source[bottom, right] * x
    sampled: npt.NDArray[np.float64] = upper * (1 - y) + lower * y
    return sampled
