"""Small pictures of a record for the page: its image, and its label in colours."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.check.label_facts import load_values
from onedepth.errors import OneDepthError
from onedepth.files.colormaps import colormap
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record

SIDE = 240
"""Pixels of the longer side."""

_UNKNOWN = np.uint8(64)
_QUALITY = 80
_LEAST_DOTS = 0.3  # measured share below which measurements are drawn larger, to be seen at all


def image_thumbnail(record: Record) -> bytes | None:
    """The image as a small JPEG; None where it cannot be opened."""
    try:
        pixels = load_image(record.image)
    except (OneDepthError, MemoryError):
        return None
    return _jpeg(np.asarray(cv2.resize(pixels, _size(pixels.shape), interpolation=cv2.INTER_AREA), np.uint8))


def label_thumbnail(record: Record) -> bytes | None:
    """The label as a small JPEG: near warm, far cold, dark where nothing was measured; None without one."""
    if record.label is None:
        return None
    try:
        values = load_values(record)
    except Exception:  # noqa: BLE001 - the check has named it already, whatever it is
        return None
    nearness = values if record.label.quantity == "disparity" else np.reciprocal(values)
    return _jpeg(_coloured(nearness.astype(np.float32)))


def _coloured(nearness: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    width, height = _size(nearness.shape)
    known = np.isfinite(nearness)
    if not known.any():
        return np.full((height, width, 3), _UNKNOWN)
    low, high = np.quantile(nearness[known], (0.02, 0.98))
    if known.mean() < _LEAST_DOTS:
        reach = 1 + 2 * round(max(nearness.shape) / SIDE)
        lowest = np.where(known, nearness, np.float32(-np.inf))
        nearness = np.asarray(cv2.dilate(lowest, np.ones((reach, reach), np.uint8)), np.float32)
    rows = ((np.arange(height) + 0.5) * nearness.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * nearness.shape[1] / width).astype(int)
    small = nearness[np.ix_(rows, columns)]
    shown = np.isfinite(small)
    share = np.where(shown, np.clip((small - low) / max(high - low, 1e-12), 0, 1), 0)
    colours = colormap("Spectral_r")[np.rint(share * 255).astype(int)]
    return np.where(shown[..., None], colours, _UNKNOWN)


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(shape[:2]))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _jpeg(rgb: npt.NDArray[np.uint8]) -> bytes:
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
