"""Sources of samples: a folder, what its labels mean, and which records are kept for validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from onedepth.data.load import load_sample
from onedepth.data.sample import SERVES, Kind, Record, Sample, Sensor
from onedepth.data.scenes import find_scenes, read_scene
from onedepth.data.transforms import Augment
from onedepth.errors import DataError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
    """A source with its records at hand."""

    config: SourceConfig
    records: tuple[Record, ...]

    def load(self, index: int) -> Sample:
        """Decode one sample, its label read as the source's kind."""
        return load_sample(self.records[index], self.config.kind, self.config.max_depth)


def open_source(config: SourceConfig, root: Path, *, held_out: bool = False) -> Source:
    """List the usable records of a source, the training part or the held-out part.

    Usable are: for metric and coarse labels, frames with a camera, since metres say nothing without the focal
    length they were seen through; for video, frames with a camera and a neighbour on either side.

    Raises:
        DataError: The folder is missing or broken, its labels cannot serve as this kind, or nothing is left.
    """
    where = root / config.path
    records = [r for scene in find_scenes(where) for r in read_scene(scene)]
    if config.holdout is not None:
        records = [r for i, r in enumerate(records) if config.holdout.is_held_out(i) == held_out]
    elif held_out:
        records = []
    for record in records:
        if config.kind not in SERVES[record.means]:
            raise DataError(
                f"source {config.name!r}: {where} has {record.means or 'no'} labels, which cannot serve as "
                f"{config.kind!r}; they can as {', '.join(sorted(SERVES[record.means]))}"
            )
    records = _usable(records, config.kind)
    if not records:
        part = "held-out" if held_out else "training"
        needs = _NEEDS.get(config.kind, "label")
        raise DataError(f"source {config.name!r}: no {part} record with a {needs} in {where}")
    return Source(config, tuple(records))


_NEEDS: dict[Kind, str] = {
    "metric": "camera",
    "coarse": "camera",
    "video": "camera and two neighbouring frames",
}


def _usable(records: Sequence[Record], kind: Kind) -> list[Record]:
    if kind not in _NEEDS:
        return list(records)
    usable = [r for r in records if r.camera is not None]
    if kind != "video":
        return usable
    part = {r.image for r in records}  # neighbours kept for validation are not to be seen in training
    return [r for r in usable if r.neighbours and part.issuperset(r.neighbours)]
