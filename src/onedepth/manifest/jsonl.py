"""Lines of a JSON Lines file, read one by one where they lie: only their positions are kept in memory."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
import zlib
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError
from onedepth.manifest.storage import open_file

LONGEST_LINE = 1 << 24
"""Bytes of a line from which on it is no record."""

_BLOCK = 1 << 22
_LARGEST = 64 << 30  # bytes that a compressed manifest may unpack to


class JsonLines:
    """JSON objects of a file by number, from 0; blank lines do not count.

    Any process that is forked may go on reading. A file that is compressed or far away is first copied to an
    unnamed temporary one.

    Args:
        path: Of the file or object; `.gz` is unpacked.

    Raises:
        DataError: The file cannot be read, or has a line of more than `LONGEST_LINE` bytes.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = _seekable(path)
        self._starts, self._ends, self._numbers = _index(self._file, path)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        start, end = int(self._starts[index]), int(self._ends[index])
        data = os.pread(self._file.fileno(), end - start, start)  # shares no position with other processes
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.where(index)}: is not valid JSON ({str(error)[:120]})") from error
        if not isinstance(values, dict):
            raise DataError(f"{self.where(index)}: found {str(values)[:40]!r}, expected an object {{...}}")
        return values

    def __reduce__(self) -> tuple[Any, ...]:
        return JsonLines, (self.path,)

    def checksum(self) -> tuple[int, int]:
        """Size and CRC-32 of the file, unpacked."""
        size = checksum = 0
        while block := os.pread(self._file.fileno(), _BLOCK, size):
            size, checksum = size + len(block), zlib.crc32(block, checksum)
        return size, checksum

    def where(self, index: int) -> str:
        """Name of a line for messages: file and line number, from 1."""
        return f"{self.path}:{int(self._numbers[index]) + 1}"


def _seekable(path: str) -> BinaryIO:
    file = open_file(path)
    packed = path.lower().endswith(".gz")
    if not packed and _has_number(file):
        return file
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - stays open as long as the lines
    try:
        with file, gzip.GzipFile(fileobj=file) if packed else file as source:
            while block := source.read(_BLOCK):
                copy.write(block)
                if copy.tell() > _LARGEST:
                    raise DataError(f"{path}: unpacks to more than {_LARGEST >> 30} GB, which is no manifest")
    except (OSError, EOFError, zlib.error) as error:
        copy.close()
        raise DataError(
            f"{path}: cannot be read ({str(error)[:120]}); damaged, or the disk is full"
        ) from error
    copy.flush()
    return copy


def _has_number(file: BinaryIO) -> bool:
    """Whether the system knows an open file, so that it can be read at any place."""
    try:
        return file.fileno() >= 0
    except (OSError, AttributeError):
        return False


def _index(
    file: BinaryIO, path: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Start, end and number of every line that is not blank."""
    found: list[npt.NDArray[np.int64]] = []
    file.seek(0)
    size, last = 0, b"\n"
    while block := file.read(_BLOCK):
        found.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + size)
        size, last = size + len(block), block[-1:]
    ends = np.concatenate([*found, np.array([size] if last != b"\n" else [], np.int64)])
    starts = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1] + 1])
    lengths = ends - starts
    if len(lengths) and lengths.max() > LONGEST_LINE:
        line = int(lengths.argmax())
        raise DataError(
            f"{path}:{line + 1}: has {int(lengths[line]):,} bytes in one line; expected one object a line"
        )
    kept = np.flatnonzero(lengths > 1)  # the shortest object has two characters
    return starts[kept], ends[kept], kept


def copy_packed(source: BinaryIO, target: BinaryIO) -> None:
    """Compress a file, the same bytes for the same content."""
    with gzip.GzipFile("", "wb", fileobj=target, mtime=0) as packed:
        shutil.copyfileobj(source, packed, _BLOCK)
