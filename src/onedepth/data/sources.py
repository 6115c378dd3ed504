"""Sources of samples and how a step draws from them.

What slot `b` of step `t` holds is a pure function of (seed, t, b). So a checkpoint needs to store one step
number, any number of workers gives the same batches, and a run killed at any moment continues exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from onedepth.data.load import load_sample
from onedepth.data.sample import Record, Sample, SourceBatch, Supervision
from onedepth.data.scenes import find_scenes, read_scene
from onedepth.data.transforms import Augment, augment
from onedepth.errors import DataError

_GOLDEN = (5**0.5 - 1) / 2  # its multiples fill [0, 1) evenly, so short runs meet the weights closely too


class Holdout(BaseModel):
    """Which records are kept for validation: the last of every `every` contiguous blocks.

    Neighbouring frames show the same room, so single frames would leak.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    block: int = Field(default=20, ge=1)
    every: int = Field(default=10, ge=2)

    def is_held_out(self, index: int) -> bool:
        """Whether the record at this position of its source is kept for validation."""
        return index // self.block % self.every == self.every - 1


class SourceConfig(BaseModel):
    """One source of a recipe.

    Attributes:
        name: Appears in logs.
        path: Folder of scenes, relative to the data root.
        kind: What the labels mean.
        weight: Share of each batch, relative to the other sources.
        holdout: Records kept for validation, if any.
        max_depth: Labels beyond it, in metres, count as not measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    path: str
    kind: Supervision = "metric"
    weight: float = Field(default=1.0, ge=0)
    holdout: Holdout | None = None
    max_depth: float = Field(default=100.0, gt=0)


@dataclass(frozen=True)
class Source:
    """A source with its records at hand."""

    config: SourceConfig
    records: tuple[Record, ...]

    def load(self, index: int) -> Sample:
        """Decode one sample; labels beyond the source's limit become unmeasured."""
        sample = load_sample(self.records[index])
        sample.depth[sample.depth > self.config.max_depth] = 0
        return sample


def open_source(config: SourceConfig, root: Path, *, held_out: bool = False) -> Source:
    """List the records of a source, the training part or the held-out part.

    Raises:
        DataError: The folder is missing, broken, or nothing is left of it.
    """
    records = [r for scene in find_scenes(root / config.path) for r in read_scene(scene)]
    if config.holdout is not None:
        records = [r for i, r in enumerate(records) if config.holdout.is_held_out(i) == held_out]
    elif held_out:
        records = []
    if not records:
        part = "held-out" if held_out else "training"
        raise DataError(f"source {config.name!r}: no {part} record with a camera in {root / config.path}")
    return Source(config, tuple(records))


@dataclass(frozen=True)
class Mixture:
    """Batches drawn from several sources, indexed by step.

    Attributes:
        sources: Where samples come from.
        batch: Samples per step over all sources.
        sizes: Input sizes (width, height) a step may have.
        size_weights: Their relative frequency.
        augment: How samples are varied.
        seed: Of the whole run.
    """

    sources: tuple[Source, ...]
    batch: int
    sizes: tuple[tuple[int, int], ...]
    size_weights: tuple[float, ...]
    augment: Augment
    seed: int

    def __getitem__(self, step: int) -> list[SourceBatch]:
        """The sub-batches of a step, one for each source that has samples in it."""
        size = self.sizes[_pick(self.size_weights, np.random.default_rng([self.seed, 1, step]).random())]
        groups: dict[int, list[Sample]] = {}
        for slot in range(self.batch):
            which, sample = self.draw(step, slot, size)
            groups.setdefault(which, []).append(sample)
        return [
            SourceBatch.collate(self.sources[k].config.name, self.sources[k].config.kind, groups[k])
            for k in sorted(groups)
        ]

    def draw(self, step: int, slot: int, size: tuple[int, int]) -> tuple[int, Sample]:
        """The source index and the augmented sample of one slot."""
        position = (step * self.batch + slot) * _GOLDEN % 1.0
        which = _pick([s.config.weight for s in self.sources], position)
        rng = np.random.default_rng([self.seed, 2, step, slot])
        source = self.sources[which]
        sample = source.load(int(rng.integers(len(source.records))))
        return which, augment(sample, size, self.augment, rng)


def _pick(weights: Sequence[float], position: float) -> int:
    """Index of the weight in whose share of [0, 1) a position falls."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return int(np.searchsorted(edges / edges[-1], position, side="right").clip(max=len(edges) - 1))
