"""Resolution-mismatched supervision: full-resolution depth from labels 4, 8 and 16 times coarser.

    python experiments/resolution.py --data DATA [--steps 200] [--seeds 0 1 2] [--only "x8 low" ...]

A row for: the coarse photo's depth enlarged; the network trained on coarse photos shown full ones; each
loss added; affinity distillation from a depth autoencoder; and full supervision. All are scored at full
resolution.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from claims.common import NYU, SMALL
from claims.harness import Experiment, Variant, located, main
from claims.scoring import TestSet
from rich.console import Console

from onedepth.train.loop import train
from onedepth.train.recipe import parse_recipe

FACTORS = (4, 8, 16)
SIZE = {"width": 256, "height": 192}
LOW, HIGH, SAME = {"low_resolution": 1.0}, {"downsampled_high": 1.0}, {"consistency": 0.5}
TEACHER_STEPS = 200


def sources(**kind: Any) -> list[dict[str, Any]]:
    """The training sets, their labels read as some kind."""
    return [
        {
            "name": "nyu",
            "path": "nyu_v2/train",
            "weight": 2,
            "max_depth": 10,
            "holdout": NYU.model_dump(),
            **kind,
        },
        {"name": "tartanair", "path": "tartanair/hospital", "weight": 1, "max_depth": 60, **kind},
    ]


def coarse(factor: int, losses: dict[str, float], **more: Any) -> Variant:
    """Coarse labels, and the losses on them."""
    return Variant({"sources": sources(kind="coarse", factor=factor), "losses": {"coarse": losses}, **more})


def rows(factor: int) -> dict[str, Variant]:
    """The variants of one factor."""
    name = f"x{factor}"
    teacher = f"{{work}}/teacher_{factor}/step_{TEACHER_STEPS:07d}.safetensors"
    return {
        f"{name} low, enlarged": Variant(trained_as=f"{name} low", low=factor),
        f"{name} low": coarse(factor, LOW),
        f"{name} low + high": coarse(factor, LOW | HIGH),
        f"{name} low + high + consistency": coarse(factor, LOW | HIGH | SAME),
        f"{name} all + affinity": coarse(factor, LOW | HIGH | SAME | {"affinity": 0.1}, teacher=teacher),
    }


def prepare(data: Path, work: Path, names: Sequence[str]) -> None:
    """Train the depth autoencoders that teach affinities, on the coarse labels only."""
    for factor in FACTORS:
        if f"x{factor} all + affinity" not in names:
            continue
        values = {
            **EXPERIMENT.common,
            "name": f"teacher_{factor}",
            "task": "autoencoder",
            "steps": TEACHER_STEPS,
            "ema": 0,
            "augment": {"colour": 0, "blur": 0, "noise": 0},
            "optimiser": {"lr": 5.0e-4, "warmup": 30},
            "sources": sources(kind="coarse", factor=factor),
        }
        values.pop("network")
        Console(stderr=True).print(f"autoencoder of x{factor}")
        folder = work / f"teacher_{factor}"
        train(parse_recipe(located(values, work), f"teacher_{factor}"), data_root=data, folder=folder)


EXPERIMENT = Experiment(
    name="resolution",
    question="How near does coarse supervision come to full supervision, and is it sharper than enlarging?",
    common={**SMALL, "batch": 6, "sizes": [SIZE], "network": {"input_sizes": [[256, 192]]}},
    variants={
        **{name: row for factor in FACTORS for name, row in rows(factor).items()},
        "full supervision": Variant({"sources": sources()}),
    },
    tests=(
        TestSet("nyu held out", "nyu_v2/train", count=75, holdout=NYU),
        TestSet("rooms", "synthetic/rooms", count=40, edges=True),
        TestSet("middlebury", "middlebury_2014/training", count=15, max_depth=20, edges=True),
    ),
    prepare=prepare,
)

if __name__ == "__main__":
    main(EXPERIMENT)
