"""What a file claims to hold, looked at before anything is decoded: a small file can claim any size."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import NamedTuple

from onedepth.errors import DataError, ImageError
from onedepth.files.images import DEFAULT_MAX_PIXELS

HEAD = 1 << 16
"""Bytes at the start of a file in which `claim_of` usually finds the size."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # markers between SOF0 and SOF15 that are none
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


class Claim(NamedTuple):
    """Size and depth of a picture by its header; 0 bits or channels where the format was not asked."""

    width: int
    height: int
    bits: int = 0
    channels: int = 0


def claim_of(data: bytes) -> Claim | None:
    """Size that the header of an image file states (its first `HEAD` bytes suffice for most), or None."""
    if data.startswith(_PNG):
        return _png_claim(data)
    if data.startswith(_JPEG):
        return _jpeg_claim(data)
    return _other_claim(data)


def check_pixels(width: int, height: int, name: str, limit: int = DEFAULT_MAX_PIXELS) -> None:
    """Refuse a raster of no or of too many pixels before memory is taken for it.

    Raises:
        DataError: Naming size and limit.
    """
    if width < 1 or height < 1 or width * height > limit:
        raise DataError(f"{name}: claims {width}x{height} pixels; expected 1 to {limit:,} of them")


def _png_claim(data: bytes) -> Claim | None:
    if len(data) < 26 or data[12:16] != b"IHDR":
        return None
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    return Claim(width, height, bits, _PNG_CHANNELS.get(colour, 0))


def _jpeg_claim(data: bytes) -> Claim | None:
    """Walk over the segments to the frame header (SOF)."""
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            bits, height, width, channels = struct.unpack(">BHHB", data[at + 4 : at + 10])
            return Claim(width, height, bits, channels)
        if marker == 0xFF:  # padding
            at += 1
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _other_claim(data: bytes) -> Claim | None:
    """Ask Pillow for the size, which it knows without decoding."""
    from onedepth.files.image_kinds import open_image

    try:
        width, height = open_image(io.BytesIO(data), Path("image")).size
    except ImageError:
        return None
    return Claim(width, height)
