"""Colour images of records: as stored, uint8 RGB, from files, HDF5 data sets and frames of videos."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError
from onedepth.files.images import DEFAULT_MAX_PIXELS
from onedepth.manifest.claims import Claim, check_pixels, claim_of
from onedepth.manifest.storage import is_tar, read_bytes, split_locator

Pixels = npt.NDArray[np.uint8]

HDF5_SUFFIXES = (".h5", ".hdf5", ".mat", ".hdf")
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")

_JPEG, _SCAN, _END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"  # how a JPEG, its pixels and its end are marked
_PNG, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
_COLOUR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def load_image(locator: str, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Pixels:
    """Decode an image as stored: EXIF orientation is not applied, as labels and cameras know nothing of it.

    Args:
        locator: A file or tar member (JPEG, PNG, WebP, TIFF, BMP, PPM), `file.mat#dataset/index` of an HDF5
            file, or `clip.mp4#frame`.
        max_pixels: Largest width times height; asked in the header before anything is decoded.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        DataError: Missing, damaged, cut off, no image, or larger than `max_pixels`.
    """
    path, item = split_locator(locator)
    suffix = path[path.rfind(".") :].lower()
    if item is not None and suffix in HDF5_SUFFIXES:
        from onedepth.manifest.decoders.hdf5 import read_image

        return read_image(path, item, max_pixels)
    if item is not None and suffix in VIDEO_SUFFIXES:
        from onedepth.manifest.decoders.video import read_frame

        return read_frame(path, item, max_pixels)
    if item is not None and not is_tar(path):
        raise DataError(
            f"{locator}: a {suffix or 'file without suffix'} holds one image, so `#{item}` is wrong"
        )
    return np.asarray(decode_picture(read_bytes(locator), locator, _COLOUR, max_pixels)[0], np.uint8)


def decode_picture(
    data: bytes, name: str, flags: int, max_pixels: int = DEFAULT_MAX_PIXELS
) -> tuple[npt.NDArray[Any], Claim]:
    """Decode picture bytes, but no cut-off file.

    OpenCV would fill what a JPEG lacks with grey, what a PNG lacks with what lay in memory, and go on.

    Args:
        data: The file.
        name: Of the file, for errors.
        flags: Of `cv2.imdecode`.
        max_pixels: Largest width times height.

    Returns:
        The pixels, and what the header says.

    Raises:
        DataError: Damaged, cut off, no image, or larger than `max_pixels`.
    """
    claim = claim_of(data) if data else None
    if claim is None:
        raise DataError(f"{name}: damaged or not an image{'' if data else ' (0 bytes)'}")
    check_pixels(claim.width, claim.height, name, max_pixels)
    if _is_cut_off(data):
        raise DataError(f"{name}: the file ends in the middle of the image; copy it again")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise DataError(f"{name}: cannot be decoded ({str(error).splitlines()[0][:120]})") from error
    if pixels is None:
        raise DataError(f"{name}: damaged or not an image")
    return pixels, claim


def _is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; what some cameras append behind the end does not matter."""
    if data.startswith(_JPEG):
        return not data.endswith(_END) and data.rfind(_END) < data.rfind(_SCAN)
    return data.startswith(_PNG) and data.rfind(_PNG_END) < 0
