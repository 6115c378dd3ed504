"""A rehearsal before a long run: what the recipe amounts to, and two real steps of it."""

import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from onedepth.train.loop import build_mixture, train
from onedepth.train.recipe import Recipe

STEPS = 2
_NO_NETWORK = ("ema", "optimiser", "rng")  # parts of a checkpoint that hold no network of their own
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # kept, but not trained
_SHARE_STEPS = 200  # steps over which batch shares are counted


@dataclass(frozen=True)
class SourceFacts:
    """One source of a rehearsed run.

    Attributes:
        name: Of the source.
        kind: Of its supervision.
        samples: Records that training may draw.
        share: Part of each batch, 0 to 1.
        losses: Loss name to weight.
    """

    name: str
    kind: str
    samples: int
    share: float
    losses: dict[str, float]


@dataclass(frozen=True)
class Rehearsal:
    """What a run would be.

    Attributes:
        sources: In the order of the recipe.
        parameters: Of each network that is kept, by name.
        memory: Peak memory of this process (on CUDA: of the device) in bytes while it took two steps.
        samples_per_second: Speed of those steps, which includes every start-up cost.
    """

    sources: tuple[SourceFacts, ...]
    parameters: dict[str, int]
    memory: int
    samples_per_second: float


def rehearse(recipe: Recipe, *, data_root: Path, device: str = "auto") -> Rehearsal:
    """Open all data of a recipe and take two steps in a temporary folder; nothing else is written.

    Raises:
        OneDepthError: What would also stop the real run.
    """
    mixture = build_mixture(recipe, data_root)
    counted: dict[str, int] = {}
    for step in range(_SHARE_STEPS):
        for name, number in mixture.counts(step).items():
            counted[name] = counted.get(name, 0) + number
    speeds: list[float] = []
    quick = recipe.model_copy(update={"steps": max(recipe.steps, STEPS), "validate_every": 0})
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = train(
            quick,
            data_root=data_root,
            folder=Path(folder),
            max_steps=STEPS,
            device=device,
            on_progress=lambda state: speeds.append(state.samples_per_second),
        )
        parameters = _parameters(checkpoint)
    return Rehearsal(
        sources=tuple(
            SourceFacts(
                s.config.name,
                s.config.kind,
                len(s.records),
                counted.get(s.config.name, 0) / (_SHARE_STEPS * recipe.batch),
                recipe.losses_of(s.config.name),
            )
            for s in mixture.sources
        ),
        parameters=parameters,
        memory=_peak_memory(),
        samples_per_second=speeds[-1],
    )


def _parameters(checkpoint: Path) -> dict[str, int]:
    """Numbers in each network of a checkpoint, without averages, optimiser and random states."""
    counted: dict[str, int] = {}
    with safe_open(checkpoint, "pt") as file:
        for name in file.keys():  # noqa: SIM118  (no dict)
            part = name.split(".")[0]
            if part not in _NO_NETWORK and not name.endswith(_STATISTICS):
                counted[part] = counted.get(part, 0) + int(np.prod(file.get_slice(name).get_shape()))
    return counted


def _peak_memory() -> int:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts kilobytes
