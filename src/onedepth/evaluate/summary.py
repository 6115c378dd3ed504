"""From numbers of images to what is printed and stored: means, intervals, counts, and who is better."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from onedepth.evaluate.bootstrap import Comparison, Interval, compare, interval, resampled_means
from onedepth.evaluate.metrics import METRICS
from onedepth.evaluate.pooling import Average, contributions, pooled, units
from onedepth.evaluate.table import COUNTS, Table

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One model under one alignment.

    Attributes:
        model: Its name.
        alignment: Its name.
        images: Images with a number.
        fewer: Metric -> images, where some of those have no value of it (no true edge, say).
        without: Why the others have none -> how many.
        counts: Pixels that counted, and those whose prediction was not finite or not positive.
        scores: Metric -> number of the set.
        intervals: Metric -> 95 % bootstrap interval; empty with fewer than 2 units.
    """

    model: str
    alignment: str
    images: int
    fewer: dict[str, int]
    without: dict[str, int]
    counts: dict[str, int]
    scores: dict[str, float]
    intervals: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Duel:
    """Two models on the images that both have a number for.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        alignment: Of both.
        metric: What is compared.
        images: How many images.
        result: Difference, its interval, and how often the first is better.
    """

    first: str
    second: str
    alignment: str
    metric: str
    images: int
    result: Comparison


def summarise(table: Table, average: Average) -> tuple[list[Line], list[Duel]]:
    """Lines of all models and alignments, and duels of all pairs of models; same input, same answer."""
    return [_line(table, key, average) for key in table.columns], _duels(table, average)


def _line(table: Table, key: tuple[str, str], average: Average) -> Line:
    column = table.columns[key]
    counts = {name: int(column.of(name).sum()) for name in COUNTS}
    rows = {metric: _scored(table, key, metric) for metric in table.metrics}
    images = len(np.unique(np.concatenate(list(rows.values()))))
    scores, intervals = {}, {}
    for metric, at in rows.items():
        if not len(at):
            continue
        values, pixels = column.of(metric)[at], column.of("pixels")[at]
        scenes = [table.scenes[i] for i in at]
        scores[metric] = pooled(average, metric, values, pixels, scenes)
        means = _means(average, metric, values, pixels, scenes)
        if means is not None:
            intervals[metric] = interval(means)
    fewer = {metric: len(at) for metric, at in rows.items() if len(at) < images}
    return Line(*key, images, fewer, _reasons(table, key), counts, scores, intervals)


def _duels(table: Table, average: Average) -> list[Duel]:
    alignments = dict.fromkeys(alignment for _, alignment in table.columns)
    duels = []
    for alignment in alignments:
        models = [model for model, other in table.columns if other == alignment]
        for first, second in combinations(models, 2):
            keys = (first, alignment), (second, alignment)
            duels += [duel for metric in table.metrics if (duel := _duel(table, keys, metric, average))]
    return duels


def _duel(
    table: Table,
    keys: tuple[tuple[str, str], tuple[str, str]],
    metric: str,
    average: Average,
) -> Duel | None:
    scored = [_scored(table, key, metric) for key in keys]
    rows = np.intersect1d(scored[0], scored[1])
    if not len(rows):
        return None
    scenes = [table.scenes[i] for i in rows]
    values = [table.columns[key].of(metric)[rows] for key in keys]
    pixels = [table.columns[key].of("pixels")[rows] for key in keys]
    means = [_means(average, metric, v, p, scenes) for v, p in zip(values, pixels, strict=True)]
    if means[0] is None or means[1] is None:
        return None
    one, other = (pooled(average, metric, v, p, scenes) for v, p in zip(values, pixels, strict=True))
    better = METRICS[metric].higher_is_better
    result = compare(means[0], means[1], one - other, higher_is_better=better)
    (first, alignment), (second, _) = keys
    return Duel(first, second, alignment, metric, len(rows), result)


def _reasons(table: Table, key: tuple[str, str]) -> dict[str, int]:
    """Why images have no number -> how many; names, counts and fitted scales of one image are left out."""
    texts = Counter[str]()
    for index, reason in table.columns[key].reasons.items():
        words = (
            "..." if "/" in word.strip("(:;,") or table.ids[index] in word else word
            for word in reason.split()
        )
        text = re.sub(r"\b\d+(?= (of \d+ )?pixels)", "some", " ".join(words))
        texts[re.sub(r"(?<=\bis )-?\d[\d.e+-]*, (?=not above)", "", text)] += 1
    return dict(texts.most_common())


def _scored(table: Table, key: tuple[str, str], metric: str) -> npt.NDArray[np.intp]:
    """Indices of the images with a number."""
    return np.flatnonzero(np.isfinite(table.columns[key].of(metric)))


def _means(
    average: Average, metric: str, values: Numbers, pixels: Numbers, scenes: Sequence[str]
) -> Numbers | None:
    """Resampled numbers of the set; None where there is only one image (or scene) to draw."""
    unit = np.unique(units(average, scenes, len(values)), return_inverse=True)[1]
    if int(unit.max()) == 0:
        return None
    return resampled_means(*contributions(average, metric, values, pixels, unit))
