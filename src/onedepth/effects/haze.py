"""Fog, and its removal, by depth (Koschmieder 1924; for photos: Narasimhan and Nayar, IJCV 2002).

What reaches the camera from a distance d is I = J t + A (1 - t) with t = exp(-density d): the light J of the
thing itself gets weaker, and light A that the air scatters takes its place. This holds for linear light, and
d is the length of the ray, not the depth.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.effects.light import full_depth, to_linear, to_srgb
from onedepth.errors import ConfigError
from onedepth.rasters import Floats, as_image

Colour = tuple[int, int, int]

FOG_LIGHT: Colour = (226, 229, 232)
"""sRGB of the light that fog scatters by default: that of an overcast sky."""

_CONTRAST = 0.05  # at which something just cannot be seen: the definition of visibility (WMO No. 8, 9.1.1)
_LEAST = 0.1  # of the light of a thing that must have come through for it to be restored
_FAR = 0.99  # part of all pixels that is nearer than those whose colour is that of the air


def density_of(visibility: float) -> float:
    """Density in 1/m of fog in which one sees `visibility` metres far (5 % contrast); 0 for infinity.

    Raises:
        ConfigError: not above 0.
    """
    if not visibility > 0:
        raise ConfigError(f"visibility {visibility:g}: expected metres above 0")
    return -math.log(_CONTRAST) / visibility


def transmission(depth: DepthMap, density: float) -> Floats:
    """Part of the light that comes through, float32 (H, W) in (0, 1]: exp(-density * length of the ray).

    Raises:
        ConfigError: density below 0 or not finite.
        DepthMapError: the map is not metric, or empty.
    """
    if not (math.isfinite(density) and density >= 0):
        raise ConfigError(f"density {density:g}: expected 0 or more, per metre")
    lengths = full_depth(depth)
    if depth.camera is not None:
        rays = np.linalg.norm(depth.camera.rays(), axis=-1)
        lengths = lengths * np.where(np.isfinite(rays), rays, 1)
    return np.asarray(np.exp(np.float32(-density) * lengths), np.float32)


def add_haze(linear: Floats, through: Floats, light: Floats) -> Floats:
    """J t + A (1 - t), in linear light: (H, W, 3), (H, W) and (3,) floats."""
    part = through[..., None]
    return np.asarray(linear * part + light * (1 - part))


def remove_haze(linear: Floats, through: Floats, light: Floats) -> Floats:
    """(I - A (1 - t)) / t: undoes `add_haze`."""
    part = through[..., None]
    return np.asarray((linear - light * (1 - part)) / part)


def fog(
    pixels: npt.NDArray[np.uint8], depth: DepthMap, density: float, light: Colour = FOG_LIGHT
) -> npt.NDArray[np.uint8]:
    """Put fog into a photo.

    Args:
        pixels: uint8 (H, W, 3) sRGB.
        depth: its depth, metric.
        density: 1/m; 0 is clear air and gives the photo back. See `density_of`.
        light: sRGB colour of the fog.

    Raises:
        ConfigError: impossible density.
        DepthMapError: the map is not metric, empty, or of another size.
    """
    through = transmission(depth, density)
    image = to_linear(as_image(pixels, depth.shape))
    return to_srgb(add_haze(image, through, to_linear(np.array(light, np.uint8))))


def defog(
    pixels: npt.NDArray[np.uint8], depth: DepthMap, density: float, light: Colour | None = None
) -> npt.NDArray[np.uint8]:
    """Take fog out of a photo.

    Where less than a tenth of the light came through, only that much is undone: the rest would be noise.

    Args:
        pixels: uint8 (H, W, 3) sRGB.
        depth: its depth, metric.
        density: 1/m.
        light: sRGB colour of the fog; None to take the colour of what is farthest.

    Raises:
        ConfigError: impossible density.
        DepthMapError: the map is not metric, empty, or of another size.
    """
    through = np.maximum(transmission(depth, density), np.float32(_LEAST))
    image = as_image(pixels, depth.shape)
    colour = np.array(farthest_colour(image, depth) if light is None else light, np.uint8)
    return to_srgb(remove_haze(to_linear(image), through, to_linear(colour)))


def farthest_colour(pixels: npt.NDArray[np.uint8], depth: DepthMap) -> Colour:
    """Median colour of the farthest hundredth of the pixels."""
    metres = full_depth(depth)
    red, green, blue = np.median(pixels[metres >= np.quantile(metres, _FAR)], axis=0)
    return round(float(red)), round(float(green)), round(float(blue))
