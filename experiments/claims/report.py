"""Tables and figures of the experiments, from the files that the runs wrote.

python experiments/report.py [NAME ...]
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from onedepth.files.atomic import write_bytes

ROOT = Path(__file__).parents[2]
RESULTS, PICTURES, PAGE = ROOT / "results" / "claims", ROOT / "docs" / "pictures", ROOT / "docs" / "claims.md"


@dataclass(frozen=True)
class Column:
    """A number of a table: a score of a test set, `*` for the mean over all sets that have it."""

    title: str
    test: str
    score: str
    less: bool = True


CONDITIONS = ("midas_losses",)  # whose variants are named by what was tried and under which condition
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def read(name: str) -> Rows:
    """Scores of all seeds, by variant: those of the most steps that a variant was trained for."""
    runs = json.loads((RESULTS / f"{name}.json").read_text())["runs"]
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        most = max(r["steps"] for r in runs if r["variant"] == run["variant"])
        if run["steps"] == most:
            rows.setdefault(run["variant"], []).append(run["scores"])
    return rows


def by_condition(rows: Rows) -> Rows:
    """Rows named `WHAT, CONDITION` as one row per WHAT, whose test sets are named `TEST, CONDITION`."""
    merged: dict[str, list[dict[str, Any]]] = {}
    for name, scores in rows.items():
        what, _, condition = name.rpartition(", ")
        told = merged.setdefault(what, [{} for _ in scores])
        for mine, score in zip(told, scores, strict=False):
            mine.update({f"{test}, {condition}": numbers for test, numbers in score.items()})
    return merged


def values(scores: Sequence[Mapping[str, Any]], column: Column) -> list[float]:
    """The number of a column, of every seed."""
    if column.test != "*":
        return [score[column.test][column.score] for score in scores]
    return [statistics.fmean(t[column.score] for t in s.values() if column.score in t) for s in scores]


def table(rows: Rows, columns: Sequence[Column]) -> str:
    """A Markdown table; mean and largest distance from it where there are several seeds, the best in bold."""
    found = {name: [values(scores, column) for column in columns] for name, scores in rows.items()}
    best = [
        (min if column.less else max)(statistics.fmean(cells[i]) for cells in found.values())
        for i, column in enumerate(columns)
    ]
    lines = ["| | " + " | ".join(c.title for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, cells in found.items():
        texts = [_cell(cell, best[i]) for i, cell in enumerate(cells)]
        seeds = f" ({len(rows[name])} seeds)" if len(rows[name]) > 1 else ""
        lines.append(f"| {name}{seeds} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _cell(cell: Sequence[float], best: float) -> str:
    mean = statistics.fmean(cell)
    text = f"{mean:.3f}"
    if len(cell) > 1:
        text += f" ± {max(abs(value - mean) for value in cell):.3f}"
    return f"**{text}**" if mean == best else text


def figure(rows: Rows, columns: Sequence[Column], path: Path) -> None:
    """Bars: one panel per column, one bar per variant."""
    panes, axes = plt.subplots(
        1, len(columns), figsize=(2.9 * len(columns) + 1.6, 0.34 * len(rows) + 1.0), sharey=True
    )
    for pane, column in zip([axes] if len(columns) == 1 else axes, columns, strict=True):
        means = [statistics.fmean(values(scores, column)) for scores in rows.values()]
        best = (min if column.less else max)(means)
        colours = ["#1f6f8b" if mean == best else "#9db4bd" for mean in means]
        pane.barh(list(rows), means, color=colours)
        for i, mean in enumerate(means):
            pane.text(mean, i, f" {mean:.3f}", va="center", fontsize=8)
        pane.set_title(f"{column.title} ({'less' if column.less else 'more'} is better)", fontsize=9)
        pane.set_xlim(0, 1.2 * max(means))
        pane.tick_params(labelsize=8)
        pane.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis() if len(columns) > 1 else axes.invert_yaxis()
    panes.tight_layout()
    panes.savefig(path, dpi=110)
    plt.close(panes)


def put(page: str, name: str, text: str) -> str:
    """The page with the table of an experiment in place of the one that stood between its marks.

    Raises:
        ValueError: The page has no marks for it.
    """
    start, end = f"<!-- {name} -->\n\n", f"\n\n<!-- end of {name} -->"
    before, mark, rest = page.partition(start)
    if not mark or end not in rest:
        raise ValueError(f"{PAGE.name}: has no place for {name}; write {start!r} and {end!r} into it")
    return before + start + text + end + rest.partition(end)[2]


def shown_rows(name: str) -> Rows:
    """The rows of an experiment's table."""
    rows = read(name)
    return by_condition(rows) if name in CONDITIONS else rows


def update(name: str, columns: Sequence[Column], shown: Sequence[Column]) -> None:
    """Write the figure of an experiment, and its table into the page."""
    rows = shown_rows(name)
    figure(rows, shown, PICTURES / f"claim_{name}.png")
    write_bytes(PAGE, put(PAGE.read_text(), name, table(rows, columns)).encode())
