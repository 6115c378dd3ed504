"""Records that are stored alike: what is wrong with a unit or quantity is wrong with all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onedepth.check.inversion import CUE_TEXTS, CUES
from onedepth.check.row import Table
from onedepth.check.units import Depths, suspicion
from onedepth.manifest.record import Record

MOST = 1000
"""Groups that are told apart; a scale per file would make one of every record."""

_LEAST = 8  # records from which on weak signs count
_MEAN_VOTE, _SHARE = 1.0, 0.7
_DENSE, _PLANES = 0.5, 0.2  # of a label and of records: where planes are seen, they have to speak, too
_FAR_OFF = 100.0  # times the median of the others


class Group(NamedTuple):
    """What records that are stored alike share; `scale` is None where it differs."""

    source: str
    kind: str
    quantity: str
    encoding: str
    scale: float | None

    @property
    def text(self) -> str:
        """For people."""
        scale = "" if self.scale is None else f", scale {self.scale:.6g}"
        return f"{self.source or 'records'}: {self.kind} {self.quantity} in {self.encoding}{scale}"


class Suspicion(NamedTuple):
    """A kind of finding that concerns many records, and why."""

    kind: str
    places: npt.NDArray[np.intp]
    message: str


def group_of(record: Record) -> Group | None:
    """The group of a record; None without label."""
    label = record.label
    if label is None:
        return None
    return Group(record.source or "", label.kind, label.quantity, label.encoding, label.scale)


class GroupSummary(NamedTuple):
    """Numbers of a group: records with depths, and the median of their medians."""

    records: int
    median: float
    valid: float


def summary(table: Table, number: int) -> GroupSummary:
    """Numbers of the group of this number; NaN where unknown."""
    rows = table[table["group"] == number]
    return GroupSummary(len(rows), _median(rows["median"]), _median(rows["valid"]))


def suspicions(table: Table, groups: list[Group]) -> Iterator[Suspicion]:
    """What speaks against the unit or the quantity of whole groups, or of single ones among the others."""
    for number, group in enumerate(groups):
        places = np.flatnonzero((table["group"] == number) & (table["valid"] > 0))
        if len(places):
            yield from _units(table, places, group)
            yield from _quantity(table, places, group)


def _units(table: Table, places: npt.NDArray[np.intp], group: Group) -> Iterator[Suspicion]:
    if group.kind not in ("metric", "coarse"):
        return
    places = places[table["median"][places] > 0]
    rows = table[places]
    depths = Depths(
        _median(rows["median"]),
        _median(rows["ground"]),
        bool(len(rows)) and bool(rows["whole"].mean() > 0.9),
        group.source,
    )
    reason = suspicion(depths)
    if reason is not None:
        yield Suspicion("unit", places, f"{group.text}: {reason}")
    elif len(places) >= _LEAST:
        ratio = rows["median"] / depths.median
        for side in (ratio > _FAR_OFF, ratio < 1 / _FAR_OFF):
            if side.any() and side.mean() < 0.5:
                typical = (
                    f"{np.median(ratio[side]):.3g} times the median depth {depths.median:.3g} m of the others"
                )
                yield Suspicion("unit", places[side], f"{group.text}: {typical}")


def _quantity(table: Table, places: npt.NDArray[np.intp], group: Group) -> Iterator[Suspicion]:
    votes = table["votes"][places]
    if len(places) < _LEAST or votes.mean() < _MEAN_VOTE or (votes > 0).mean() < _SHARE:
        return
    dense = np.median(table["valid"][places]) > _DENSE
    if dense and ((table["cues"][places] & CUES["planes"]) != 0).mean() < _PLANES:
        return  # a camera that hangs upside down sees the ground above
    other = "depth" if group.quantity == "disparity" else "disparity"
    shares = {name: ((table["cues"][places] & bit) != 0).mean() for name, bit in CUES.items()}
    evidence = "; ".join(
        f"{CUE_TEXTS[name]} ({share:.0%} of records)" for name, share in shares.items() if share > 0
    )
    yield Suspicion("inverted", places, f"{group.text}: looks like {other}: {evidence}")


def _median(numbers: npt.NDArray[np.float32]) -> float:
    known = numbers[np.isfinite(numbers)]
    return float(np.median(known)) if len(known) else math.nan
