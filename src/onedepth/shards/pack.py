"""Pack records into shards, going on where an earlier pack was stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from onedepth.errors import DataError
from onedepth.manifest.record import Record
from onedepth.shards.content import Content, content_of
from onedepth.shards.images import ImagePlaces
from onedepth.shards.index import HEADER, INDEX, Header, Stored, check_stored, open_shards, read_header
from onedepth.shards.parts import (
    finished_shards,
    part_name,
    refuse_other,
    row_of,
    rows_of,
    shard_name,
    write_line,
)
from onedepth.shards.place import Place
from onedepth.shards.plan import PackOptions, Plan, make_plan
from onedepth.shards.tar import Counted, TarWriter
from onedepth.shards.target import Target


@dataclass(frozen=True)
class Packed:
    """What a pack did.

    Attributes:
        header: Of the set.
        kept: Shards that were there already, and intact.
    """

    header: Header
    kept: int


def pack(
    records: Sequence[Record],
    where: str,
    options: PackOptions | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Packed:
    """Pack records; finished shards of an interrupted pack of the same records are kept.

    The same records and options give the same bytes. Files appear whole or not at all, `index.json` last.

    Args:
        records: With absolute locators.
        where: Folder or URL (file, s3, gs, memory).
        options: How.
        advance: Called with the number of records that are done.

    Raises:
        DataError: A record cannot be read, two have the same id, or other shards lie there.
        OneDepthError: The target cannot be written.
    """
    options = options or PackOptions()
    plan = make_plan(records, options)
    target = Target(where)
    if target.exists(HEADER):
        header = _check_complete(target, plan.fingerprint)
        advance(len(plan))
        return Packed(header, len(header.shards))
    shards: list[Stored] = []
    for stored in finished_shards(target, plan.fingerprint):
        shards.append(stored)
        advance(stored.records)
    kept = len(shards)
    with ThreadPoolExecutor(options.workers) as readers:
        contents = _Contents(_read_ahead(plan, sum(s.records for s in shards), readers, options), advance)
        try:
            while contents.waiting is not None:
                shards.append(_write_shard(target, len(shards), contents, plan, options))
        finally:
            readers.shutdown(wait=True, cancel_futures=True)
    header = Header(pack=plan.fingerprint, index=_write_index(target, shards), shards=tuple(shards))
    with target.writing(HEADER) as file:
        file.write(header.to_json().encode())
    for shard in range(len(shards)):
        target.remove(part_name(shard))
    return Packed(header, kept)


def _check_complete(target: Target, fingerprint: str) -> Header:
    """The header of a set that is there already.

    Raises:
        DataError: It is another one, or damaged.
    """
    path = target.path(HEADER)
    header = read_header(path)
    refuse_other(target, header.pack, fingerprint)
    open_shards(path)
    for stored in header.shards:
        wrong = check_stored(target.path(stored.file), stored)
        if wrong:
            raise DataError(f"{wrong}; remove {path} and pack again, which mends it")
    return header


class _Contents:
    """Records that are read, one of which waits to be written."""

    def __init__(self, contents: Iterator[Content], advance: Callable[[int], None]) -> None:
        self._contents, self._advance = contents, advance
        self.waiting = next(contents, None)

    def take(self) -> Content:
        content, self.waiting = self.waiting, next(self._contents, None)
        assert content is not None
        self._advance(1)
        return content


def _read_ahead(
    plan: Plan, start: int, readers: ThreadPoolExecutor, options: PackOptions
) -> Iterator[Content]:
    """Contents in order, some of which are read while others are written."""
    numbers = iter(range(start, len(plan)))

    def submit(number: int) -> Future[Content]:
        record = plan.record(number)
        return readers.submit(content_of, record, number, plan.neighbours(record))

    ahead = deque(submit(number) for number in islice(numbers, 2 * options.workers))
    while ahead:
        content = ahead.popleft().result()
        ahead.extend(submit(number) for number in islice(numbers, 1))
        yield content


def _write_shard(target: Target, shard: int, contents: _Contents, plan: Plan, options: PackOptions) -> Stored:
    rows: list[dict[str, Any]] = []
    with target.writing(shard_name(shard)) as file:
        tar = TarWriter(file)
        while contents.waiting is not None and (
            not rows or tar.size + contents.waiting.size <= options.shard_bytes
        ):
            content = contents.take()
            places: dict[str, Place] = {name: tar.add(name, data) for name, data in content.members}
            rows.append(row_of(content, shard, places))
        tar.close()
    stored = Stored(file=shard_name(shard), bytes=tar.size, crc32=f"{tar.checksum:08x}", records=len(rows))
    with target.writing(part_name(shard)) as file:
        write_line(file, {"pack": plan.fingerprint, "shard": stored.model_dump(mode="json")})
        for row in rows:
            write_line(file, row)
    return stored


def _write_index(target: Target, shards: Sequence[Stored]) -> Stored:
    """Make one manifest of all parts."""
    images = ImagePlaces()
    for shard in range(len(shards)):
        for row in rows_of(target, shard):
            images.add(row["image"])
    with target.writing(INDEX) as file:
        counted = Counted(file)
        for shard in range(len(shards)):
            for row in rows_of(target, shard):
                if "neighbours" in row:
                    row["neighbours"] = [n if isinstance(n, str) else images[n] for n in row["neighbours"]]
                write_line(counted, row)
    return Stored(file=INDEX, bytes=counted.size, crc32=f"{counted.checksum:08x}", records=len(images))
