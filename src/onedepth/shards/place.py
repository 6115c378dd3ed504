"""Places: where in a tar file a member lies, and the checksum of its bytes.

The item of a shard's locator is `START+SIZE:CRC32/NAME`, as in
`000001.tar#1536+20480:89abcdef/000000012.jpg`: whoever holds the locator reads the member by one range
request and can tell whether it is intact, without a table in memory, and without any header of the tar file.
"""

from __future__ import annotations

import re
import time
import zlib
from typing import NamedTuple

from onedepth.errors import DataError
from onedepth.manifest.storage import check_scheme, file_system, local_path, missing, open_file

_PLACE = re.compile(r"(\d{1,15})\+(\d{1,12}):([0-9a-f]{8})/(.+)", re.DOTALL)
_PAUSES = (0.2, 1.0)  # seconds before a request over a network is repeated


class Place(NamedTuple):
    """Where a member lies in its tar file.

    Attributes:
        name: Of the member.
        start: Byte at which its content begins.
        size: Bytes.
        checksum: CRC-32 of the content; it finds every error of up to 32 bits in a row.
    """

    name: str
    start: int
    size: int
    checksum: int

    def __str__(self) -> str:
        return f"{self.start}+{self.size}:{self.checksum:08x}/{self.name}"


def split_place(item: str) -> Place | None:
    """Take the item of a locator apart; None for the plain name of a member."""
    found = _PLACE.fullmatch(item)
    return Place(found[4], int(found[1]), int(found[2]), int(found[3], 16)) if found else None


def read_place(path: str, place: Place, limit: int) -> bytes:
    """Read a member where it lies, and check it.

    Args:
        path: Of the tar file, local or a URL.
        place: Of the member.
        limit: Largest number of bytes.

    Raises:
        DataError: Missing, larger than `limit`, cut off, or not what was packed; shard and member are named.
    """
    if place.size > limit:
        raise DataError(f"{path}#{place}: claims {place.size:,} bytes, more than the {limit:,} of any file")
    pauses = () if local_path(path) is not None else _PAUSES
    for pause in (*pauses, None):
        try:
            data = _fetch(path, place)
            _check(path, place, data)
            return data
        except DataError:
            if pause is None:
                raise
            time.sleep(pause)
    raise AssertionError  # the last turn returns or raises


def _check(path: str, place: Place, data: bytes) -> None:
    if len(data) != place.size:
        raise DataError(
            f"{path}: gave {len(data)} of the {place.size} bytes of {place.name!r}; the shard is cut off, or "
            "its server does not serve parts of files"
        )
    found = zlib.crc32(data)
    if found != place.checksum:
        raise DataError(
            f"{path}: member {place.name!r} is damaged: checksum {found:08x}, packed as "
            f"{place.checksum:08x}; copy the shard again"
        )


def _fetch(path: str, place: Place) -> bytes:
    if local_path(path) is not None:
        with open_file(path) as file:
            file.seek(place.start)
            return file.read(place.size)
    try:
        system = file_system(str(check_scheme(path)))
        return bytes(system.cat_file(path, start=place.start, end=place.start + place.size))
    except FileNotFoundError as error:
        raise DataError(f"{path}: {missing(error)}") from error
    except DataError:
        raise
    except Exception as error:  # every backend has errors of its own
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]})") from error
