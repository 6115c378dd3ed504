"""Labels in TIFF files: one page of one channel."""

from __future__ import annotations

import io
import struct
import zlib

from onedepth.errors import DataError
from onedepth.manifest.claims import check_pixels
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.record import Label
from onedepth.manifest.storage import read_bytes


def decode(label: Label, view: View) -> Array:
    """The page, (h, w), 16-bit integers or floating point.

    Raises:
        DataError: Missing, damaged, several pages or channels, or 8 bits that are said to be depth.
    """
    import tifffile

    data = read_bytes(label.file)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            shape = page.shape
            if len(file.pages) != 1 or len(shape) != 2:
                raise DataError(
                    f"{label.file}: has {len(file.pages)} pages of shape {shape}, expected one of (h, w)"
                )
            check_pixels(shape[1], shape[0], label.file, view.max_pixels)
            stored: Array = page.asarray()
    except (ValueError, OSError, LookupError, TypeError, RuntimeError, struct.error, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{label.file}: is no TIFF file, or damaged ({str(error)[:120]})") from error
    if stored.dtype.kind not in "fui" or stored.dtype.itemsize == 1:
        raise DataError(
            f"{label.file}: holds {stored.dtype}; expected 16 bits or floating point, not a picture"
        )
    return stored
