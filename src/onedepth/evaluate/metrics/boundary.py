"""Boundary precision, recall and F1 of Depth Pro (Bochkovskii et al., ICLR 2025, sec. 4 and its code)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.evaluate.metrics.case import Case
from onedepth.evaluate.metrics.edges import dense
from onedepth.rasters import Floats, Mask

THRESHOLDS = np.linspace(1.05, 1.25, 10)
WEIGHTS = THRESHOLDS / THRESHOLDS.sum()
ALPHA = 0.1  # matte above which a pixel is foreground

_PAIRS = (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :])


def boundary_f1(case: Case) -> dict[str, float]:
    """Scale-invariant boundaries: directed edges where the depth of neighbours differs by a factor above t.

    In each of four directions an edge is an ordered pair of neighbours (near, far) with z_far / z_near > t.
    Precision and recall are shares of predicted and true edges that are edges in both, the mean over
    directions (a direction without edges counts 0, as in the authors' code); F1 = 2PR / (P + R). Thresholds t
    are 10 from 1.05 to 1.25, weighted by t. A pair counts when both pixels are valid; the truth must be dense
    to be worth comparing.

    Returns:
        `boundary_precision`, `boundary_recall`, `boundary_f1`; empty where the truth has no edge at t = 1.05.
    """
    predicted, true = list(_ratios(dense(case), case.mask)), list(_ratios(case.truth, case.mask))
    if not any((ratio > THRESHOLDS[0]).any() for ratio in true):
        return {}
    scores = np.array([_at(threshold, predicted, true) for threshold in THRESHOLDS])
    precision, recall, f1 = (float(score) for score in WEIGHTS @ scores)
    return {"boundary_precision": precision, "boundary_recall": recall, "boundary_f1": f1}


def boundary_recall_matte(prediction: Floats, matte: npt.NDArray[np.floating[Any]]) -> float | None:
    """Recall of the outlines of an alpha matte, the scale-invariant boundary recall of Depth Pro.

    As `boundary_f1`, but runs of neighbouring predicted edges along their direction count as one, at their
    largest ratio; true edges lie where the matte rises above 0.1, the foreground being nearer.

    Args:
        prediction: (H, W) depth, > 0, any scale.
        matte: (H, W) in [0, 1].

    Returns:
        Recall in [0, 1]; None where the matte has no outline.
    """
    front = matte > ALPHA
    true = [edge for a, b in _PAIRS for edge in (front[a] & ~front[b], front[b] & ~front[a])]
    if not any(edge.any() for edge in true):
        return None
    ratios = list(_ratios(prediction, np.ones(front.shape, np.bool_)))
    recalls = np.zeros(len(THRESHOLDS))
    for i, t in enumerate(THRESHOLDS):
        for ratio, edge, axis in zip(ratios, true, (1, 1, 0, 0), strict=True):
            thin = _thin(ratio, float(t), axis)
            recalls[i] += np.count_nonzero(thin & edge) / max(int(edge.sum()), 1) / 4
    return float(WEIGHTS @ recalls)


def _ratios(depth: Floats, mask: Mask) -> Iterator[npt.NDArray[np.float64]]:
    """Depth of a neighbour over that of the pixel, in four directions; 0 where one of them is not valid."""
    filled = np.where(mask, depth, 1.0).astype(np.float64)
    for a, b in _PAIRS:
        both = mask[a] & mask[b]
        for near, far in ((a, b), (b, a)):
            yield np.where(both, filled[far] / filled[near], 0.0)


def _at(
    t: float, predicted: list[npt.NDArray[np.float64]], true: list[npt.NDArray[np.float64]]
) -> tuple[float, float, float]:
    counts = np.array(
        [
            [np.count_nonzero((p > t) & (q > t)), np.count_nonzero(p > t), np.count_nonzero(q > t)]
            for p, q in zip(predicted, true, strict=True)
        ]
    )
    both, found, there = counts.T
    precision = float(np.mean(both / np.maximum(found, 1)))
    recall = float(np.mean(both / np.maximum(there, 1)))
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def _thin(ratio: npt.NDArray[np.float64], t: float, axis: int) -> Mask:
    """The first largest of every run above t along the axis."""
    lines = ratio if axis == 1 else ratio.T
    above = lines > t
    starts = above.copy()
    starts[:, 1:] &= ~above[:, :-1]
    run = np.cumsum(starts.ravel()) - 1
    rows, columns = np.nonzero(above)
    thin = np.zeros(lines.shape, np.bool_)
    if rows.size:
        number = run.reshape(lines.shape)[rows, columns]
        order = np.lexsort((columns, -lines[rows, columns], number))
        first = order[np.unique(number[order], return_index=True)[1]]
        thin[rows[first], columns[first]] = True
    return thin if axis == 1 else thin.T
