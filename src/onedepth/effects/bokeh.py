"""Blur by depth, as a lens with an aperture makes it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.effects.light import focal_of, full_depth, to_linear, to_srgb
from onedepth.errors import ConfigError
from onedepth.rasters import Floats, as_image

_LAYERS = 16  # behind the focus, and as many before it
_SHARP = 0.5  # blur up to this radius, in pixels, is none
_LARGEST = 100.0  # radius in pixels


def blur_radius(depth: DepthMap, focus: float, aperture: float) -> Floats:
    """Radius in pixels of the disc that a point becomes, float32 (H, W): negative behind the focus.

    Thin lens: r = focal * aperture / 2 * (1 / z - 1 / focus), the focal length in pixels, all else in metres.

    Raises:
        ConfigError: focus not above 0, or aperture below 0.
        DepthMapError: the map is not metric, is empty or has no camera.
    """
    if not (math.isfinite(focus) and focus > 0):
        raise ConfigError(f"focus {focus:g}: expected metres above 0")
    if not (math.isfinite(aperture) and aperture >= 0):
        raise ConfigError(f"aperture {aperture:g}: expected a diameter of 0 metres or more")
    radius = np.float32(focal_of(depth) * aperture / 2) * (1 / full_depth(depth) - np.float32(1 / focus))
    return np.asarray(np.clip(radius, -_LARGEST, _LARGEST), np.float32)


def refocus(
    pixels: npt.NDArray[np.uint8], depth: DepthMap, focus: float, aperture: float
) -> npt.NDArray[np.uint8]:
    """Blur what is not in focus.

    The photo is cut into layers of like blur; from far to near each is spread by its disc, in linear light,
    and laid over those behind it. What a near layer uncovers is filled by the layers around.

    Args:
        pixels: uint8 (H, W, 3) sRGB, sharp.
        depth: its depth, metric, with a camera.
        focus: depth in metres that stays sharp.
        aperture: diameter of the lens in metres; 0 gives the photo back. A phone has 0.002, a portrait lens
            0.05.

    Raises:
        ConfigError: impossible focus or aperture.
        DepthMapError: the map is not metric, empty, without camera, or of another size.
    """
    radius = blur_radius(depth, focus, aperture)
    image = as_image(pixels, depth.shape)
    if np.abs(radius).max() <= _SHARP:
        return image.copy()
    linear = to_linear(image)
    light, cover = np.zeros_like(linear), np.zeros(depth.shape, np.float32)
    for low, high in _layers(radius):
        inside = (radius >= low) & (radius < high)
        if not inside.any():
            continue
        disc = _disc(float(np.abs(radius[inside]).mean()))
        spread = _spread(np.where(inside[..., None], linear, 0), disc)
        part = np.clip(_spread(inside.astype(np.float32), disc), 0, 1)
        light = light * (1 - part[..., None]) + spread
        cover = cover * (1 - part) + part
    return to_srgb(np.asarray(light / np.maximum(cover, 1e-6)[..., None], np.float32))


def _layers(radius: Floats) -> list[tuple[float, float]]:
    """Ranges of radius from far to near; the first and last are open, one is just what is sharp."""
    far = np.linspace(min(float(radius.min()), -_SHARP), -_SHARP, _LAYERS + 1)[1:]
    near = np.linspace(_SHARP, max(float(radius.max()), _SHARP), _LAYERS + 1)[:-1]
    return list(pairwise((-math.inf, *map(float, far), *map(float, near), math.inf)))


def _disc(radius: float) -> Floats:
    """A disc with a soft edge that adds up to 1."""
    half = math.ceil(radius + 0.5)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(disc / disc.sum(), np.float32)


def _spread(values: Floats, disc: Floats) -> Floats:
    import cv2

    return np.asarray(cv2.filter2D(values.astype(np.float32), -1, disc, borderType=cv2.BORDER_REPLICATE))
