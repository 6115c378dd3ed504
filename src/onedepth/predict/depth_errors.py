"""How wrong a model's depth is, by range: measured on validation data, carried in the model file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class ErrorRange(NamedTuple):
    """Error of depths predicted between two limits, as relative standard deviations (0.1 = 10 %).

    The logarithm of predicted over true depth has two parts. One is common to all pixels of a photo (its
    scale is wrong), and the other is the pixel's own (its shape is wrong). A length between two points
    suffers in full from the first, and twice, with changing sign, from the second.

    Attributes:
        near: Smallest predicted depth of this range in metres.
        far: Largest.
        common: Error of the scale of a photo.
        local: Error of a pixel once the scale is right.
    """

    near: float
    far: float
    common: float
    local: float


DEFAULT_ERRORS = (
    ErrorRange(0.0, 1.0, 0.136, 0.080),
    ErrorRange(1.0, 2.0, 0.136, 0.155),
    ErrorRange(2.0, 3.0, 0.123, 0.121),
    ErrorRange(3.0, 4.0, 0.121, 0.112),
    ErrorRange(4.0, 6.0, 0.119, 0.156),
    ErrorRange(6.0, 8.0, 0.091, 0.163),
    ErrorRange(8.0, 12.0, 0.080, 0.208),
    ErrorRange(12.0, 20.0, 0.079, 0.235),
    ErrorRange(20.0, 40.0, 0.069, 0.303),
)
"""Used for depth whose model file carries no table.

Measured for onedepth_v0 version 0 with the true focal lengths, as `onedepth error-table` does, on images it
was not trained on: 75 of NYU Depth v2 (held out of the training split), 25 of 7-Scenes red kitchen, 51 of
KITTI odometry 04.
"""

SENSOR_ERRORS = (ErrorRange(0.0, 100.0, 0.005, 0.01),)
"""Used for depth that a sensor measured: the order of RGB-D cameras at 1 to 3 m."""


def errors_at(
    ranges: Sequence[ErrorRange], depth: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Common and local relative errors at these depths; beyond the table its first or last range holds.

    Args:
        ranges: Table, sorted by depth, not empty.
        depth: (...) metres.

    Returns:
        common, local: float64 (...), relative standard deviations.
    """
    table = np.array(ranges, np.float64)
    index = np.searchsorted(table[1:, 0], np.asarray(depth, np.float64), side="right")
    return table[index, 2], table[index, 3]


def parse_errors(value: object) -> tuple[ErrorRange, ...]:
    """Read the table strictly: rows [near, far, common, local], sorted, without overlap.

    Raises:
        ValueError: It is anything else.
    """
    expected = "expected rows [near, far, common, local], sorted by depth"
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(expected)
    rows = []
    for row in value:
        if not isinstance(row, list | tuple) or len(row) != 4 or not all(map(_is_number, row)):
            raise ValueError(expected)
        rows.append(ErrorRange(*map(float, row)))
    starts = [0.0, *(row.far for row in rows)]
    for row, start in zip(rows, starts, strict=False):
        if not (start <= row.near < row.far and row.common >= 0 and row.local >= 0):
            raise ValueError(expected)
    return tuple(rows)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
