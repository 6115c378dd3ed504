"""Check a result file: its sums, and a sample of its images against the models and the data."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.errors import ConfigError
from onedepth.evaluate.align import ALIGNMENTS
from onedepth.evaluate.loading import open_data
from onedepth.evaluate.models import Model, open_models
from onedepth.evaluate.result import Result, describe
from onedepth.evaluate.run import evaluate
from onedepth.evaluate.summary import summarise
from onedepth.evaluate.table import COUNTS, Table
from onedepth.manifest.record import Record

SAMPLE = 8
TOLERANCE = 1e-3
"""Largest relative difference of a number: other builds of a runtime add float32 numbers in another order."""
_STORED = 1e-5  # of sums of stored numbers, which have 7 digits
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Checked:
    """What was compared, and what does not agree.

    Attributes:
        images: How many images were predicted again.
        numbers: How many numbers were compared.
        problems: One line each; empty when all agree.
    """

    images: int
    numbers: int
    problems: tuple[str, ...]


def verify(
    result: Result,
    *,
    sample: int = SAMPLE,
    tolerance: float = TOLERANCE,
    on_image: Callable[[], None] = lambda: None,
) -> Checked:
    """Recompute the means from the stored images, and a sample of the images from models and data.

    Args:
        result: The file.
        sample: How many images, spread evenly; all with 0. A protocol that fits whole scenes takes all.
        tolerance: Largest relative difference.
        on_image: Called after each image.

    Raises:
        OneDepthError: A model or the data cannot be opened.
    """
    setting, stored = result.setting, result.table
    _check_folder(result)
    records = open_data(os.path.expandvars(setting.data), stride=setting.stride, limit=setting.limit)
    models = open_models([row["spec"] for row in result.values["models"].values()], setting.device)
    problems = [*_summary(result), *_models(result, models)]
    if len(records) != len(stored.ids):
        problems.append(f"data: holds {len(records)} images, the result {len(stored.ids)}")
        return Checked(0, 0, tuple(problems))
    whole = any(ALIGNMENTS[a.name].per_sequence for a in result.protocol.alignments) or sample == 0
    count = len(records) if whole else min(sample, len(records))
    at = np.unique(np.linspace(0, len(records) - 1, count).round().astype(int)).tolist()
    chosen: list[Record] = [records[index] for index in at]
    again = evaluate(chosen, models, result.protocol, on_image=on_image)
    if count == len(records) and again.data_sha256 != result.values["data"]["sha256"]:
        problems.append("data: its files are not those of the result (SHA-256 differs)")
    compared = 0
    for position, index in enumerate(at):
        differ, count = _image(stored, index, again.table, position, tolerance)
        problems += differ
        compared += count
    return Checked(len(at), compared, tuple(problems))


def _check_folder(result: Result) -> None:
    """A result of relative paths is verified where it was made."""
    data = Path(os.path.expandvars(result.setting.data))
    if data.is_absolute() or data.exists() or "$" in str(data):
        return
    place = next((str(p) for p in result.path.resolve().parents if (p / data).exists()), None)
    raise ConfigError(
        f"{result.path}: its data {data} are not below {Path.cwd()}; run --verify in "
        f"{place or 'the folder that the evaluation was run in'}"
    )


def _image(stored: Table, index: int, again: Table, position: int, tolerance: float) -> tuple[list[str], int]:
    """What differs between the stored and the new numbers of one image, and how many were compared."""
    id, now_id = stored.ids[index], again.ids[position]
    if now_id != id:
        return [f"data: image {index} is {now_id}, the result says {id}"], 0
    problems, compared = [], 0
    for key, column in again.columns.items():
        if key not in stored.columns:
            problems.append(f"{' / '.join(key)}: is not in the result")
            continue
        for name in (*stored.metrics, *COUNTS):
            then, now = stored.columns[key].numbers[name][index], column.numbers[name][position]
            compared += 1
            if not _agree(then, now, 0.0 if name == "pixels" else tolerance):
                where = f"{id}, {' / '.join(key)}"
                problems.append(f"{where}: {name} is {now:.6g}, the result says {then:.6g}")
    return problems, compared


def _models(result: Result, models: list[Model]) -> Iterator[str]:
    for (name, row), model in zip(result.values["models"].items(), models, strict=True):
        if model.name != name:
            yield f"{row['spec']}: is called {model.name}, the result says {name}"
        now = describe(model)
        for what in ("kind", "sha256"):
            if now[what] != row[what]:
                yield f"{name}: {what} is {now[what]}, the result says {row[what]}"


def _summary(result: Result) -> Iterator[str]:
    """Stored means that do not follow from the stored images."""
    lines, _ = summarise(result.table, result.protocol.average)
    now: dict[tuple[str, str], Any] = {(line.model, line.alignment): line for line in lines}
    for row in result.values["scores"]:
        line = now.get((row["model"], row["alignment"]))
        if line is None:
            raise ConfigError(f"{result.path}: has no images for {row['model']} / {row['alignment']}")
        for name, then in row["scores"].items():
            if not _agree(then, line.scores.get(name, math.nan), _STORED):
                yield (
                    f"{line.model} / {line.alignment}: the images' {name} give {line.scores.get(name):.6g}, "
                    f"the result says {then:.6g}"
                )


def _agree(then: float, now: float, tolerance: float) -> bool:
    if math.isnan(then) or math.isnan(now):
        return math.isnan(then) and math.isnan(now)
    return abs(now - then) <= tolerance * abs(then) + _TINY
