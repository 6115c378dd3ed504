"""What a tar file holds, as far as we are willing to read it: regular files of decent names, each once."""

from __future__ import annotations

import tarfile
from typing import BinaryIO

from onedepth.errors import DataError

_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def scan(file: BinaryIO, path: str) -> dict[str, tuple[int, int]]:
    """Start and size of every member of a tar file. Nothing is unpacked; folders are passed over.

    Args:
        file: The open tar file, seekable, not compressed.
        path: Its name, for errors.

    Raises:
        DataError: It is no tar file or cut off, or a member is a link, device or pipe, has an absolute name
            or one with `..`, occurs twice, or claims more bytes than there are.
    """
    try:
        length = file.seek(0, 2)
        file.seek(0)
        places: dict[str, tuple[int, int]] = {}
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if not member.isdir():
                    _check(member, places, path, length)
                    places[member.name] = (member.offset_data, member.size)
        return places
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        if isinstance(error, DataError):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: is not a tar file, or damaged ({reason})") from error


def _check(member: tarfile.TarInfo, seen: dict[str, tuple[int, int]], path: str, length: int) -> None:
    name = member.name
    wrong = _KINDS.get(member.type) or ("" if member.isreg() else "of an unknown kind")
    if not wrong and (name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name):
        wrong = "named so that it would leave its folder"
    if not wrong and name in seen:
        wrong = "there twice"
    if not wrong and member.offset_data + member.size > length:
        wrong = f"said to have {member.size:,} bytes, more than the file has left"
    if wrong:
        raise DataError(
            f"{path}: its member {name[:200]!r} is {wrong}; expected plain files of different, relative names"
        )
