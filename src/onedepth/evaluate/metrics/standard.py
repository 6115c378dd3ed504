"""The standard metrics of matching depths, all from one pass in blocks that stay in the cache.

With z the prediction, z* the truth, e = z - z*, l = ln z - ln z*; means are over valid pixels. Elements are
computed in the precision of the arrays (float32 maps stay float32), sums are float64.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError

if TYPE_CHECKING:
    from onedepth.evaluate.metrics.case import Case

Array = npt.NDArray[np.floating[Any]]

DELTAS = {
    "delta_1.05": 1.05,
    "delta_1.10": 1.10,
    "delta1": 1.25,
    "delta2": 1.25**2,
    "delta3": 1.25**3,
}
_BLOCK = 1 << 16  # pixels at a time: its buffers stay in the cache, and its calls cost nothing


def standard(case: Case) -> dict[str, float]:
    """`depth_metrics` of the valid pixels of one image, aligned and clamped block by block."""
    raw, truth = case.predicted_pixels, case.true_pixels
    sums = _Sums(min(raw.size, _BLOCK), np.dtype(np.float32))
    for start in range(0, raw.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        sums.add(case.metres(raw[block])[None], truth[block][None])
    if not sums.usable:
        case.pixels  # noqa: B018  # says which depth is none
    return sums.metrics()


def depth_metrics(prediction: Array, truth: Array) -> dict[str, float]:
    """All standard metrics of matching depths.

    Formulas, units and sources are in docs/metrics.md and in `METRICS`.

    Args:
        prediction: Depths in metres, > 0, any shape.
        truth: True depths in metres, > 0, of that shape; only valid pixels.

    Returns:
        Metric name to value; empty when there is no pixel, because no number is not a perfect number.

    Raises:
        DataError: When the sizes differ.
    """
    if prediction.shape != truth.shape:
        raise DataError(f"prediction: has shape {prediction.shape} but the truth has {truth.shape}")
    if truth.size == 0:
        return {}
    dtype = np.result_type(prediction.dtype, truth.dtype, np.float32)
    z, target = (np.ascontiguousarray(a, dtype).reshape(1, -1) for a in (prediction, truth))
    sums = _Sums(min(z.size, _BLOCK), dtype)
    for start in range(0, z.size, _BLOCK):
        sums.add(z[:, start : start + _BLOCK], target[:, start : start + _BLOCK])
    return sums.metrics()


class _Sums:
    """Sums over pixels, and the buffers they are made in."""

    def __init__(self, block: int, dtype: np.dtype[Any]) -> None:
        self.buffers = np.empty((4, 1, block), dtype)  # rows, which every OpenCV reads alike
        self.flags = np.empty((1, block), np.bool_)
        self.totals: defaultdict[str, float] = defaultdict(float)
        self.counts = np.zeros(len(DELTAS) + 1, np.int64)
        self.number = 0
        self.least = math.inf

    @np.errstate(divide="ignore", invalid="ignore", over="ignore")  # `usable` finds what is not a depth
    def add(self, z: Array, t: Array) -> None:
        """Count in matching pixels, rows (1, n) of at most one block."""
        e, q, other, ratio = self.buffers[:, :, : z.size]
        flags = self.flags[:, : z.size]
        np.subtract(z, t, out=e)
        np.divide(e, t, out=q)
        np.divide(q, z, out=other)  # 1/z* - 1/z, without cancellation
        np.divide(z, t, out=ratio)
        self.totals["abs"] += _l1(e)
        self.totals["square"] += _l2(e)
        self.totals["relative"] += _l1(q)
        self.totals["relative_square"] += _l2(q)
        self.totals["inverse"] += _l1(other)
        self.totals["inverse_square"] += _l2(other)
        self.totals["mixed"] += cv2.sumElems(np.multiply(e, q, out=e))[0]
        self.least = min(self.least, float(ratio.min()))  # NaN is found in the sums
        logs = cv2.log(ratio, other)
        self.totals["log"] += cv2.sumElems(logs)[0]
        self.totals["log_abs"] += _l1(logs)
        self.totals["log_square"] += _l2(logs)
        np.maximum(ratio, np.divide(t, z, out=q), out=ratio)
        for i, bound in enumerate(DELTAS.values()):
            self.counts[i] += np.count_nonzero(np.less(ratio, bound, out=flags))
        self.counts[-1] += np.count_nonzero(np.greater(ratio, 1.25, out=flags))
        self.number += z.size

    @property
    def usable(self) -> bool:
        """Whether every prediction counted was a finite depth above 0, if every truth was."""
        return self.least > 0 and all(map(math.isfinite, self.totals.values()))

    def metrics(self) -> dict[str, float]:
        """The metrics of everything counted."""
        mean = {name: float(total) / self.number for name, total in self.totals.items()}
        deviation = math.sqrt(max(mean["log_square"] - mean["log"] ** 2, 0.0))
        shares = [int(count) / self.number for count in self.counts]
        return {
            "abs_rel": mean["relative"],
            "sq_rel": mean["mixed"],
            "sq_rel_squared": mean["relative_square"],
            "mae": mean["abs"],
            "rmse": math.sqrt(mean["square"]),
            "rmse_log": math.sqrt(mean["log_square"]),
            "log10": mean["log_abs"] / math.log(10.0),
            "silog": 100.0 * deviation,
            "rmse_log_scale_invariant": deviation,
            "imae": 1000.0 * mean["inverse"],
            "irmse": 1000.0 * math.sqrt(mean["inverse_square"]),
            "kitti_abs_rel": 100.0 * mean["relative"],
            "kitti_sq_rel": 100.0 * mean["relative_square"],
            **dict(zip(DELTAS, shares, strict=False)),
            "bad_1.25": 100.0 * shares[-1],
        }


def _l1(values: Array) -> float:
    return float(cv2.norm(values, cv2.NORM_L1))


def _l2(values: Array) -> float:
    return float(cv2.norm(values, cv2.NORM_L2SQR))
