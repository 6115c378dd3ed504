"""The index of a shard set: a header with checksums, and a manifest of all records."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from onedepth.errors import DataError
from onedepth.manifest.jsonl import JsonLines
from onedepth.manifest.manifest import Manifest, explain
from onedepth.manifest.record import Record
from onedepth.manifest.resolve import base_of
from onedepth.manifest.storage import join_locator, open_file, read_bytes, split_locator
from onedepth.shards.members import scan

FORMAT, VERSION = "onedepth shards", 1
HEADER, INDEX = "index.json", "index.jsonl"

_BLOCK = 1 << 22
_Count = Annotated[int, Field(ge=0)]
_Checksum = Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]


class Stored(BaseModel):
    """A file of a shard set.

    Attributes:
        file: Its name, in the folder of the header.
        bytes: Its size.
        crc32: Its checksum.
        records: How many records it holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: _Name
    bytes: _Count
    crc32: _Checksum
    records: _Count


class Header(BaseModel):
    """What `index.json` holds.

    Attributes:
        format: Always `onedepth shards`.
        version: Of the layout.
        pack: What was packed and how, as a checksum; packing goes on only where it is the same.
        index: The manifest.
        shards: The tar files, in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = FORMAT
    version: int = VERSION
    pack: str
    index: Stored
    shards: tuple[Stored, ...]

    def to_json(self) -> str:
        """The text of `index.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=1) + "\n"


class ShardSet(Manifest):
    """The records of a shard set, parsed on demand; no more of the index is in memory than of any manifest.

    Attributes:
        header: Of the set.
    """

    def __init__(self, path: str, header: Header, rows: JsonLines) -> None:
        super().__init__(path, rows)
        self.header = header
        self._folder = base_of(path)
        self._files = frozenset(f"{self._folder}/{shard.file}" for shard in header.shards)

    def at(self, index: int) -> Record:
        """The record at 0 <= index < len(self).

        Raises:
            DataError: The row breaks the rules, or names a file that is no shard of the set.
        """
        record = super().at(index)
        for locator in locators_of(record):
            if locator.partition("#")[0] not in self._files:
                raise DataError(f"{self.rows.where(index)}: {locator[:200]!r} is in no shard of this set")
        return record


def locators_of(record: Record) -> Iterator[str]:
    """All locators of a record."""
    yield record.image
    if record.label is not None:
        yield record.label.file
        if record.label.mask is not None:
            yield record.label.mask
    if record.right is not None:
        yield record.right
    yield from record.neighbours


def open_shards(path: str) -> ShardSet:
    """Open a shard set; its index is checked, the shards when they are read.

    Args:
        path: Of `index.json`, local or a URL.

    Raises:
        DataError: Header or index are missing, damaged, or of a newer version.
    """
    header = read_header(path)
    where = f"{path.rpartition('/')[0]}/{header.index.file}" if "/" in path else header.index.file
    rows = JsonLines(where)
    found = rows.checksum()
    if found != (header.index.bytes, int(header.index.crc32, 16)) or len(rows) != header.index.records:
        raise DataError(
            f"{where}: has {found[0]:,} bytes of checksum {found[1]:08x}, but {path} says "
            f"{header.index.bytes:,} of {header.index.crc32}; damaged, or of another set: copy both again"
        )
    return ShardSet(where, header, rows)


def read_header(path: str) -> Header:
    """Read and check `index.json`.

    Raises:
        DataError: It is missing, something else, or of a newer version.
    """
    try:
        values: Any = json.loads(read_bytes(join_locator(path)))
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: is not valid JSON ({str(error)[:120]})") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DataError(
            f"{path}: is no index of shards; expected one that `onedepth data pack` wrote "
            f'(`"format": "{FORMAT}"`)'
        )
    version = values.get("version")
    if version != VERSION:
        raise DataError(
            f"{path}: has layout version {version!r}, this OneDepth reads {VERSION}; get a newer one"
        )
    try:
        return Header.model_validate(values)
    except ValidationError as error:
        raise DataError(f"{path}: {explain_header(error)}") from error


def explain_header(error: ValidationError) -> str:
    """The first thing that is wrong with a header, as one line that names the field."""
    return explain(error).replace("record: ", "header: ", 1)


def verify(path: str) -> Iterator[str]:
    """Read a whole set and say what is wrong with it, a line per file; nothing if all is well.

    Args:
        path: Of `index.json`, local or a URL.

    Raises:
        DataError: The index itself cannot be used.
    """
    records = open_shards(path)
    folder = split_locator(base_of(records.path))[0]
    for shard in records.header.shards:
        where = f"{folder}/{shard.file}"
        try:
            wrong = check_stored(where, shard)
            with open_file(where) as file:
                scan(file, where)
        except DataError as error:
            wrong = str(error)
        if wrong:
            yield wrong


def check_stored(where: str, stored: Stored) -> str | None:
    """Read a file and say in which way it is not what its header says, or None."""
    with open_file(where) as file:
        size, checksum = sums(iter(lambda: file.read(_BLOCK), b""))
    if size != stored.bytes:
        return f"{where}: has {size:,} bytes, expected {stored.bytes:,}"
    if checksum != int(stored.crc32, 16):
        return f"{where}: is damaged: checksum {checksum:08x}, expected {stored.crc32}"
    return None


def sums(blocks: Iterable[bytes]) -> tuple[int, int]:
    """Size and CRC-32 of bytes that come in blocks."""
    size = checksum = 0
    for block in blocks:
        size, checksum = size + len(block), zlib.crc32(block, checksum)
    return size, checksum
