"""Labels that are plain numbers: Sintel's .dpt, and files without any header (ETH3D, phones)."""

from __future__ import annotations

import re
import struct

import numpy as np

from onedepth.errors import DataError
from onedepth.manifest.claims import check_pixels
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.record import Label
from onedepth.manifest.storage import is_tar, join_locator, read_bytes, split_locator

_SINTEL = 202021.25  # "PIEH" as float32: how a .dpt file begins
_LZFSE = (b"bvx-", b"bvx1", b"bvx2", b"bvxn")  # how a block of Apple's compression begins


def decode_dpt(label: Label, view: View) -> Array:
    """MPI Sintel: float32 tag, int32 width and height, then float32 rows.

    Raises:
        DataError: Missing, damaged, or something else.
    """
    data = read_bytes(label.file)
    if len(data) < 12 or struct.unpack("<f", data[:4])[0] != _SINTEL:
        raise DataError(f"{label.file}: is no .dpt file of Sintel: it does not begin with its tag {_SINTEL}")
    width, height = struct.unpack("<ii", data[4:12])
    check_pixels(width, height, label.file, view.max_pixels)
    return _rows(data[12:], "<f4", width, height, label.file)


def decode_float32(label: Label, view: View) -> Array:
    """Little-endian float32 rows; the item `WIDTHxHEIGHT` states the size, else it is the camera's.

    Files compressed by Apple's LZFSE (Record3D) are unpacked where the package pyliblzfse is installed.

    Raises:
        DataError: Missing, of another length, or of unknown size.
    """
    return _plain(label, view, "<f4")


def decode_uint16(label: Label, view: View) -> Array:
    """Little-endian uint16 rows, size as in `decode_float32`.

    Raises:
        DataError: As `decode_float32`.
    """
    return _plain(label, view, "<u2")


def _plain(label: Label, view: View, dtype: str) -> Array:
    path, item = split_locator(label.file)
    in_tar = is_tar(path)
    width, height = _size(label.file, None if in_tar else item, view)
    check_pixels(width, height, label.file, view.max_pixels)
    data = read_bytes(label.file if in_tar else join_locator(path))
    if data[:4] in _LZFSE:
        data = _unpack(data, label.file)
    return _rows(data, dtype, width, height, label.file)


def _size(where: str, item: str | None, view: View) -> tuple[int, int]:
    if item is not None:
        found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", item)
        if found is None:
            raise DataError(f"{where}: found #{item}, expected the size of the raw file, such as #256x192")
        return int(found[1]), int(found[2])
    if view.camera is None:
        raise DataError(f"{where}: has no header; state its size after #, such as #256x192, or give a camera")
    return view.camera.size


def _rows(data: bytes, dtype: str, width: int, height: int, where: str) -> Array:
    expected = width * height * np.dtype(dtype).itemsize
    if len(data) != expected:
        raise DataError(
            f"{where}: holds {len(data)} bytes of pixels, expected {expected} for {width}x{height}"
        )
    return np.frombuffer(data, dtype).reshape(height, width)


def _unpack(data: bytes, where: str) -> bytes:
    try:
        import liblzfse  # type: ignore[import-not-found]
    except ImportError as error:
        raise DataError(
            f"{where}: is compressed with LZFSE; run `pip install pyliblzfse` to read it"
        ) from error
    try:
        return bytes(liblzfse.decompress(data))
    except liblzfse.error as error:
        raise DataError(f"{where}: its LZFSE compression is damaged; copy it again") from error
