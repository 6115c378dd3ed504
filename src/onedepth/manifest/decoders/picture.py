"""Labels in 16-bit grey pictures (PNG), and in 8-bit ones where 256 levels can be what was measured."""

from __future__ import annotations

import cv2
import numpy as np

from onedepth.errors import DataError
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.pixels import decode_picture
from onedepth.manifest.record import Label
from onedepth.manifest.storage import read_bytes


def decode(label: Label, view: View) -> Array:
    """Steps, uint16 (h, w); uint8 for disparity (whole pixels, as in Middlebury 2006) and affine labels only.

    Raises:
        DataError: Missing, damaged, several channels, or 8 bits that are said to be depth.
    """
    stored, _ = decode_picture(read_bytes(label.file), label.file, cv2.IMREAD_UNCHANGED, view.max_pixels)
    if stored.ndim == 2 and stored.dtype == np.uint16:
        return stored
    if stored.ndim == 2 and stored.dtype == np.uint8 and _may_have_8_bits(label):
        return stored
    raise DataError(
        f"{label.file}: expected one 16-bit channel, found {stored.dtype} {stored.shape}{_hint(stored)}"
    )


def decode_inverted(label: Label, view: View) -> Array:
    """255 minus the bytes, uint8 (h, w): 0 is stored for the nearest, 255 where there is nothing (ReDWeb).

    Raises:
        DataError: Missing, damaged, or not one 8-bit channel.
    """
    stored, _ = decode_picture(read_bytes(label.file), label.file, cv2.IMREAD_UNCHANGED, view.max_pixels)
    if stored.ndim != 2 or stored.dtype != np.uint8:
        raise DataError(f"{label.file}: expected one 8-bit channel, found {stored.dtype} {stored.shape}")
    return np.asarray(255 - stored, np.uint8)


def decode_mask(locator: str, view: View) -> Array:
    """Any one-channel picture, or the first channel of a grey one stored as colour: (h, w)."""
    stored, _ = decode_picture(read_bytes(locator), locator, cv2.IMREAD_UNCHANGED, view.max_pixels)
    return stored if stored.ndim == 2 else stored[..., 0]


def _may_have_8_bits(label: Label) -> bool:
    return label.kind == "affine" or label.quantity == "disparity"


def _hint(stored: Array) -> str:
    if stored.dtype != np.uint8:
        return ""
    return (
        "; an 8-bit picture is no depth: 256 levels cannot hold metres, and such files are stretched for "
        "looking at. Use the 16-bit or floating point file it was made from, or, if near is bright, list it "
        "as kind affine with quantity disparity"
    )
