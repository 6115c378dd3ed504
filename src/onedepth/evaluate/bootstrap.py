"""How far a mean over images can be trusted, and how surely one model is better than another.

Percentile bootstrap (Efron 1979): the images (for averages over scenes, the scenes) are drawn with
replacement; two models are always compared on the same draw, which removes what is common to both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Drawn = npt.NDArray[np.uint16]

RESAMPLES = 10_000
CONFIDENCE = 0.95
_AT_ONCE = 500  # resamples drawn together: bounds the memory
_KEPT = 40_000_000  # draws of 80 MB that are kept for the next metric; more are drawn again


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
    chunks = []
    for counts in _draws(above.shape[-1], resamples, seed):
        drawn = counts.astype(np.float64)  # which BLAS multiplies; integers take a slow way
        with np.errstate(divide="ignore", invalid="ignore"):
            chunks.append((above @ drawn) / (below @ drawn))
    means: Numbers = np.concatenate(chunks, axis=-1) ** (1 / power)
    return means


def _draws(count: int, resamples: int, seed: int) -> Iterable[Drawn]:
    """How often each unit is drawn in each resample, (count, some resamples) at a time."""
    return _kept(count, resamples, seed) if count * resamples <= _KEPT else _drawn(count, resamples, seed)


@lru_cache(maxsize=2)
def _kept(count: int, resamples: int, seed: int) -> tuple[Drawn, ...]:
    """The draws, for all metrics and models of a run to share."""
    return tuple(_drawn(count, resamples, seed))


def _drawn(count: int, resamples: int, seed: int) -> Iterator[Drawn]:
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _AT_ONCE):
        times = rng.multinomial(count, np.full(count, 1 / count), min(_AT_ONCE, resamples - start))
        yield np.ascontiguousarray(times.T.astype(np.uint16))


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
