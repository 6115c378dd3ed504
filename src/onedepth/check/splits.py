"""What is listed twice: ids, and scenes and images that stand in more than one split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onedepth.check.fingerprint import alike
from onedepth.check.kinds import bits_of
from onedepth.check.row import Table

Places = npt.NDArray[np.intp]


class Twice(NamedTuple):
    """Records that repeat others: kind of finding, their places ascending, and a record each repeats."""

    kind: str
    places: Places
    others: Places


def repeated(table: Table, splits: Sequence[str]) -> Iterator[Twice]:
    """Find what is listed twice.

    Of two splits the one to measure with keeps what both have: `test` before `val` before any other name
    before `train`; among equals the one that came first.

    Args:
        table: All rows.
        splits: Names of splits by number.
    """
    yield Twice("duplicate_id", *_later(table["id"]))
    order = sorted(range(len(splits)), key=lambda number: (_standing(splits[number]), number))
    ranks = np.zeros(len(splits) + 1, np.int64)
    ranks[order] = np.arange(len(splits))
    rank = ranks[table["split"]]
    usable = (table["found"] & np.uint32(bits_of("unusable"))) == 0  # what is left out anyway repeats nothing
    apart = np.flatnonzero((table["split"] >= 0) & usable)
    for kind, field in (("scene_in_splits", "scene"), ("image_in_splits", "content")):
        yield Twice(kind, *_across(table[field], rank, apart))
    yield _similar(table, rank, apart)


def _standing(split: str) -> int:
    name = split.lower()
    if name.startswith("train"):
        return 3
    return 0 if name.startswith("test") else 1 if name.startswith(("val", "dev")) else 2


def _later(keys: npt.NDArray[np.uint64]) -> tuple[Places, Places]:
    """All but the first of equal keys (not 0), and that first."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    firsts = first[inverse]
    later = np.flatnonzero((keys != 0) & (firsts != np.arange(len(keys))))
    return later, firsts[later]


def _across(
    keys: npt.NDArray[np.uint64], rank: npt.NDArray[np.int64], apart: Places
) -> tuple[Places, Places]:
    """Records whose key (not 0) stands in a split of lower rank, too, and the first record there."""
    apart = apart[keys[apart] != 0]
    order = apart[np.lexsort((apart, rank[apart], keys[apart]))]
    if not len(order):
        return order, order
    starts = np.concatenate([[True], keys[order[1:]] != keys[order[:-1]]])
    best = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]]
    losing = rank[order] > rank[best]
    places, others = order[losing], best[losing]
    ascending = np.argsort(places)
    return places[ascending], others[ascending]


def _similar(table: Table, rank: npt.NDArray[np.int64], apart: Places) -> Twice:
    """Records whose image looks like, but is not, one of a split of lower rank."""
    apart = apart[(table["across"][apart] != 0) | (table["down"][apart] != 0)]
    a, b = alike(table["across"][apart], table["down"][apart], table["split"][apart])
    a, b = apart[a], apart[b]
    differ = table["content"][a] != table["content"][b]
    a, b = a[differ], b[differ]
    a, b = np.where(rank[a] > rank[b], a, b), np.where(rank[a] > rank[b], b, a)
    order = np.lexsort((b, a))
    places, first = np.unique(a[order], return_index=True)
    return Twice("similar_in_splits", places, b[order][first])
