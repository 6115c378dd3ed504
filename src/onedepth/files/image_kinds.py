"""Kinds of image files: recognised by their first bytes, opened by one Pillow plug-in each.

Going by content rather than by name tells a photo with a wrong suffix from a text file with a photo's name.
Opening with only the one plug-in keeps start-up quick, and exotic decoders out of reach of hostile files.
"""

from __future__ import annotations

import importlib
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from onedepth.errors import ImageError
from onedepth.files.depth_metadata import KEY as DEPTH_KEY

if TYPE_CHECKING:
    from PIL.Image import Image

_SUFFIXES = (
    "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "tif", "tiff",
    "heic", "heif", "hif", "avif", "gif", "bmp", "ppm", "pgm",
)  # fmt: skip
IMAGE_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES)
"""Suffixes (lower case) by which photos are found in folders."""

READABLE = "JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP or PPM"

_DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, RuntimeError,
    MemoryError, AttributeError, AssertionError, struct.error, zlib.error,
)  # fmt: skip


def decode_errors() -> tuple[type[Exception], ...]:
    """What Pillow's decoders raise on damaged files, and on frames that claim a gigantic size."""
    from PIL import Image

    return (*_DECODE_ERRORS, Image.DecompressionBombError)


_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"P5", "PPM"),
    (b"P6", "PPM"),
)
_PLUGINS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "TIFF": "TiffImagePlugin",
    "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin",
    "PPM": "PpmImagePlugin",
    "WEBP": "WebPImagePlugin",
    "AVIF": "AvifImagePlugin",
}
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"))
_AVIF_BRANDS = frozenset((b"avif", b"avis"))


_DEPTH_MARKS = (b"tEXt" + DEPTH_KEY.encode() + b"\0", b'{"%s": ' % DEPTH_KEY.encode())
_HEAD = 4096  # bytes; marks of PNG and TIFF files of ours lie before the raster


def is_depth_image(path: Path) -> bool:
    """Whether a file is a depth map that OneDepth wrote in a format of photos (PNG, TIFF); no file is not."""
    try:
        with path.open("rb") as file:
            return has_depth_mark(file.read(_HEAD))
    except OSError:
        return False


def has_depth_mark(head: bytes) -> bool:
    """Whether the first 4096 bytes of a file are those of a PNG or TIFF depth map that OneDepth wrote."""
    return image_kind(head[:64]) in ("PNG", "TIFF") and any(mark in head for mark in _DEPTH_MARKS)


def open_image(file: IO[bytes], path: Path) -> Image:
    """Open an image lazily: afterwards size and mode are known, but no pixel is decoded.

    Pillow's own limit (`Image.MAX_IMAGE_PIXELS`) is not consulted, because callers check theirs.

    Raises:
        ImageError: If the file is empty, not an image of a known kind, or its header is damaged. The message
            does not repeat the path; the caller puts it in front.
    """
    start = file.read(_HEAD)
    head = start[:64]
    if not head:
        raise ImageError("empty file (0 bytes)")
    if has_depth_mark(start):
        raise ImageError("is a depth map that OneDepth wrote, not a photo; give the photo it was made from")
    kind = image_kind(head)
    if kind is None:
        raise ImageError(f"not an image (begins with {_shown(head)}); expected {READABLE}")
    file.seek(0)
    try:
        return _factory(kind)(file, os.fspath(path))
    except decode_errors() as error:
        raise ImageError(f"damaged or incomplete {kind} image ({error_text(error)})") from error


def error_text(error: Exception) -> str:
    """Return a decoder's complaint as one line."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def _factory(kind: str) -> Callable[[IO[bytes], str], Image]:
    if kind == "HEIF":
        from pillow_heif import HeifImageFile

        return HeifImageFile
    from PIL import Image as pil  # noqa: N813 - the module's usual name is taken by the class

    importlib.import_module(f"PIL.{_PLUGINS[kind]}")
    return pil.OPEN[kind][0]


def image_kind(head: bytes) -> str | None:
    """Name the kind of image that begins with these (64) bytes, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
        return "AVIF" if brands & _AVIF_BRANDS else "HEIF" if brands & _HEIF_BRANDS else None
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)


def _shown(head: bytes) -> str:
    text = head[:12]
    return (
        repr(text.decode("ascii"))
        if text.isascii() and text.decode().isprintable()
        else f"bytes {text[:8].hex(' ')}"
    )
