"""Draw what validation said of a model over all stages of its training, and store the numbers.

    python experiments/learning_curves.py recipes/onedepth_v1_finish.yaml --set nyu

Stages follow from the recipes: each starts from the checkpoint that it names as `init`, and the stage before
counts up to that step. Stages whose log is gone are left out.
"""

import argparse
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import yaml

from onedepth.files.atomic import write_bytes

ROOT = Path(__file__).parents[1]
SHOWN = ("abs_rel", "median_abs_rel", "delta1", "median_delta1")
_INIT = re.compile(r"(?:.*/)?(?P<name>[^/]+)/step_(?P<step>\d+)\.safetensors")


@dataclass(frozen=True)
class Point:
    """A number of a validation: its stage, step, images seen since the first stage, name and value."""

    stage: str
    step: int
    images: int
    name: str
    value: float


def stages(recipe: Path) -> list[tuple[dict[str, Any], int]]:
    """The recipes that led to this one, the first one first, each with the step that the next starts from."""
    values: dict[str, Any] = yaml.safe_load(recipe.read_text())
    found = [(values, int(values["steps"]))]
    while values.get("init"):
        match = _INIT.fullmatch(values["init"])
        if match is None:
            raise SystemExit(f"{recipe}: init: {values['init']} names no step of a run")
        named = {path: yaml.safe_load(path.read_text()) for path in sorted(recipe.parent.glob("*.yaml"))}
        values = next(told for told in named.values() if told["name"] == match["name"])
        found.append((values, int(match["step"])))
    return found[::-1]


def points(recipe: Path, runs: Path, source: str) -> Iterator[Point]:
    """The validations of one source in every stage that has a log."""
    seen = 0
    for values, steps in stages(recipe):
        log = runs / values["name"] / "log.csv"
        if log.exists():
            with log.open(newline="") as file:
                for row in csv.DictReader(file):
                    step, name = int(row["step"]) + 1, row["name"]
                    if name.startswith(f"val/{source}/") and step <= steps:
                        images = seen + step * values["batch"]
                        yield Point(values["name"], step, images, name.split("/")[-1], float(row["value"]))
        seen += steps * values["batch"]


def write(told: list[Point], path: Path) -> None:
    """The numbers as CSV."""
    lines = ["stage,step,images,name,value"]
    lines += [f"{p.stage},{p.step},{p.images},{p.name},{p.value:.5g}" for p in told]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def draw(told: list[Point], path: Path) -> None:
    """One panel for errors, one for shares; stages by colour."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    colours = {stage: f"C{i}" for i, stage in enumerate(dict.fromkeys(p.stage for p in told))}
    for panel, names in zip(panels, (SHOWN[:2], SHOWN[2:]), strict=True):
        for stage, colour in colours.items():
            for name, style in zip(names, ("-o", "--s"), strict=True):
                series = [(p.images / 1000, p.value) for p in told if (p.stage, p.name) == (stage, name)]
                label = stage if name == names[0] else None
                panel.plot(*zip(*series, strict=True), style, color=colour, label=label, markersize=4)
        panel.set_title(f"{names[0]} (full line), median-aligned (dashed)", fontsize=10)
        panel.set_xlabel("thousand images seen")
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Write CSV and picture from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path, help="of the last stage")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--set", default="nyu", help="source whose held-out part is shown")
    parser.add_argument("--csv", type=Path, default=ROOT / "results" / "onedepth_v1_validation.csv")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "pictures" / "learning_curves.png")
    options = parser.parse_args()
    told = list(points(options.recipe, options.runs, options.set))
    write(told, options.csv)
    draw(told, options.picture)


if __name__ == "__main__":
    main()
