"""Ordinal errors: how often the order of two points is wrong. No alignment is needed, nor any unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import KINDS, Kind
from onedepth.errors import DataError
from onedepth.evaluate.metrics.case import Case

Values = npt.NDArray[np.floating[Any]]
Relation = npt.NDArray[np.integer[Any]]

PAIRS = 10_000
SEED = 0


def ordinal(case: Case) -> dict[str, float]:
    """Percentage of 10,000 random pairs of valid pixels whose predicted order is wrong (LeReS, CVPR 2021).

    Orders are exact: pairs of equal true depth do not count, equal predictions are wrong. The pairs are drawn
    with a fixed seed, so that models are compared on the same ones.

    Returns:
        `ordinal` in percent; empty where no pair has an order.
    """
    first, second = draw_pairs(case.index.size)
    relation = np.sign(case.true_pixels[first] - case.true_pixels[second]).astype(np.int8)
    error = whdr(case.pixels[first], case.pixels[second], relation)
    return {} if error is None else {"ordinal": error}


def draw_pairs(
    number: int, pairs: int = PAIRS, seed: int = SEED
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Pairs of different pixels, evenly at random.

    Args:
        number: How many pixels there are; fewer than 2 have no pair.
        pairs: How many pairs to draw, with replacement.
        seed: Of the generator (PCG64).

    Returns:
        Two index arrays (pairs,), into the pixels.
    """
    if number < 2:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    rng = np.random.default_rng(seed)
    first = rng.integers(number, size=pairs)
    second = (first + rng.integers(1, number, size=pairs)) % number
    return first, second


def relation_of(first: Values, second: Values, ratio: float = 1.0) -> npt.NDArray[np.int8]:
    """Order of true depths: +1 first farther, -1 second farther, 0 their ratio is at most `ratio`."""
    farther, nearer = first > second * ratio, second > first * ratio
    return farther.astype(np.int8) - nearer.astype(np.int8)


def whdr(
    first: Values,
    second: Values,
    relation: Relation,
    *,
    kind: Kind = "metric",
    weights: Values | None = None,
) -> float | None:
    """Weighted human disagreement rate (Depth in the Wild, Chen et al., NIPS 2016).

    Args:
        first: (P,) predicted values of the first points of the pairs.
        second: (P,) of the second points.
        relation: (P,) +1 where the first is farther, -1 where the second is. Pairs of relation 0 do not
            count: the set has none.
        kind: What is predicted; affine disparity is larger where it is nearer.
        weights: (P,) of the pairs, >= 0; all 1 in DIW.

    Returns:
        Percentage of the weight of pairs whose order is wrong, equal predictions being wrong; None without
        weight. DIW has one pair an image and pools all of them.
    """
    ordered = np.asarray(relation) != 0
    weights = ordered.astype(np.float64) if weights is None else np.where(ordered, weights, 0.0)
    total = float(weights.sum())
    if total <= 0:
        return None
    wrong = np.sign(_difference(first, second, kind)) != relation
    return 100.0 * float(weights[wrong].sum()) / total


def wkdr(
    first: Values, second: Values, relation: Relation, *, threshold: float, kind: Kind = "metric"
) -> dict[str, float]:
    """Weighted Kinect disagreement rate with three classes (Chen et al., NIPS 2016; Zoran et al., ICCV 2015).

    A prediction says farther where the difference of values is above the threshold, nearer where it is below
    its negative, else equal.

    Args:
        first: (P,) predicted values.
        second: (P,) predicted values.
        relation: (P,) +1, -1 or 0 (equal).
        threshold: In the unit of the values; `wkdr_threshold` finds it on validation pairs.
        kind: What is predicted.

    Returns:
        `wkdr`, `wkdr_eq` (pairs of relation 0 only) and `wkdr_neq` (the others) in percent, each only where
        it has a pair.
    """
    difference = _difference(first, second, kind)
    said = (difference > threshold).astype(np.int8) - (difference < -threshold).astype(np.int8)
    relation = np.asarray(relation)
    wrong, equal = said != relation, relation == 0
    parts = {"wkdr": np.ones_like(equal), "wkdr_eq": equal, "wkdr_neq": ~equal}
    return {name: 100.0 * float(wrong[part].mean()) for name, part in parts.items() if part.any()}


def wkdr_threshold(
    first: Values, second: Values, relation: Relation, candidates: Sequence[float], *, kind: Kind = "metric"
) -> float:
    """The threshold whose larger one of WKDR_eq and WKDR_neq is least, as its authors choose it.

    Args:
        first: (P,) predicted values of validation pairs.
        second: (P,) predicted values.
        relation: (P,) +1, -1 or 0.
        candidates: Thresholds to choose from; the first of equally good ones wins.
        kind: What is predicted.

    Raises:
        DataError: Without a pair of both sorts, or without a candidate.
    """
    if not len(candidates):
        raise DataError("candidates: found none, expected thresholds to choose from")

    def worst(threshold: float) -> float:
        found = wkdr(first, second, relation, threshold=threshold, kind=kind)
        if len(found) < 3:
            raise DataError("relation: needs equal and unequal pairs to choose a threshold")
        return max(found["wkdr_eq"], found["wkdr_neq"])

    return min(candidates, key=worst)


def _difference(first: Values, second: Values, kind: Kind) -> npt.NDArray[np.float64]:
    if kind not in KINDS:
        raise DataError(f"kind: found {kind!r}, expected one of {', '.join(KINDS)}")
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return -difference if kind == "affine_disparity" else difference
