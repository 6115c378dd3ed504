"""What all effects need: linear light of a photo, and a depth for every pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.rasters import Floats

_CODES = np.arange(256) / 255.0
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_linear(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Linear light, float32 in [0, 1], of 8-bit sRGB codes (IEC 61966-2-1)."""
    return np.asarray(_LINEAR[pixels], np.float32)


def to_srgb(linear: Floats) -> npt.NDArray[np.uint8]:
    """8-bit sRGB codes of linear light; what lies outside [0, 1] is cut. Undoes `to_linear` exactly."""
    inside = np.clip(linear, 0, 1)
    codes = np.where(inside <= 0.0031308, 12.92 * inside, 1.055 * inside ** np.float32(1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * codes), np.uint8)


def full_depth(depth: DepthMap) -> Floats:
    """Depth in metres of every pixel, float32 (H, W); where unknown, the largest known: mostly it is sky.

    Raises:
        DepthMapError: the map is not metric, or empty.
    """
    metres = depth.depth
    if not depth.valid.any():
        raise DepthMapError("effect: the map has no pixel with a depth")
    return np.where(depth.valid, metres, metres.max())


def focal_of(depth: DepthMap) -> float:
    """Focal length in pixels.

    Raises:
        DepthMapError: the map has no camera.
    """
    if depth.camera is None:
        raise DepthMapError("effect: the map has no camera; make it with DepthMap(values, kind, camera)")
    return depth.camera.focal
