"""Write tar files whose bytes depend on nothing but the members: no times, no owners."""

from __future__ import annotations

import tarfile
import zlib
from typing import BinaryIO

from onedepth.shards.place import Place

_BLOCK = tarfile.BLOCKSIZE
_END = b"\0" * (2 * _BLOCK)


def taken(size: int) -> int:
    """Bytes that a member of a size takes in a tar file, with its header."""
    return _BLOCK + -(-size // _BLOCK) * _BLOCK


class Counted:
    """A file that is only written, and knows what was.

    Attributes:
        size: Bytes written so far.
        checksum: CRC-32 of all of them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size, self.checksum = file, 0, 0

    def write(self, data: bytes) -> None:
        """Write some bytes."""
        self._file.write(data)
        self.size += len(data)
        self.checksum = zlib.crc32(data, self.checksum)


class TarWriter(Counted):
    """Writes members one after the other."""

    def add(self, name: str, data: bytes) -> Place:
        """Write a member and say where it lies."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o644
        self.write(info.tobuf(tarfile.USTAR_FORMAT))
        start = self.size
        self.write(data)
        self.write(b"\0" * (-len(data) % _BLOCK))
        return Place(name, start, len(data), zlib.crc32(data))

    def close(self) -> None:
        """Write the end of the tar file."""
        self.write(_END)
