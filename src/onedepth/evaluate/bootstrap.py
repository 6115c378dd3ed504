"""How far a mean over images can be trusted, and how surely one model is better than another.

Percentile bootstrap (Efron 1979): the images (for averages over scenes, the scenes) are drawn with
replacement; two models are always compared on the same draw, which removes what is common to both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

RESAMPLES = 10_000
CONFIDENCE = 0.95
_AT_ONCE = 500  # resamples drawn together: bounds the memory


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of the resampled values."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same images.

    Attributes:
        difference: First minus second.
        interval: Its 95 % interval.
        better: Share of resamples in which the first is better; a tie counts half.
    """

    difference: float
    interval: Interval
    better: float


def resampled_means(
    above: Numbers, below: Numbers, power: float = 1.0, *, resamples: int = RESAMPLES, seed: int = 0
) -> Numbers:
    """Means over units drawn with replacement.

    Args:
        above: (..., N) what each unit adds to the numerator.
        below: (..., N) what it adds to the denominator.
        power: The mean's power p, see `pooling.contributions`.
        resamples: How many.
        seed: The draws are a function of it and of N alone, so calls with the same N are paired.

    Returns:
        (..., resamples)
    """
    rng = np.random.default_rng(seed)
    count = above.shape[-1]
    chunks = []
    for start in range(0, resamples, _AT_ONCE):
        drawn = rng.multinomial(count, np.full(count, 1 / count), min(_AT_ONCE, resamples - start)).T
        with np.errstate(divide="ignore", invalid="ignore"):
            chunks.append((above @ drawn) / (below @ drawn))
    means: Numbers = np.concatenate(chunks, axis=-1) ** (1 / power)
    return means


def interval(means: Numbers) -> Interval:
    """The 95 % interval of resampled means (R,)."""
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(means, (tail, 100 - tail))
    return Interval(float(low), float(high))


def compare(first: Numbers, second: Numbers, difference: float, *, higher_is_better: bool) -> Comparison:
    """Compare two models from their paired resampled means (R,).

    Args:
        first: Of the one.
        second: Of the other, from the same draws.
        difference: First minus second, on the images as they are.
        higher_is_better: Of the metric.
    """
    gain = first - second if higher_is_better else second - first
    better = float(np.mean(gain > 0) + np.mean(gain == 0) / 2)
    return Comparison(difference, interval(first - second), better)
