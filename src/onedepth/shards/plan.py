"""What a pack will write, found out beforehand: the order, who neighbours whom, a fingerprint."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError
from onedepth.manifest.record import Record
from onedepth.shards.index import VERSION

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PackOptions:
    """How records are packed.

    Attributes:
        shard_bytes: Size from which on a new shard is begun.
        shuffle: Seed of the order of records; None keeps theirs.
        workers: Threads that read.
    """

    shard_bytes: int = 256 << 20
    shuffle: int | None = None
    workers: int = 4


@dataclass(frozen=True, eq=False)
class Plan:
    """The records in the order of the shards.

    Attributes:
        records: As listed.
        order: (N,) which of them is packed as number i.
        fingerprint: Checksum of the records and of the options that change the bytes of shards.
    """

    records: Sequence[Record]
    order: Numbers
    fingerprint: str
    _images: Numbers  # sorted hashes of image locators ...
    _numbers: Numbers  # ... and the number of the record each belongs to

    def __len__(self) -> int:
        return len(self.order)

    def record(self, number: int) -> Record:
        """The record that is packed as this number."""
        return self.records[int(self.order[number])]

    def neighbours(self, record: Record) -> list[int | None]:
        """For each neighbour of a record the number of the record that has it as its image, or None."""
        return [self._find(hash(locator)) for locator in record.neighbours]

    def _find(self, image: int) -> int | None:
        at = int(np.searchsorted(self._images, image))
        found = at < len(self._images) and self._images[at] == image
        return int(self._numbers[at]) if found else None


def make_plan(records: Sequence[Record], options: PackOptions) -> Plan:
    """Look at every record once; some 24 bytes of each stay in memory.

    Raises:
        DataError: There are none, a record breaks the rules, or two have the same id.
    """
    count = len(records)
    if not count:
        raise DataError("nothing to pack: the list has no records")
    images, ids, checksum = array("q"), array("q"), 0
    for record in records:
        images.append(hash(record.image))
        ids.append(hash(record.id))
        text = json.dumps(record.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
        checksum = zlib.crc32(text.encode("utf-8", "surrogatepass"), checksum)
    _check_ids(records, np.array(ids, np.int64))
    order = np.arange(count, dtype=np.int64)
    if options.shuffle is not None:
        order = np.random.default_rng(options.shuffle).permutation(order)
    hashes = np.array(images, np.int64)[order]
    by_hash = np.argsort(hashes, kind="stable")
    how = f"{VERSION}-{options.shard_bytes}-{options.shuffle}-{count}-{checksum:08x}"
    return Plan(records, order, how, hashes[by_hash], by_hash)


def _check_ids(records: Sequence[Record], ids: Numbers) -> None:
    order = np.argsort(ids, kind="stable")
    same = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if len(same):
        name = records[int(order[same[0]])].id
        raise DataError(f"record {name!r}: another one has this id; every record needs its own")
