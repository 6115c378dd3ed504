"""What is remembered of every record: about a hundred bytes, so that a million of them fit anywhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Row(NamedTuple):
    """Numbers of one record; NaN or 0 where unknown.

    Attributes:
        found: Findings as bits of `kinds.BITS`.
        width: Of the image in pixels; 0 where it could not be opened.
        height: Of the image in pixels.
        valid: Share of the label's pixels that were measured.
        median: Median z-depth as the manifest states it, in metres or units.
        far: 95th percentile of it.
        fov: Horizontal angle of view in degrees.
        ground: Height of the camera above what the lowest rows show, in metres or units.
        whole: Whether all depths are whole numbers.
        votes: For (above 0) or against depth and disparity being mistaken for each other.
        cues: Bits of `inversion.CUES` that spoke for it.
        group: Number of the records that are stored alike; -1 without label.
        split: Number of the split; -1 without.
        scene: Hash of the scene; 0 without.
        id: Hash of the id.
        content: Hash of the image's pixels; 0 where it could not be opened.
        across: Signs of brightness differences from left to right in a tiny copy of the image.
        down: The same from top to bottom; both 0 where the image has too little in it.
    """

    found: int = 0
    width: int = 0
    height: int = 0
    valid: float = np.nan
    median: float = np.nan
    far: float = np.nan
    fov: float = np.nan
    ground: float = np.nan
    whole: bool = False
    votes: int = 0
    cues: int = 0
    group: int = -1
    split: int = -1
    scene: int = 0
    id: int = 0
    content: int = 0
    across: int = 0
    down: int = 0


_TYPES = {
    "found": "<u4", "width": "<i4", "height": "<i4", "whole": "?", "votes": "i1", "cues": "u1",
    "group": "<i4", "split": "<i4",
    **dict.fromkeys(("valid", "median", "far", "fov", "ground"), "<f4"),
    **dict.fromkeys(("scene", "id", "content", "across", "down"), "<u8"),
}  # fmt: skip

Table = npt.NDArray[np.void]
"""(N,) of the fields of `Row`."""


def empty_table(count: int) -> Table:
    """Room for so many rows."""
    return np.zeros(count, [(name, _TYPES[name]) for name in Row._fields])
