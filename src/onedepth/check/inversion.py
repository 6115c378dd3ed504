"""Signs that disparity was taken for depth, or depth for disparity.

No single sign proves anything. The strongest: on a plane the inverse of depth is a linear function of the
pixel's position, depth itself is not. Two weaker ones: things further down in a photo are mostly nearer, and
the sky is far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

CUES: Mapping[str, int] = {"planes": 1, "rows": 2, "sky": 4}
"""Signs, as bits."""

CUE_TEXTS: Mapping[str, str] = {
    "planes": "planes are straight in the other quantity",
    "rows": "things further down come out farther away",
    "sky": "what looks like sky comes out near",
}

ENOUGH = 3
"""Votes from which on a record is suspicious by itself: planes, and at least one of the others."""

_SIDE = 256  # pixels of the longer side that planes are looked for in
_WINDOWS = (16, 32, 48)  # the larger a plane, the more it bends; the smaller, the more of them there are
_LEAST_SLOPE = 0.15  # of the mean, over a window; on less the two can hardly be told apart
_LARGEST_REST = 0.03  # of the mean; more is no plane
_CLEARLY = 1.2  # times smaller rest
_LEAST_WINDOWS = 6
_GRID = (64, 48)  # columns, rows
_LEAST_IN_ROW = 4


@dataclass(frozen=True)
class Votes:
    """The sum of all signs (above 0: mistaken) and which ones spoke for it."""

    total: int = 0
    cues: int = 0


def votes(values: Values, image: npt.NDArray[np.uint8], *, disparity: bool) -> Votes:
    """Look for signs that depth and disparity were mistaken for each other.

    Args:
        values: (h, w) numbers of the label, NaN = not measured.
        image: (H, W, 3) uint8 RGB of the same view.
        disparity: Whether the numbers are said to be disparity rather than depth.
    """
    coarse = _coarse(-values if disparity else values)
    found = {
        "planes": 2 * _plane_vote(values, disparity=disparity),
        "rows": _row_vote(coarse),
        "sky": _sky_vote(coarse, image),
    }
    return Votes(sum(found.values()), sum(CUES[name] for name, vote in found.items() if vote > 0))


def cue_texts(cues: int) -> str:
    """What spoke for it, for people."""
    return "; ".join(text for name, text in CUE_TEXTS.items() if cues & CUES[name])


def _plane_vote(values: Values, *, disparity: bool) -> int:
    """-1 where planes are straight in the quantity that the label is said to hold, 1 where in the other."""
    straight, bent = straight_windows(values)
    if straight + bent < _LEAST_WINDOWS:
        return 0
    share = straight / (straight + bent)  # straight as stored: this is disparity
    if 0.25 < share < 0.75:
        return 0
    return 1 if (share > 0.5) is not disparity else -1


def straight_windows(values: Values) -> tuple[int, int]:
    """Numbers of sloping windows on planes that are straight as stored, and straight when inverted."""
    stride = max(1, round(max(values.shape) / _SIDE))
    small = values[::stride, ::stride]
    found = [_straight(_tiles(small, side), side) for side in _WINDOWS]
    return sum(straight for straight, _ in found), sum(bent for _, bent in found)


def _tiles(values: Values, side: int) -> npt.NDArray[np.float64]:
    """(N, side * side) square windows, side by side, in which everything is measured."""
    rows, columns = (n // side for n in values.shape)
    cut = values[: rows * side, : columns * side].astype(np.float64)
    tiles = cut.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows * columns, side * side)
    kept: npt.NDArray[np.float64] = tiles[np.isfinite(tiles).all(axis=1) & (tiles > 0).all(axis=1)]
    return kept


def _straight(tiles: npt.NDArray[np.float64], side: int) -> tuple[int, int]:
    """Windows that are straight as stored, and straight when inverted."""
    if not len(tiles):
        return 0, 0
    direct, inverse = _rest(tiles, side), _rest(1 / tiles, side)
    plane = (np.minimum(direct[0], inverse[0]) < _LARGEST_REST) & (direct[1] > _LEAST_SLOPE)
    straight = plane & (direct[0] * _CLEARLY < inverse[0])
    bent = plane & (inverse[0] * _CLEARLY < direct[0])
    return int(straight.sum()), int(bent.sum())


def _rest(tiles: npt.NDArray[Any], side: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Root mean square beside the best plane, and how much that plane slopes, as shares of the mean."""
    basis = _basis(side)
    fitted = tiles @ basis @ basis.T
    mean = tiles.mean(axis=1)
    return np.sqrt(((tiles - fitted) ** 2).mean(axis=1)) / mean, np.ptp(fitted, axis=1) / mean


@lru_cache
def _basis(side: int) -> npt.NDArray[np.float64]:
    """(side * side, 3) orthonormal: what a plane is made of."""
    y, x = np.divmod(np.arange(side * side), side)
    return np.asarray(np.linalg.qr(np.stack([np.ones_like(x), x, y], axis=1).astype(np.float64))[0])


def _coarse(order: Values) -> Values:
    """Nearest samples on a small grid, larger = said to be farther; for sparse labels the middle of cells."""
    columns, rows = _GRID
    height, width = order.shape
    if np.isfinite(order).mean() > 0.5 or height < rows or width < columns:
        at = np.ix_(
            ((np.arange(rows) + 0.5) * height / rows).astype(int),
            ((np.arange(columns) + 0.5) * width / columns).astype(int),
        )
        return order[at]
    y, x = np.nonzero(np.isfinite(order))
    grid = np.full((rows, columns), np.nan, np.float32)
    grid[y * rows // height, x * columns // width] = order[y, x]
    return grid


def _row_vote(coarse: Values) -> int:
    """1 where rows further down are farther away, -1 where they are nearer, by rank correlation."""
    counts = np.isfinite(coarse).sum(axis=1)
    middle = np.maximum(counts - 1, 0) // 2
    medians = np.sort(coarse, axis=1)[np.arange(len(coarse)), middle]  # NaN is sorted to the end
    known = medians[counts >= _LEAST_IN_ROW]
    if len(known) < 8 or np.ptp(known) == 0:
        return 0
    ranks = known.argsort(kind="stable").argsort(kind="stable")
    correlation = float(np.corrcoef(ranks, np.arange(len(known)))[0, 1])
    return 1 if correlation > 0.5 else -1 if correlation < -0.2 else 0


def _sky_vote(coarse: Values, image: npt.NDArray[np.uint8]) -> int:
    """1 where bright, smooth, bluish pixels in the upper third are near, -1 where they are far."""
    columns, rows = _GRID
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = small.mean(axis=2)
    smooth = np.hypot(*np.gradient(grey)) < 6
    sky = smooth & (grey > 140) & (small[..., 2] >= small[..., 0])
    sky[rows // 3 :] = False
    known = np.isfinite(coarse)
    if (sky & known).sum() < 0.1 * rows // 3 * columns:
        return 0
    place = (coarse[known] < np.median(coarse[sky & known])).mean()
    return 1 if place < 0.25 else -1 if place > 0.6 else 0
