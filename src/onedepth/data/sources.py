"""Sources of samples: a list of records, what its labels serve as, and which are kept for validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from onedepth.data.load import load_sample
from onedepth.data.sample import SERVES, Kind, Sample, Sensor
from onedepth.data.transforms import Augment
from onedepth.errors import DataError
from onedepth.manifest.manifest import open_records
from onedepth.manifest.overview import KINDS, Overview, overview
from onedepth.manifest.record import Record
from onedepth.manifest.storage import is_url
from onedepth.manifest.subset import Subset

Places = npt.NDArray[np.int64]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Holdout(BaseModel):
    """Which records are kept for validation: the last of every `every` contiguous blocks, or a split.

    Neighbouring frames show the same room, so single frames would leak.

    Attributes:
        block: Records of a block.
        every: Blocks of which the last is kept.
        split: The records of this split are kept, instead of blocks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    block: int = Field(default=20, ge=1)
    every: int = Field(default=10, ge=2)
    split: str | None = None

    def is_held_out(self, index: int) -> bool:
        """Whether the record at this position of its source is in a block that is kept for validation."""
        return index // self.block % self.every == self.every - 1


class SourceConfig(BaseModel):
    """One source of a recipe.

    Attributes:
        name: Appears in logs.
        path: A manifest, the index of shards, or a folder of scenes; relative to the data root, or a URL.
        split: Use only the records of this split.
        title: Name of the data set for people; model files list it as training data.
        kind: What its labels are used as; a metric label can serve as any kind.
        weight: Share of each batch, relative to the other sources.
        loss_weight: Factor on its losses when gradients are combined by `weighted`.
        losses: Loss name to weight, instead of the recipe's for this kind.
        augment: How its samples are varied, instead of the recipe's.
        holdout: Records kept for validation, if any.
        max_depth: Depths beyond it, in metres (or units), count as not measured.
        factor: Coarse only: image size over label size.
        sensor: Coarse only: how the coarse sensor reduces what it sees, by area or by nearest (LiDAR).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    path: str
    split: str | None = None
    title: str | None = None
    kind: Kind = "metric"
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    loss_weight: Positive = 1.0
    losses: dict[str, Positive] | None = None
    augment: Augment | None = None
    holdout: Holdout | None = None
    max_depth: Positive = 100.0
    factor: Literal[2, 4, 8, 16] = 4
    sensor: Sensor = "area"


@dataclass(frozen=True)
class Source:
    """A source with its records at hand; they are parsed one by one, when they are asked for."""

    config: SourceConfig
    records: Sequence[Record]

    def load(self, index: int) -> Sample:
        """Decode one sample, its label read as the source's kind.

        Raises:
            DataError: A file of the record cannot be used.
        """
        return load_sample(self.records[index], self.config.kind, self.config.max_depth)


def open_source(config: SourceConfig, root: Path, *, held_out: bool = False) -> Source:
    """Choose the usable records of a source, of the training part or of the held-out part.

    Usable are: for metric and coarse labels, records with a camera, since metres say nothing without the
    focal length they were seen through; for video, records with a camera and a neighbour on either side.

    Raises:
        DataError: The list is missing or broken, its labels cannot serve as this kind, or nothing is left.
    """
    where = config.path if is_url(config.path) else str(root / config.path)
    records = open_records(where)
    seen = overview(records)
    part = _part(config, seen, where, held_out)
    present = {KINDS[number] for number in np.unique(seen.kind[part])}
    for kind in KINDS:
        if kind in present and config.kind not in SERVES[kind]:
            raise DataError(
                f"source {config.name!r}: {where} has {kind or 'no'} labels, which cannot serve as "
                f"{config.kind!r}; they can as {', '.join(sorted(SERVES[kind]))}"
            )
    usable = part[_is_usable(seen, part, config.kind)]
    if not len(usable):
        name = "held-out" if held_out else "training"
        needs = _NEEDS.get(config.kind, "label")
        raise DataError(f"source {config.name!r}: no {name} record with a {needs} in {where}")
    return Source(config, Subset(records, usable))


_NEEDS: dict[Kind, str] = {
    "metric": "camera",
    "coarse": "camera",
    "video": "camera and two neighbouring frames",
}


def _part(config: SourceConfig, seen: Overview, where: str, held_out: bool) -> Places:
    """Places of the records of one part, in order."""
    holdout = config.holdout
    for split in (config.split, holdout.split if holdout else None):
        if split is not None and split not in seen.splits:
            has = ", ".join(sorted(filter(None, seen.splits))) or "no splits"
            raise DataError(f"source {config.name!r}: {where} has no split {split!r}; it has {has}")
    chosen = np.ones(len(seen.kind), np.bool_) if config.split is None else _in_split(seen, config.split)
    if holdout is None:
        return np.flatnonzero(chosen & (not held_out))
    if holdout.split is not None:
        theirs = _in_split(seen, holdout.split)
        return np.flatnonzero(theirs if held_out else chosen & ~theirs)
    places = np.flatnonzero(chosen)
    kept = [holdout.is_held_out(position) for position in range(len(places))]
    if held_out and not any(kept):
        first = holdout.block * (holdout.every - 1)
        raise DataError(
            f"source {config.name!r}: {where} has {len(places)} records, too few for its holdout: with block "
            f"{holdout.block}, every {holdout.every} the first that is held out is number {first + 1}; "
            "choose smaller numbers"
        )
    return np.asarray(places[np.array(kept, np.bool_) == held_out])


def _in_split(seen: Overview, name: str) -> npt.NDArray[np.bool_]:
    numbers = [number for number, split in enumerate(seen.splits) if split == name]
    return np.asarray(np.isin(seen.split, numbers))


def _is_usable(seen: Overview, part: Places, kind: Kind) -> npt.NDArray[np.bool_]:
    if kind not in _NEEDS:
        return np.ones(len(part), np.bool_)
    usable = seen.camera[part]
    if kind != "video":
        return usable
    # Neighbours kept for validation are not to be seen in training, so both must be in this part.
    shown = np.isin(seen.neighbours[part], seen.image[part]).all(axis=1)
    return usable & ~seen.alone[part] & shown
