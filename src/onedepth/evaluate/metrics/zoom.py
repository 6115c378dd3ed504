"""Zoom invariance: does the same thing keep its depth when the camera zooms in? No truth is needed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError
from onedepth.evaluate.metrics.sample import bilinear
from onedepth.evaluate.select import median
from onedepth.rasters import Floats


def zoom_invariance(
    full: Floats, zoomed: Floats, factor: float, ratio: float | None = None
) -> dict[str, float]:
    """Compare the depth of the zoomed image with the zoomed depth of the image.

    A zoom by r shows the central 1/r of the image and changes the focal length, not the depth (camera zoom,
    DaB-Net). With c the central part of `full` resampled bilinearly to its size and l = ln zoomed - ln c:
    `zoom_ratio` = exp(median l) is the factor by which zooming changes depth, 1 for a model that knows its
    camera; `zoom_rms_log` = sqrt(mean (l - ln ratio)^2) is what else it changes.

    Args:
        full: (H, W) predicted depth of the image, > 0.
        zoomed: (H, W) predicted depth of the image zoomed in, > 0.
        factor: r, >= 1.
        ratio: One for a whole set, the median of its images' `zoom_ratio`; left out, the image's own.

    Returns:
        `zoom_ratio` and `zoom_rms_log`; empty where no pixel is finite and above 0 in both.

    Raises:
        DataError: When sizes differ, or the factor is below 1.
    """
    if full.shape != zoomed.shape:
        raise DataError(f"zoomed: has shape {zoomed.shape} but the whole image has {full.shape}")
    if not 1 <= factor < math.inf:
        raise DataError(f"factor: found {factor}, expected a zoom of 1 or more")
    centre = _centre(full, factor)
    both = (centre > 0) & (zoomed > 0) & np.isfinite(centre) & np.isfinite(zoomed)
    if not both.any():
        return {}
    change = np.log(zoomed[both].astype(np.float64) / centre[both])
    own = median(change)
    rest = change - (own if ratio is None else math.log(ratio))
    return {"zoom_ratio": math.exp(own), "zoom_rms_log": math.sqrt(float(np.square(rest).mean()))}


def _centre(depth: Floats, factor: float) -> npt.NDArray[np.float64]:
    """The central 1/factor of a raster, resampled to its size."""
    u, v = (((np.arange(n) + 0.5) - n / 2) / factor + n / 2 for n in reversed(depth.shape))
    return bilinear(depth, *np.meshgrid(u, v))
