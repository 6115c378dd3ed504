"""Scale and shift that take x to y, plain and robust. What cannot be solved raises `DegenerateError`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from onedepth.evaluate.align.fit import Array
from onedepth.evaluate.select import median

Line = tuple[float, float]
"""Scale and shift."""

_BLOCK = 1 << 15  # values made float64 at a time: they stay in the cache
_SAME = 1e-6  # values whose spread is below this share of their size are the same, to float32
_TRIM = 0.2  # share of the residuals left out, as MiDaS trims its loss
_ROUNDS = 30


class DegenerateError(ValueError):
    """There is no such fit; the message says why."""


@dataclass(slots=True)
class Moments:
    """Sums of x and y of everything added, enough for every least-squares fit; exact to float64.

    Second moments are taken about the first value seen, so that a small spread on a large mean survives.
    """

    number: int = 0
    origin_x: float = 0.0
    origin_y: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    def add(self, x: Array, y: Array) -> Moments:
        """Count in the matching values x and y (N,)."""
        if self.number == 0 and x.size:
            self.origin_x, self.origin_y = float(x[0]), float(y[0])
        self.number += x.size
        for start in range(0, x.size, _BLOCK):
            a = x[start : start + _BLOCK].astype(np.float64)
            b = y[start : start + _BLOCK].astype(np.float64)
            a -= self.origin_x
            b -= self.origin_y
            self.x += float(a.sum())
            self.y += float(b.sum())
            self.xx += float(a @ a)
            self.xy += float(a @ b)
            self.yy += float(b @ b)
        return self

    def factor(self) -> Line:
        """argmin_s sum (s x - y)^2 = sum xy / sum xx."""
        n, x0, y0 = self.number, self.origin_x, self.origin_y
        xx = self.xx + 2 * x0 * self.x + n * x0 * x0
        xy = self.xy + x0 * self.y + y0 * self.x + n * x0 * y0
        if xx <= 0:
            raise DegenerateError("the prediction is 0 everywhere")
        return positive(xy / xx), 0.0

    def line(self) -> Line:
        """argmin_{s,t} sum (s x + t - y)^2, the closed form of MiDaS (Ranftl et al., TPAMI 2022, eq. 4)."""
        if self.number < 2:
            raise DegenerateError(f"scale and shift need 2 pixels, found {self.number}")
        n, mean_x, mean_y = self.number, self.x / self.number, self.y / self.number
        var_x, var_y = self.xx / n - mean_x**2, self.yy / n - mean_y**2
        _differ(var_x, mean_x + self.origin_x, "prediction")
        _differ(var_y, mean_y + self.origin_y, "truth")
        scale = positive((self.xy / n - mean_x * mean_y) / var_x)
        return scale, mean_y + self.origin_y - scale * (mean_x + self.origin_x)


def positive(scale: float) -> float:
    """The scale, if it is one."""
    if not math.isfinite(scale) or scale <= 0:
        raise DegenerateError(f"the scale is {scale:.3g}, not above 0")
    return scale


def median_ratio(x: Array, y: Array) -> Line:
    """median(y) / median(x), the convention of self-supervised depth (Zhou et al., CVPR 2017)."""
    below = median(x)
    if below <= 0:
        raise DegenerateError(f"the prediction's median is {below:.3g}, not above 0")
    return positive(median(y) / below), 0.0


def factor(x: Array, y: Array) -> Line:
    """Least-squares factor."""
    return Moments().add(x, y).factor()


def line(x: Array, y: Array) -> Line:
    """Least-squares scale and shift."""
    return Moments().add(x, y).line()


def log_factor(x: Array, y: Array) -> Line:
    """argmin_s sum (ln s x - ln y)^2: the geometric mean of y / x (Eigen et al., NIPS 2014, sec. 3.2)."""
    if float(x.min()) <= 0:
        raise DegenerateError("logarithms need a prediction above 0 everywhere")
    total = sum(
        float(np.log(y[start : start + _BLOCK].astype(np.float64) / x[start : start + _BLOCK]).sum())
        for start in range(0, x.size, _BLOCK)
    )
    return math.exp(total / x.size), 0.0


def least_relative(x: Array, y: Array) -> Line:
    """argmin_s sum |s x - y| / y: the lowest AbsRel a factor can reach (MoGe, Wang et al., CVPR 2025).

    The exact minimum is the median of y / x, weighted by x / y.
    """
    if float(x.min()) <= 0:
        raise DegenerateError("the weighted median needs a prediction above 0 everywhere")
    ratio = y.astype(np.float64) / x
    order = np.argsort(ratio)
    weight = np.cumsum(1 / ratio[order])
    return positive(float(ratio[order[np.searchsorted(weight, weight[-1] / 2)]])), 0.0


def median_deviation(x: Array, y: Array) -> Line:
    """Medians and mean absolute deviations made equal (MiDaS, Ranftl et al., TPAMI 2022, eq. 5)."""
    if x.size < 2:
        raise DegenerateError(f"scale and shift need 2 pixels, found {x.size}")
    centre, spread = zip(*(_centre_spread(values) for values in (x, y)), strict=True)
    for index, what in enumerate(("prediction", "truth")):
        _differ(spread[index] ** 2, centre[index], what)
    scale = positive(spread[1] / spread[0])
    return scale, centre[1] - scale * centre[0]


def trimmed_line(x: Array, y: Array) -> Line:
    """Least squares over the 80 % of pixels that it fits best (least trimmed squares, Rousseeuw 1984).

    Concentration steps from `median_deviation`, each of which cannot raise the trimmed sum of squares
    (Rousseeuw and Van Driessen 2006); 20 % is the share that MiDaS trims its loss by.
    """
    scale, shift = median_deviation(x, y)
    keep = x.size - int(_TRIM * x.size)
    best = math.inf
    for _ in range(_ROUNDS):
        residual = np.abs(scale * x.astype(np.float64) + shift - y)
        kept = np.argpartition(residual, keep - 1)[:keep]
        found = float(np.square(residual[kept]).sum())
        if found >= best * (1 - 1e-12):
            break
        best = found
        scale, shift = line(x[kept], y[kept])
    return scale, shift


def _centre_spread(values: Array) -> Line:
    centre = median(values)
    return centre, float(np.abs(values.astype(np.float64) - centre).mean())


def _differ(variance: float, mean: float, what: str) -> None:
    if variance <= (_SAME * mean) ** 2:
        raise DegenerateError(f"the {what} is the same everywhere")
