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
    ErrorRange(0.0, 2.0, 0.14, 0.10),
    ErrorRange(2.0, 4.0, 0.14, 0.10),
    ErrorRange(4.0, 8.0, 0.14, 0.10),
)
"""Used for depth whose model file carries no table."""

SENSOR_ERRORS = (ErrorRange(0.0, 100.0, 0.005, 0.01),)
"""Used for depth that a sensor measured: 0.5 % of scale, 1 % of noise, the order of RGB-D cameras at 1 to 3 m."""


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
