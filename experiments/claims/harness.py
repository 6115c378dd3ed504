"""Train the variants of an experiment, score each, and keep what came out.

An experiment is a table of variants, each a recipe, and a table of test sets. Every variant is trained once
per seed, in its own folder, so that a run which was stopped goes on and one that is done is not repeated.
What was scored is written to `results/claims/NAME.json` after each run; `report.py` makes table and figure
of it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from claims.scoring import Score, TestSet, score
from onedepth.files.atomic import write_bytes
from onedepth.networks.checkpoint import load_checkpoint
from onedepth.train.loop import train
from onedepth.train.recipe import parse_recipe

ROOT = Path(__file__).parents[2]
Values = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One row of an experiment.

    Attributes:
        recipe: What differs from the experiment's common recipe.
        tests: Test sets in place of the experiment's, for networks that must be shown other cameras.
        trained_as: Another variant, whose training this one shares; it is only scored differently.
        low: Show the network the photo at 1/low of its size and enlarge its depth.
    """

    recipe: Values = field(default_factory=dict)
    tests: tuple[TestSet, ...] | None = None
    trained_as: str | None = None
    low: int = 1


@dataclass(frozen=True)
class Experiment:
    """A claim to be tried.

    Attributes:
        name: Of the files.
        question: In one sentence.
        common: Recipe of all variants.
        variants: By name, in the order of the table.
        tests: What every variant is scored on.
        steps: Of a run, unless the command says otherwise.
        prepare: Writes what the named variants need, once: (data root, folder of the runs, names).
    """

    name: str
    question: str
    common: Values
    variants: Mapping[str, Variant]
    tests: tuple[TestSet, ...]
    steps: int = 200
    prepare: Callable[[Path, Path, Sequence[str]], None] = lambda data, work, names: None


def main(experiment: Experiment) -> None:
    """Run an experiment from the command line."""
    parser = argparse.ArgumentParser(description=experiment.question)
    parser.add_argument("--data", type=Path, required=True, help="root of the data sets")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "claims", help="folder of the runs")
    parser.add_argument("--steps", type=int, default=experiment.steps)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", default=list(experiment.variants), choices=experiment.variants)
    options = parser.parse_args()
    work = (options.work / experiment.name).resolve()
    work.mkdir(parents=True, exist_ok=True)
    experiment.prepare(options.data.resolve(), work, options.only)
    kept = ROOT / "results" / "claims" / f"{experiment.name}.json"
    for seed in options.seeds:
        for name in options.only:
            row = run(experiment, name, seed, options.steps, options.data.resolve(), work)
            if row is not None:
                keep(experiment, row, kept)


def run(
    experiment: Experiment, name: str, seed: int, steps: int, data: Path, work: Path
) -> dict[str, Any] | None:
    """Train a variant with a seed, or go on with it, and score it; None if that was done already."""
    variant = experiment.variants[name]
    done = work / f"{name}_{seed}_{steps}.json"
    if done.exists():
        return None
    begun = time.monotonic()
    trained = variant.trained_as or name
    checkpoint = fit(experiment, trained, seed, steps, data, work)
    seconds = time.monotonic() - begun
    network = load_checkpoint(checkpoint).eval()
    places = {"data": data, "work": work}
    scores: dict[str, Score] = {}
    for test in variant.tests or experiment.tests:
        scores[test.name] = score(network, test, places[test.root], low=variant.low)
    row = {"variant": name, "seed": seed, "steps": steps, "seconds": round(seconds), "scores": scores}
    write_bytes(done, json.dumps(row).encode())
    return row


def fit(experiment: Experiment, name: str, seed: int, steps: int, data: Path, work: Path) -> Path:
    """The last checkpoint of a variant's training."""
    values = merged(experiment.common, experiment.variants[name].recipe)
    values = merged(
        {"name": name, "seed": seed, "steps": steps, "checkpoint_every": max(50, steps // 4)}, values
    )
    values = located(values, work)
    recipe = parse_recipe(values, f"{experiment.name}/{name}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"{name} {seed}", total=recipe.steps)
        return train(
            recipe,
            data_root=data,
            folder=work / f"{name}_{seed}_{steps}",
            on_progress=lambda now: bar.update(task, completed=now.step),
        )


def merged(first: Values, second: Values) -> Values:
    """The keys of both; where both have a mapping, merged in turn, else the second counts."""
    both = dict(first)
    for key, value in second.items():
        mine = both.get(key)
        both[key] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return both


def located(values: Any, work: Path) -> Any:
    """A recipe with `{work}` in its texts replaced by the folder of the experiment."""
    if isinstance(values, dict):
        return {key: located(value, work) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [located(value, work) for value in values]
    return values.replace("{work}", str(work)) if isinstance(values, str) else values


def keep(experiment: Experiment, row: dict[str, Any], path: Path) -> None:
    """Add a row to the experiment's result file; a row of the same variant, seed and steps is replaced."""
    told = json.loads(path.read_text()) if path.exists() else {"runs": []}
    same = ("variant", "seed", "steps")
    rows = [old for old in told["runs"] if any(old[key] != row[key] for key in same)] + [row]
    order = list(experiment.variants)
    rows.sort(
        key=lambda r: (r["steps"], order.index(r["variant"]) if r["variant"] in order else -1, r["seed"])
    )
    told = {
        "question": experiment.question,
        "command": shlex.join(["python", f"experiments/{Path(sys.argv[0]).name}", "--data", "DATA"]),
        "torch": torch.__version__,
        "common": experiment.common,
        "variants": {name: variant.recipe for name, variant in experiment.variants.items()},
        "runs": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, (json.dumps(told, indent=1) + "\n").encode())
