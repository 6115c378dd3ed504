"""Numbers of a run, image by image, as columns: small in memory, small in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.evaluate.scoring import Score

Numbers = npt.NDArray[np.float64]
Key = tuple[str, str]
"""Model and alignment."""

COUNTS = ("pixels", "not_finite", "not_positive")
FITTED = ("scale", "shift")
_DIGITS = 7


@dataclass
class Column:
    """Numbers of one model under one alignment; one entry per image, NaN where there is none.

    Attributes:
        numbers: Metric, or one of COUNTS and FITTED -> one number per image.
        reasons: Index of an image without a number -> why it has none.
    """

    numbers: dict[str, list[float]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)

    def add(self, index: int, score: Score, metrics: tuple[str, ...]) -> None:
        """Append the numbers of the next image."""
        values = {name: score.values.get(name, np.nan) for name in metrics}
        values |= {name: getattr(score, name) for name in COUNTS}
        values |= {name: getattr(score.fit, name, np.nan) for name in FITTED}
        for name, value in values.items():
            self.numbers.setdefault(name, []).append(float(value))
        if score.reason is not None:
            self.reasons[index] = score.reason

    def of(self, name: str) -> Numbers:
        """One number per image (N,)."""
        return np.array(self.numbers[name], np.float64)


@dataclass
class Table:
    """Numbers of all models and alignments on the same images.

    Attributes:
        metrics: Names, in the protocol's order.
        ids: Of the images.
        scenes: Of the images.
        columns: (model, alignment) -> numbers.
    """

    metrics: tuple[str, ...]
    ids: list[str] = field(default_factory=list)
    scenes: list[str] = field(default_factory=list)
    columns: dict[Key, Column] = field(default_factory=dict)

    def add(self, id: str, scene: str, scores: Mapping[str, Mapping[str, Score]]) -> None:
        """Append an image: model -> alignment -> score."""
        self.ids.append(id)
        self.scenes.append(scene)
        for model, by_alignment in scores.items():
            for alignment, score in by_alignment.items():
                column = self.columns.setdefault((model, alignment), Column())
                column.add(len(self.ids) - 1, score, self.metrics)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One flat row per image, model and alignment, for CSV and Parquet."""
        for index, (id, scene) in enumerate(zip(self.ids, self.scenes, strict=True)):
            for (model, alignment), column in self.columns.items():
                row: dict[str, Any] = {"id": id, "scene": scene, "model": model, "alignment": alignment}
                row |= {name: values[index] for name, values in column.numbers.items()}
                row |= {name: int(column.numbers[name][index]) for name in COUNTS}
                yield row | {"reason": column.reasons.get(index, "")}

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to 7 digits, None for no number."""
        columns = [
            {
                "model": model,
                "alignment": alignment,
                "numbers": {name: list(map(_plain, values)) for name, values in column.numbers.items()},
                "reasons": {str(index): reason for index, reason in column.reasons.items()},
            }
            for (model, alignment), column in self.columns.items()
        ]
        return {"metrics": list(self.metrics), "ids": self.ids, "scenes": self.scenes, "columns": columns}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Table:
        """The inverse of `to_json`, up to the rounding.

        Raises:
            KeyError, TypeError, ValueError: It is not whole.
        """
        table = cls(tuple(values["metrics"]), list(values["ids"]), list(values["scenes"]))
        for column in values["columns"]:
            numbers = {
                name: [np.nan if value is None else float(value) for value in listed]
                for name, listed in column["numbers"].items()
            }
            names = {*table.metrics, *COUNTS, *FITTED}
            lengths = {len(table.scenes), *(len(listed) for listed in numbers.values())}
            if numbers.keys() != names or lengths != {len(table.ids)}:
                raise ValueError(f"{column['model']} does not have {len(table.ids)} of each number")
            reasons = {int(index): str(reason) for index, reason in column["reasons"].items()}
            table.columns[column["model"], column["alignment"]] = Column(numbers, reasons)
        return table


def _plain(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
