"""Whether metres are metres: evidence that a label was read with the wrong scale, and the likely one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

NEAREST, FARTHEST = 0.03, 300.0
"""Median depth in metres that no usual scene has less, or more, of."""

_LOWEST, _HIGHEST = 0.05, 12.0  # metres that a camera is usually held above what the lowest rows show
_USUAL, _HAND = 3.0, 1.4  # metres: typical median depth, typical height of a camera
_WITH_GROUND = 100.0  # a median above this is odd if the camera is odd, too

_FACTORS = {
    1e-3: "millimetres read as metres",
    1e-2: "centimetres read as metres",
    1 / 256: "steps of 1/256 m (KITTI) read as metres",
    1 / 5000: "steps of 1/5000 m (TUM) read as metres",
    1e-4: "tenths of millimetres read as metres",
    1e3: "metres divided by 1000",
    1e2: "metres divided by 100",
    256.0: "metres divided by 256",
    5e3: "metres divided by 5000",
    5.0: "steps of 1/1000 m read as 1/5000 m",
    0.2: "steps of 1/5000 m read as 1/1000 m",
}
_KNOWN = (  # data sets by their names: what, least and largest median depth over a whole set
    (r"nyu|scannet|7.?scenes|seven.?scenes|arkit|hypersim|replica|tum.?rgb", "indoor", 0.3, 12.0),
    (r"kitti|cityscapes|ddad|nuscenes|waymo|argoverse", "driving", 3.0, 80.0),
)


@dataclass(frozen=True)
class Depths:
    """Depths of a record or of records that are stored alike, as their manifest reads them.

    Attributes:
        median: Metres.
        ground: Height of the camera above what the lowest rows show, in metres; NaN where unknown.
        whole: Whether (nearly) all depths are whole numbers of metres.
        name: Of the data set; empty where unknown.
    """

    median: float
    ground: float = math.nan
    whole: bool = False
    name: str = ""


def suspicion(depths: Depths) -> str | None:
    """What speaks against metres, with the likely mistake; None where nothing does."""
    if not depths.median > 0:
        return None
    reasons = list(_reasons(depths))
    if not reasons:
        return None
    factor = likely_factor(depths)
    guess = (
        "no usual mistake explains it"
        if factor is None
        else f"{_FACTORS[factor]}? {factor:.4g} times it would be {depths.median * factor:.3g} m"
    )
    return f"{'; '.join(reasons)}; {guess}"


def likely_factor(depths: Depths) -> float | None:
    """What to multiply depths with so that they become usual; None if no usual mistake does it."""
    low, high = _range(depths.name)
    fitting = [factor for factor in _FACTORS if low <= depths.median * factor <= high]
    return min(fitting, key=lambda factor: _oddity(depths, factor), default=None)


def _reasons(depths: Depths) -> Iterator[str]:
    median, ground = depths.median, depths.ground
    far = _WITH_GROUND if ground > _HIGHEST or depths.whole else FARTHEST
    if not NEAREST <= median <= far:
        yield f"median depth {median:.4g} m"
    else:
        what = _known(depths.name)
        if what is None or what[1] <= median <= what[2]:
            return
        yield f"median depth {median:.4g} m in {what[0]} data ({depths.name})"
    if depths.whole:
        yield "all depths are whole numbers"
    if ground > _HIGHEST or ground < _LOWEST:
        yield f"the camera would be {ground:.3g} m above the ground"


def _oddity(depths: Depths, factor: float) -> float:
    low, high = _range(depths.name)
    usual = _USUAL if _known(depths.name) is None else math.sqrt(low * high)
    odd = abs(math.log(depths.median * factor / usual))
    return odd + abs(math.log(depths.ground * factor / _HAND)) if depths.ground > 0 else odd


def _range(name: str) -> tuple[float, float]:
    known = _known(name)
    return (0.2, 80.0) if known is None else known[1:]


def _known(name: str) -> tuple[str, float, float] | None:
    for pattern, what, low, high in _KNOWN:
        if re.search(pattern, name, re.IGNORECASE):
            return what, low, high
    return None
