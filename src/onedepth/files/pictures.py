"""Pictures of depth for people: coloured by disparity, near = warm, with a scale bar. Never read back."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.checks import real, shown
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.atomic import write_bytes
from onedepth.files.colormaps import INVALID
from onedepth.files.colormaps import colormap as colormap_table
from onedepth.files.scalebar import draw_bar

PERCENTILES = (2.0, 98.0)
"""Part of the disparities that the automatic range spans; what lies outside takes the end colours."""

BAR_LEAST_HEIGHT = 64
"""Pictures lower than this have no bar: its numbers could not be read."""

_ENCODERS = {
    ".png": ("PNG", {"compress_level": 1}),
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 90}),
}
_SAMPLE = 500_000
_ROWS = 128


def render_picture(
    depthmap: DepthMap,
    colormap: str = "Spectral_r",
    bar: bool = True,
    *,
    limits: tuple[float, float] | None = None,
) -> npt.NDArray[np.uint8]:
    """Colour a map by disparity, from the coldest colour (far) to the warmest (near).

    Args:
        depthmap: a map of any kind and size.
        colormap: Spectral_r, turbo, magma or gray. Invalid pixels get a colour outside the map.
        bar: add a scale bar on the right (pictures of at least 64 rows): metres for metric maps, bare numbers
            for scaled ones, near and far for affine disparity.
        limits: values (near, far) that get the two end colours, in the map's unit: near < far for depth,
            near > far for affine disparity. Give the same ones for all frames of a video. Left out: the
            2nd and 98th percentile of the disparities.

    Returns:
        uint8 (H, W', 3) RGB; W' > W with a bar, otherwise W' = W.

    Raises:
        DepthFileError: impossible limits.
        ConfigError: unknown colour map.
    """
    table = colormap_table(colormap)
    low, high = _fixed_range(depthmap, limits) if limits is not None else _robust_range(depthmap)
    height, width = depthmap.shape
    strip = None
    if bar and height >= BAR_LEAST_HEIGHT:
        strip = draw_bar(depthmap.kind if depthmap.valid.any() else None, height, table, low, high)
    picture = np.empty((height, width + (0 if strip is None else strip.shape[1]), 3), np.uint8)
    if strip is not None:
        picture[:, width:] = strip
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        index = _index(depthmap, rows, low, high)
        picture[rows, :width] = table[index]
        invalid = ~depthmap.valid[rows]
        if invalid.any():
            picture[rows, :width][invalid] = INVALID[colormap]
    return picture


def write_picture(
    depthmap: DepthMap,
    path: Path,
    *,
    colormap: str = "Spectral_r",
    bar: bool = True,
    limits: tuple[float, float] | None = None,
) -> None:
    """Write `render_picture` as PNG, JPEG or WebP, chosen by suffix.

    Raises:
        DepthFileError: another suffix, impossible limits, or a picture larger than JPEG or WebP allow.
        ConfigError: unknown colour map.
        OneDepthError: the file cannot be written.
    """
    from PIL import Image

    if path.suffix.lower() not in _ENCODERS:
        raise DepthFileError(f"{path}: suffix {path.suffix!r}; a picture is one of {', '.join(_ENCODERS)}")
    name, options = _ENCODERS[path.suffix.lower()]
    pixels = render_picture(depthmap, colormap, bar, limits=limits)
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, name, **options)
    except (OSError, ValueError) as error:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise DepthFileError(f"{path}: {name} cannot hold {size} pixels; use .png ({error})") from error
    write_bytes(path, buffer.getbuffer())


def _fixed_range(depthmap: DepthMap, limits: tuple[float, float]) -> tuple[float, float]:
    try:
        near, far = (real(limit, "limits", DepthFileError) for limit in limits)
    except (TypeError, ValueError) as error:
        if isinstance(error, DepthFileError):
            raise
        raise DepthFileError(f"limits: found {shown(limits)}, expected two numbers (near, far)") from error
    if depthmap.kind == "affine_disparity":
        low, high, rule = far, near, "near > far (disparities)"
    else:
        low, high = (1 / z if z > 0 else math.nan for z in (far, near))
        rule = "0 < near < far"
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DepthFileError(f"limits: found {limits}, expected finite {rule}")
    return low, high


def _robust_range(depthmap: DepthMap) -> tuple[float, float]:
    """Disparities of the coldest and the warmest colour; never equal."""
    given = depthmap.values[depthmap.valid]
    if given.size == 0:
        return 0.0, 1.0
    sample = given[:: max(1, given.size // _SAMPLE)].astype(np.float64)
    if depthmap.kind != "affine_disparity":
        sample = 1 / sample
    low, high = (float(x) for x in np.percentile(sample, PERCENTILES))
    if high - low > 1e-6 * abs(high):
        return low, high
    # A constant map is drawn in the middle colour.
    margin = 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _index(depthmap: DepthMap, rows: slice, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Row of the colour table for each pixel of some rows; arbitrary where invalid."""
    disparity = depthmap.values[rows].astype(np.float64)
    if depthmap.kind != "affine_disparity":
        np.divide(1.0, disparity, out=disparity, where=depthmap.valid[rows])
    disparity -= low
    disparity *= 255 / (high - low)
    np.rint(disparity, out=disparity)
    return np.clip(disparity, 0, 255, out=disparity).astype(np.uint8)
