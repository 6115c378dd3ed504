"""What training has to know of every record before it draws one, as arrays of a few bytes each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from onedepth.manifest.manifest import Manifest
from onedepth.manifest.record import LabelKind, Record
from onedepth.manifest.subset import Subset

KINDS: tuple[LabelKind | None, ...] = (None, *get_args(LabelKind))
"""Kind of a label by its number in `Overview.kind`; None where there is no label."""


@dataclass(frozen=True, eq=False)
class Overview:
    """A list of records at a glance; row i is record i.

    Attributes:
        kind: (N,) int8 number in `KINDS`.
        camera: (N,) bool, whether there is a camera.
        split: (N,) int32 number in `splits`.
        splits: Names of splits; None for records of none.
        image: (N,) int64 hash of the image's locator.
        neighbours: (N, 2) int64 hashes of the images before and after; rows without both are in `alone`.
        alone: (N,) bool, whether there is no image before and after.
    """

    kind: npt.NDArray[np.int8]
    camera: npt.NDArray[np.bool_]
    split: npt.NDArray[np.int32]
    splits: tuple[str | None, ...]
    image: npt.NDArray[np.int64]
    neighbours: npt.NDArray[np.int64]
    alone: npt.NDArray[np.bool_]


class _Glance(NamedTuple):
    kind: LabelKind | None
    camera: bool
    split: str | None
    image: str
    neighbours: Sequence[str]


def overview(records: Sequence[Record]) -> Overview:
    """Look at every record once. Rows of a manifest are not validated: only those that are drawn will be.

    Raises:
        DataError: A row cannot be read at all.
    """
    count = len(records)
    kind, camera, alone = np.zeros(count, np.int8), np.zeros(count, np.bool_), np.ones(count, np.bool_)
    split, image = np.zeros(count, np.int32), np.zeros(count, np.int64)
    neighbours = np.zeros((count, 2), np.int64)
    splits: dict[str | None, int] = {}
    for i, glance in enumerate(_glances(records)):
        kind[i], camera[i] = KINDS.index(glance.kind), glance.camera
        split[i] = splits.setdefault(glance.split, len(splits))
        image[i] = hash(glance.image)
        if len(glance.neighbours) == 2:
            neighbours[i], alone[i] = [hash(n) for n in glance.neighbours], False
    return Overview(kind, camera, split, tuple(splits), image, neighbours, alone)


def _glances(records: Sequence[Record]) -> Iterator[_Glance]:
    if isinstance(records, Subset):
        for place in records.places:
            yield _glance(records.records, int(place))
    else:
        for place in range(len(records)):
            yield _glance(records, place)


def _glance(records: Sequence[Record], place: int) -> _Glance:
    if isinstance(records, Manifest):
        found = _raw_glance(records.rows[place])
        if found is not None:
            return found
    record = records[place]  # also to have an odd row explained
    kind = None if record.label is None else record.label.kind
    return _Glance(kind, record.camera is not None, record.split, record.image, record.neighbours)


def _raw_glance(row: dict[str, Any]) -> _Glance | None:
    label, neighbours = row.get("label"), row.get("neighbours", ())
    kind = label.get("kind") if isinstance(label, dict) else None
    odd = (
        (label is not None and kind is None) or kind not in KINDS or not isinstance(neighbours, list | tuple)
    )
    image, split = row.get("image"), row.get("split")
    if odd or not isinstance(image, str) or not isinstance(split, str | None):
        return None
    return _Glance(kind, row.get("camera") is not None, split, image, neighbours)
