"""Batches drawn from several sources.

What slot `b` of step `t` holds is a pure function of (seed, t, b). So a checkpoint needs to store one step
number, any number of workers and processes gives the same samples, and a run killed at any moment continues
exactly.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from torch import Tensor

from onedepth.data.sample import Sample, SourceBatch
from onedepth.data.sources import Source
from onedepth.data.transforms import Augment, augment
from onedepth.errors import DataError
from onedepth.losses import downsample

_GOLDEN = (5**0.5 - 1) / 2  # its multiples fill [0, 1) evenly, so short runs meet the weights closely too
_ATTEMPTS = 16  # records in a row that may be unreadable; more and the disk is gone, or the whole list wrong


class Drawn(NamedTuple):
    """A sample, and what was wrong with the records drawn before it that could not be read."""

    sample: Sample
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class Mixture:
    """Batches drawn from several sources, indexed by step.

    Attributes:
        sources: Where samples come from.
        batch: Samples per step over all sources and processes.
        sizes: Input sizes (width, height) a step may have.
        size_weights: Their relative frequency.
        augment: How samples are varied, unless their source says otherwise.
        seed: Of the whole run.
        canonical_focal: When given, samples are cropped towards this focal length (Metric3D, CSTM_image).
        shard: This process and how many there are; process r takes the slots r, r + n, r + 2n, ...
    """

    sources: tuple[Source, ...]
    batch: int
    sizes: tuple[tuple[int, int], ...]
    size_weights: tuple[float, ...]
    augment: Augment
    seed: int
    canonical_focal: float | None = None
    shard: tuple[int, int] = (0, 1)

    def __getitem__(self, step: int) -> list[SourceBatch]:
        """This process's sub-batches of a step, one for each source that has samples in it."""
        size = self.size_at(step)
        groups: dict[int, list[Drawn]] = {}
        for slot in range(self.shard[0], self.batch, self.shard[1]):
            which = self.source_at(step, slot)
            groups.setdefault(which, []).append(self.draw(step, slot, self.sources[which], size))
        return [_batch(self.sources[which], groups[which]) for which in sorted(groups)]

    def size_at(self, step: int) -> tuple[int, int]:
        """The input size (width, height) of a step."""
        return self.sizes[_pick(self.size_weights, np.random.default_rng([self.seed, 1, step]).random())]

    def source_at(self, step: int, slot: int) -> int:
        """The index of the source that fills a slot."""
        position = (step * self.batch + slot) * _GOLDEN % 1.0
        return _pick([s.config.weight for s in self.sources], position)

    def counts(self, step: int) -> dict[str, int]:
        """Samples of each source in a step, over all processes."""
        slots = [self.source_at(step, slot) for slot in range(self.batch)]
        return {self.sources[which].config.name: slots.count(which) for which in sorted(set(slots))}

    def sample_at(self, step: int, slot: int, source: Source, size: tuple[int, int]) -> Sample:
        """The augmented sample of a slot."""
        return self.draw(step, slot, source, size).sample

    def draw(self, step: int, slot: int, source: Source, size: tuple[int, int]) -> Drawn:
        """The augmented sample of a slot; records that cannot be read are passed over for others.

        Which record takes their place depends on seed, step, slot and attempt alone.

        Raises:
            DataError: So many records in a row could not be read that there is more wrong than some files.
        """
        unreadable: list[str] = []
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng([self.seed, 2, step, slot, *([attempt] if attempt else [])])
            try:
                sample = source.load(int(rng.integers(len(source.records))))
            except DataError as error:
                unreadable.append(str(error))
                continue
            how = source.config.augment or self.augment
            return Drawn(augment(sample, size, how, rng, self.canonical_focal), tuple(unreadable))
        raise DataError(
            f"source {source.config.name!r}: {_ATTEMPTS} records in a row cannot be used; the last: "
            f"{unreadable[-1]}"
        )


def _batch(source: Source, drawn: Sequence[Drawn]) -> SourceBatch:
    unreadable = tuple(itertools.chain.from_iterable(d.unreadable for d in drawn))
    return replace(collate(source, [d.sample for d in drawn]), unreadable=unreadable)


def collate(source: Source, samples: Sequence[Sample]) -> SourceBatch:
    """A sub-batch of a source; coarse labels are reduced here, so that training never sees the fine ones.

    Labels that were measured at a lower resolution have been enlarged to the image's raster: `factor` should
    be at least image over label size as both are in a batch, or it asks for more detail than was measured.
    """
    config = source.config
    batch = SourceBatch.collate(config.name, config.kind, samples)
    if config.kind == "coarse":
        label, mask = downsample(batch.label, batch.mask, config.factor, mode=config.sensor)
        return replace(batch, label=label, mask=mask, factor=config.factor, sensor=config.sensor)
    if config.kind == "affine":
        return replace(batch, label=unit_range(batch.label, batch.mask))
    return batch


def unit_range(disparity: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale each image's disparity to [0, 1] over its valid pixels (MiDaS, section 3)."""
    low = disparity.masked_fill(~mask, np.inf).amin((1, 2, 3), keepdim=True)
    high = disparity.masked_fill(~mask, -np.inf).amax((1, 2, 3), keepdim=True)
    span = (high - low).clamp_min(1e-12)
    return ((disparity - low) / span).masked_fill(~mask, 0.0)


def _pick(weights: Sequence[float], position: float) -> int:
    """Index of the weight in whose share of [0, 1) a position falls."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return int(np.searchsorted(edges / edges[-1], position, side="right").clip(max=len(edges) - 1))
