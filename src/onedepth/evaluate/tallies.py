"""Where errors lie, summed up pixel by pixel while a run goes by: by depth, and prediction against truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from onedepth.evaluate.loading import Item
from onedepth.evaluate.models.base import Model
from onedepth.evaluate.protocol import Protocol
from onedepth.evaluate.scoring import Pair, Score, aligned
from onedepth.manifest.record import Record

OCTAVES = 6  # the charts reach from 1/64 of the cap to the cap
PER_OCTAVE = 2
CELLS = 72
ERROR_BOUNDS = (0.05, 0.10, 0.25, 0.50)  # relative errors that separate the classes of the histogram
_SAMPLE = 50_000  # pixels per image


@dataclass(eq=False)
class Tally:
    """Sums of one model.

    Attributes:
        by_depth: int64 (ranges, classes): pixels by true depth and by size of the relative error.
        density: int64 (CELLS, CELLS): pixels by predicted (row, near first) and true (column) log depth.
    """

    by_depth: npt.NDArray[np.int64]
    density: npt.NDArray[np.int64]


@dataclass
class Tallies:
    """Sums of all models of a run, under the first alignment that each takes."""

    protocol: Protocol
    models: dict[str, Tally] = field(default_factory=dict)

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Bounds of the depth ranges in metres, half an octave apart."""
        steps = np.arange(-OCTAVES * PER_OCTAVE, 1) / PER_OCTAVE
        return np.asarray(self.protocol.range.cap * 2.0**steps, np.float64)

    def add(self, model: Model, record: Record, item: Item, pair: Pair, scores: dict[str, Score]) -> None:
        """Count in one prediction."""
        fit = next(iter(scores.values())).fit
        if fit is None or not pair.mask.any():
            return
        depth, truth = aligned(pair, fit, self.protocol)[pair.mask], pair.truth[pair.mask]
        step = max(1, truth.size // _SAMPLE)
        depth, truth = depth[::step].astype(np.float64), truth[::step].astype(np.float64)
        ranges, classes = len(self.edges) - 1, len(ERROR_BOUNDS) + 1
        zeros = (np.zeros((ranges, classes), np.int64), np.zeros((CELLS, CELLS), np.int64))
        tally = self.models.setdefault(model.name, Tally(*zeros))
        at = np.clip(np.searchsorted(self.edges, truth, "right") - 1, 0, ranges - 1)
        size = np.searchsorted(ERROR_BOUNDS, np.abs(depth - truth) / truth, "right")
        np.add.at(tally.by_depth, (at, size), 1)
        np.add.at(tally.density, (self._cell(depth), self._cell(truth)), 1)

    def _cell(self, depth: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        share = 1 + np.log2(np.maximum(depth, 1e-9) / self.protocol.range.cap) / OCTAVES
        return np.asarray(np.clip((share * CELLS).astype(np.int64), 0, CELLS - 1), np.int64)
