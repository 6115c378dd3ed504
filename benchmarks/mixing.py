"""What does Pareto mixing cost beside the mean, with 1, 2, 4 and 6 sources?

    python benchmarks/mixing.py [--steps 8] [--sources 1 2 4 6]

Both train the same network (lite0, 128x96, 12 samples a step) on made-up scenes; processor seconds of this
process per step, the median of the steps. `pareto` needs a backward pass per source, and the products of
their gradients.
"""

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from _machine import print_header
from training import write_scene

BATCH, SIZE = 12, (128, 96)


def seconds_per_step(data: Path, sources: int, mixing: str, steps: int) -> float:
    """Processor seconds of a step, the median without the first two."""
    from onedepth.train.loop import train
    from onedepth.train.recipe import Recipe

    recipe = Recipe.model_validate(
        {
            "name": mixing,
            "steps": steps,
            "batch": BATCH,
            "mixing": mixing,
            "sizes": [{"width": SIZE[0], "height": SIZE[1]}],
            "sources": [{"name": f"source_{i}", "path": "scene"} for i in range(sources)],
            "validate_every": 0,
            "checkpoint_every": steps,
        }
    )
    marks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            recipe,
            data_root=data,
            folder=Path(folder),
            on_progress=lambda _: marks.append(time.process_time()),
        )
    return statistics.median(b - a for a, b in pairwise(marks[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--sources", type=int, nargs="+", default=[1, 2, 4, 6])
    options = parser.parse_args()
    print_header("Pareto mixing beside the mean", ["onedepth", "torch"])
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder) / "scene")
        for sources in options.sources:
            mean, pareto = (
                seconds_per_step(Path(folder), sources, mixing, options.steps)
                for mixing in ("mean", "pareto")
            )
            ratio = pareto / mean
            print(f"  {sources} sources   mean {mean:5.2f} s   pareto {pareto:5.2f} s   ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
