"""Does the scale of the prediction stay the same over a sequence?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from onedepth.errors import DataError
from onedepth.evaluate.align import Fit
from onedepth.evaluate.metrics.case import Case
from onedepth.evaluate.select import median


def scale_of(case: Case) -> float | None:
    """Ratio of medians median(z*) / median(z) of one frame, after the case's alignment; None when empty."""
    return None if case.empty else median(case.true_pixels) / median(case.pixels)


def scale_consistency(scales: Iterable[float | Fit | None]) -> dict[str, float]:
    """How much the frames' scales differ (the scaling ratios that monodepth2 prints, Godard et al. 2019).

    Args:
        scales: One factor per frame (or the fit that holds it), > 0; None, and a fit that is not ok, is a
            frame without one and is left out.

    Returns:
        `scale_median`; `scale_spread`, the standard deviation of the factors over their median; and
        `scale_drift`, the mean absolute difference of ln factor between frames that follow each other,
        missing where none do. Empty without a frame.

    Raises:
        DataError: When a factor is not a finite number above 0.
    """
    factors = [_factor(scale) for scale in scales]
    known = np.array([factor for factor in factors if factor is not None])
    if not known.size:
        return {}
    middle = float(np.median(known))
    found = {"scale_median": middle, "scale_spread": float(np.std(known / middle))}
    steps = _steps(factors)
    if steps:
        found["scale_drift"] = float(np.mean(steps))
    return found


def _factor(scale: float | Fit | None) -> float | None:
    if isinstance(scale, Fit):
        scale = scale.scale if scale.ok else None
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise DataError(f"scale: found {scale}, expected a finite factor above 0 or None")
    return scale


def _steps(factors: Sequence[float | None]) -> list[float]:
    return [abs(float(np.log(b / a))) for a, b in pairwise(factors) if a is not None and b is not None]
