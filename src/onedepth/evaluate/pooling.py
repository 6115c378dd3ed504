"""From numbers of images to the number of a set: over images, over pixels, or over scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Average = Literal["image", "pixel", "scene"]
Numbers = npt.NDArray[np.float64]

POOLED: Mapping[str, float] = {
    **dict.fromkeys(("abs_rel", "sq_rel", "sq_rel_squared", "mae", "imae", "log10"), 1.0),
    **dict.fromkeys(("kitti_abs_rel", "kitti_sq_rel", "bad_1.25"), 1.0),
    **dict.fromkeys(("delta_1.05", "delta_1.10", "delta1", "delta2", "delta3"), 1.0),
    **dict.fromkeys(("rmse", "rmse_log", "irmse"), 2.0),
}
"""Metrics whose value over all pixels follows from those of the images: means over pixels of some power p,
to the power 1 / p. The others (SILog, edges, points) are not means over pixels and have no such value."""


def units(average: Average, scenes: Sequence[str], count: int) -> npt.NDArray[np.int64]:
    """What a resample draws: images, or whole scenes where those are averaged; (count,) indices."""
    if average != "scene":
        return np.arange(count)
    order = {name: index for index, name in enumerate(dict.fromkeys(scenes))}
    return np.array([order[name] for name in scenes], np.int64)


def contributions(
    average: Average, metric: str, values: Numbers, pixels: Numbers, unit: npt.NDArray[np.int64]
) -> tuple[Numbers, Numbers, float]:
    """What every unit adds to the numerator and to the denominator of a mean, and the mean's power.

    Args:
        average: How the set is averaged.
        metric: Name of the metric.
        values: (N,) one number per image, all finite.
        pixels: (N,) pixels that counted.
        unit: (N,) of `units`, numbered from 0.

    Returns:
        Numerators (U,), denominators (U,) and p: the set's number is (sum / sum) ** (1 / p).
    """
    power = POOLED[metric] if average == "pixel" else 1.0
    weights = pixels if average == "pixel" else np.ones_like(values)
    size = int(unit.max(initial=-1)) + 1
    above: Numbers = np.bincount(unit, weights * values**power, minlength=size).astype(np.float64)
    below: Numbers = np.bincount(unit, weights, minlength=size).astype(np.float64)
    if average == "scene":
        above, below = above / np.maximum(below, 1), np.minimum(below, 1.0)
    return above, below, power


def pooled(average: Average, metric: str, values: Numbers, pixels: Numbers, scenes: Sequence[str]) -> float:
    """The number of a set from those of its images.

    Args:
        average: Over images, all pixels, or scenes.
        metric: Name of the metric.
        values: (N,) one finite number per image, N >= 1.
        pixels: (N,) pixels that counted in each.
        scenes: (N,) scene of each.
    """
    above, below, power = contributions(average, metric, values, pixels, units(average, scenes, len(values)))
    return float((above.sum() / below.sum()) ** (1 / power))
