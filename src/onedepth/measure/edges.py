"""Pixels at depth edges, where a depth belongs to neither side and no length should end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onedepth.checks import positive, whole
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.rasters import Mask

EDGE = 0.10
"""Relative jump of disparity that counts as an edge."""

_WIDTHS = 96
"""A predicted edge is about this fraction of the photo wide: 3 of the 256 pixels that the network sees."""


def depth_edges(depthmap: DepthMap, *, edge: float = EDGE, reach: int | None = None) -> Mask:
    """Pixels within `reach` of a jump in depth, along rows and columns.

    A plane's disparity 1/z is linear in pixel coordinates, however steeply it is seen, so its second
    difference d(u - r) + d(u + r) - 2 d(u) is 0. Edges are where that exceeds `edge` times d(u), for r = 1,
    2, 4, ... `reach` (short ones find jumps beside thin things, long ones the soft edges of a network), and
    between two such pixels.

    Args:
        depthmap: A metric or scaled map.
        edge: Relative jump, > 0.
        reach: Pixels; by default 1/96 of the longer side. Depth of a sensor can do with 1.

    Returns:
        bool (H, W); invalid pixels are not edges, nor do they make their neighbours ones.

    Raises:
        DepthMapError: The map is affine disparity, `edge` not above 0, or `reach` no whole number above 0.
    """
    if depthmap.kind == "affine_disparity":
        raise DepthMapError("edges: affine disparity has no depth; call to_metric(scale=, shift=) first")
    edge = positive(edge, "edge", DepthMapError)
    if reach is None:
        reach = max(1, round(max(depthmap.shape) / _WIDTHS))
    reach = whole(reach, "reach", error=DepthMapError)
    disparity = depthmap.disparity()
    found = np.zeros(depthmap.shape, bool)
    for step in (*(1 << k for k in range(reach.bit_length()) if 1 << k < reach), reach):
        for d, valid, out in (
            (disparity, depthmap.valid, found),
            (disparity.T, depthmap.valid.T, found.T),
        ):
            _mark(d, valid, out, step, edge)
    return _closed(found, reach) & depthmap.valid


def _mark(
    d: npt.NDArray[np.float32], valid: Mask, out: npt.NDArray[np.bool_], step: int, edge: float
) -> None:
    """Mark pixels whose neighbours `step` rows up and down lie off the line through them."""
    if d.shape[0] <= 2 * step:
        return
    before, middle, after = slice(None, -2 * step), slice(step, -step), slice(2 * step, None)
    bend = np.abs(d[before] + d[after] - 2 * d[middle])
    known = valid[before] & valid[middle] & valid[after]
    out[middle] |= known & (bend > np.float32(edge) * d[middle])


def _closed(found: Mask, reach: int) -> Mask:
    """The pixels found and those between two of them: the middle of a soft edge is as straight as a plane."""
    import cv2

    marks = found.astype(np.uint8)
    for size in ((reach | 1, 1), (1, reach | 1)):
        marks |= np.asarray(
            cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones(size, np.uint8))
        )
    return marks.astype(bool)


def nearest_usable(usable: Mask, column: int, row: int) -> tuple[int, int] | None:
    """The usable pixel (column, row) nearest to another one, or None where there is none."""
    rows, columns = np.nonzero(usable)
    if rows.size == 0:
        return None
    best = int(np.argmin((rows - row) ** 2 + (columns - column) ** 2))
    return int(columns[best]), int(rows[best])
