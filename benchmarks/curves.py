"""Draw the losses of a training run, one panel per source, and what validation said.

    python benchmarks/curves.py runs/mixed -o docs/pictures/mixed.png [--title "..."]

Reads the run's log.csv. Each loss is shown relative to its mean over the first tenth of the run, so that
losses of different size can be read on one axis.
"""

import argparse
import csv
import math
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

Series = dict[str, list[tuple[int, float]]]
SMOOTH = 0.05  # share of the run that a point of a curve is the mean of
OTHER = ("mixing", "unlabelled", "unreadable", "samples")  # groups of numbers that are no losses


def read_log(path: Path) -> dict[str, Series]:
    """Group (source, or `val/source`) -> name of the number -> (step, value)."""
    groups: dict[str, Series] = defaultdict(lambda: defaultdict(list))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            group, _, name = row["name"].rpartition("/")
            groups[group][name].append((int(row["step"]), float(row["value"])))
    return {group: dict(series) for group, series in groups.items()}


def draw(axes: Axes, series: Series, title: str) -> None:
    """Smoothed curves, each relative to where it started."""
    for name, points in sorted(series.items()):
        steps, values = map(np.asarray, zip(*points, strict=True))
        width = max(1, round(SMOOTH * len(values)))
        mean = np.convolve(
            np.pad(values, (width // 2, (width - 1) // 2), "edge"), np.ones(width) / width, "valid"
        )
        start = values[: max(1, len(values) // 10)].mean()
        if start > 0:
            axes.plot(steps, mean / start, label=f"{name} ({start:.2g} at first)", linewidth=1.3)
    axes.set_title(title, fontsize=10)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a run, with log.csv in it")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--title", default="")
    parser.add_argument("--validation", nargs="*", default=["abs_rel", "median_abs_rel", "delta1"])
    options = parser.parse_args()
    groups = read_log(options.run / "log.csv")
    validated = {g: s for g, s in groups.items() if g.startswith("val/")}
    trained = {g: s for g, s in groups.items() if g and g not in validated and g not in OTHER}
    panels = len(trained) + len(validated)
    rows = math.ceil(panels / 3)
    figure, grid = plt.subplots(rows, 3, figsize=(12, 3 * rows), layout="constrained", squeeze=False)
    for axes, (source, series) in zip(grid.flat, trained.items(), strict=False):
        draw(axes, series, f"{source}: loss relative to its start")
    for axes, (source, series) in zip(grid.flat[len(trained) :], validated.items(), strict=False):
        for name in options.validation:
            if name in series:
                axes.plot(*zip(*series[name], strict=True), marker=".", label=name)
        axes.set_title(f"{source.removeprefix('val/')}: held-out images", fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, frameon=False)
    for axes in grid.flat[panels:]:
        axes.axis("off")
    for axes in grid[-1]:
        axes.set_xlabel("step")
    figure.suptitle(options.title)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output)


if __name__ == "__main__":
    main()
