"""Labels in portable float maps (Middlebury)."""

from __future__ import annotations

from onedepth.errors import DataError, DepthFileError
from onedepth.files.pfm import parse_pfm, pfm_size
from onedepth.manifest.claims import check_pixels
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.record import Label
from onedepth.manifest.storage import read_bytes


def decode(label: Label, view: View) -> Array:
    """The raster, float32 (h, w), top row first.

    Raises:
        DataError: Missing, damaged, or of colour.
    """
    data = read_bytes(label.file)
    try:
        check_pixels(*pfm_size(data, label.file), label.file, view.max_pixels)
        return parse_pfm(data, label.file)
    except DepthFileError as error:
        raise DataError(str(error)) from error
