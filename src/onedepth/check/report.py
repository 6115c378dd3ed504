"""What a check found: counts and examples by kind, and a row of numbers for every record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onedepth.check.groups import MOST, Group, group_of, summary, suspicions
from onedepth.check.kinds import BITS, KINDS, SEVERITIES, bits_of
from onedepth.check.look import Look
from onedepth.check.row import Table, empty_table
from onedepth.check.splits import repeated
from onedepth.errors import DataError
from onedepth.manifest.record import Record

LISTED = 1000
"""Findings of a kind that are kept with their text; the others are counted, and `--fix` knows them."""

_UNOPENED = sum(
    BITS[kind] for kind in ("bad_record", "missing", "unreadable", "corrupt", "too_large", "eight_bit")
)


class Example(NamedTuple):
    """A finding of a record: its number in the list, its id (or line), and what was found."""

    number: int
    id: str
    message: str


@dataclass(frozen=True, eq=False)
class Report:
    """The result of a check.

    Attributes:
        records: What was checked.
        table: A row of numbers per record.
        examples: The first `LISTED` findings of each kind, in the order of `KINDS` and of the list.
        groups: Records that are stored alike, by their number in the table.
        splits: Names of splits, by their number.
    """

    records: Sequence[Record]
    table: Table
    examples: dict[str, tuple[Example, ...]]
    groups: tuple[Group, ...]
    splits: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of records with a finding of each kind that there is, worst kinds first."""
        found = self.table["found"]
        counts = {kind: int(((found & bit) != 0).sum()) for kind, bit in BITS.items()}
        return {kind: count for kind, count in counts.items() if count}

    @property
    def faults(self) -> int:
        """Number of records with a finding that is more than a note."""
        return int(((self.table["found"] & bits_of("unusable", "repairable", "suspicious")) != 0).sum())

    @property
    def opened(self) -> int:
        """Number of records of which everything could be opened."""
        return int(((self.table["found"] & _UNOPENED) == 0).sum())


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain JSON values."""
    return {
        "records": len(report.table),
        "opened": report.opened,
        "faulty": report.faults,
        "findings": {
            kind: {
                "severity": KINDS[kind].severity,
                "means": SEVERITIES[KINDS[kind].severity],
                "title": KINDS[kind].title,
                "records": count,
                "listed": [example._asdict() for example in report.examples.get(kind, ())],
            }
            for kind, count in report.counts.items()
        },
        "groups": [
            {**group._asdict(), **_plain(summary(report.table, number)._asdict())}
            for number, group in enumerate(report.groups)
        ],
    }


@dataclass
class Collector:
    """Takes looks in the order of the list."""

    records: Sequence[Record]
    table: Table = field(init=False)
    _examples: dict[str, list[Example]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _groups: dict[Group, int] = field(default_factory=dict)
    _splits: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = empty_table(len(self.records))

    def add(self, index: int, record: Record | None, seen: Look) -> None:
        """Keep the numbers of a look, and its findings while there are few of their kind."""
        row = seen.row
        if record is not None:
            split = -1 if record.split is None else self._splits.setdefault(record.split, len(self._splits))
            row = row._replace(split=split, group=self._group(record))
        self.table[index] = tuple(row)
        name = f"record {index + 1}" if record is None else record.id
        for finding in seen.findings:
            self._list(finding.kind, index, name, finding.message)

    def report(self) -> Report:
        """Weigh the whole list, and close."""
        groups, splits = list(self._groups), tuple(self._splits)
        for suspicion in suspicions(self.table, groups):
            self._mark(suspicion.kind, suspicion.places)
            for place in suspicion.places[:LISTED]:
                self._list(suspicion.kind, int(place), self._name(place), suspicion.message)
        for twice in repeated(self.table, splits):
            self._mark(twice.kind, twice.places)
            for place, other in zip(twice.places[:LISTED], twice.others, strict=False):
                self._list(twice.kind, int(place), self._name(place), self._repeats(twice.kind, other))
        examples = {kind: tuple(_first_of_each(listed)) for kind, listed in self._examples.items() if listed}
        return Report(self.records, self.table, examples, tuple(groups), splits)

    def _group(self, record: Record) -> int:
        group = group_of(record)
        if group is None:
            return -1
        if group not in self._groups and len(self._groups) >= MOST:
            group = group._replace(scale=None)
        return self._groups.setdefault(group, len(self._groups))

    def _mark(self, kind: str, places: npt.NDArray[np.intp]) -> None:
        self.table["found"][places] |= np.uint32(BITS[kind])

    def _list(self, kind: str, index: int, name: str, message: str) -> None:
        listed = self._examples[kind]
        if len(listed) < LISTED:
            listed.append(Example(index, name, message))

    def _name(self, place: np.intp) -> str:
        try:
            return self.records[int(place)].id
        except DataError:
            return f"record {int(place) + 1}"

    def _repeats(self, kind: str, other: np.intp) -> str:
        if kind == "duplicate_id":
            return f"record {int(other) + 1} has this id"
        split = tuple(self._splits)[int(self.table["split"][other])]
        what = {"scene_in_splits": "its scene is in", "image_in_splits": "its image is in"}
        return f"{what.get(kind, 'its image looks like one in')} split {split!r}, too: {self._name(other)}"


def _first_of_each(listed: list[Example]) -> list[Example]:
    """In the order of the list; a record that was found twice for one reason counts once."""
    kept: dict[int, Example] = {}
    for example in listed:
        kept.setdefault(example.number, example)
    return [kept[index] for index in sorted(kept)]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in values.items()}
