"""The median of many numbers, exact, without partitioning all of them."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

_SMALL = 1 << 14
_SAMPLE = 4096
_MARGIN = 2.5  # standard deviations of the sample's median


def median(values: Array) -> float:
    """The median, the mean of the two middle values where their number is even, as `numpy.median`.

    A sorted sample brackets the middle ranks; only what lies in the bracket is partitioned (Floyd and Rivest
    1975). Where the bracket misses, everything is, so the answer never depends on the sample.

    Args:
        values: (N,) finite numbers, N >= 1.

    Returns:
        The median; NaN for no number at all.
    """
    n = values.size
    if n == 0:
        return float("nan")
    low_rank, high_rank = (n - 1) // 2, n // 2
    if n > _SMALL:
        sample = np.sort(values[:: n // _SAMPLE])
        reach = int(_MARGIN * 0.5 * np.sqrt(sample.size)) + 1
        lower, upper = sample[sample.size // 2 - reach], sample[sample.size // 2 + reach]
        below = int(np.count_nonzero(values < lower))
        middle = values[(values >= lower) & (values <= upper)]
        if below <= low_rank and high_rank < below + middle.size:
            values, low_rank, high_rank = middle, low_rank - below, high_rank - below
    part = np.partition(values, low_rank)
    low = float(part[low_rank])
    return low if high_rank == low_rank else (low + float(part[high_rank:].min())) / 2
