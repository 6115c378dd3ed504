"""One training example: in memory (`Sample`) and in a batch (`SourceBatch`); on disk it is a `Record`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from onedepth.camera import Camera
from onedepth.manifest.record import LabelKind

Kind = Literal["metric", "scaled", "affine", "coarse", "video"]
Sensor = Literal["area", "nearest"]

Pixels = npt.NDArray[np.uint8]
Raster = npt.NDArray[np.float32]

# What a stored label can serve as: a strong label can always be read as a weaker one, never the reverse.
SERVES: dict[LabelKind | None, frozenset[Kind]] = {
    "metric": frozenset({"metric", "scaled", "affine", "coarse", "video"}),
    "scaled": frozenset({"scaled", "affine", "video"}),
    "affine": frozenset({"affine", "video"}),
    "coarse": frozenset({"coarse", "video"}),
    None: frozenset({"video"}),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One example in memory; transforms return new ones.

    Attributes:
        id: Of its record.
        image: (H, W, 3) uint8 RGB, what the depth network sees.
        label: (H, W) float32 depth (metres, or units) or disparity, NaN = no measurement.
        camera: Intrinsics of this raster.
        frames: Clean (H, W, 3) images of this raster: this one, the one before, the one after. Video only.
        pose_frames: The same before any camera zoom, for the pose network.
        disparity: Whether the label is disparity, where near is large.
    """

    id: str
    image: Pixels
    label: Raster
    camera: Camera
    frames: tuple[Pixels, ...] = ()
    pose_frames: tuple[Pixels, ...] = ()
    disparity: bool = False


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """What one source gives to one step; all samples have the same size.

    Attributes:
        source: Name of the source.
        kind: Supervision kind of the source.
        ids: One per sample.
        image: (B, 3, H, W) uint8 RGB.
        label: (B, 1, h, w) float32, 0 where unmeasured; at the image's size, or for `coarse` at H / factor.
        mask: (B, 1, h, w) bool, where the label was measured.
        intrinsics: (B, 4) float32 fx, fy, cx, cy in pixels of the image, centres at integer + 0.5.
        factor: Image size over label size.
        sensor: `coarse` only: how the sensor reduces what it sees.
        frames: (B, 3, 3, H, W) uint8 target, before, after; empty unless `video`.
        pose_frames: The same before zoom.
        unreadable: What was wrong with the records that were drawn before these and could not be read.
    """

    source: str
    kind: Kind
    ids: tuple[str, ...]
    image: Tensor
    label: Tensor
    mask: Tensor
    intrinsics: Tensor
    factor: int
    sensor: Sensor
    frames: Tensor
    pose_frames: Tensor
    unreadable: tuple[str, ...] = ()

    @classmethod
    def collate(cls, source: str, kind: Kind, samples: Sequence[Sample]) -> Self:
        """Stack samples of one size."""
        cameras = [s.camera for s in samples]
        label = torch.from_numpy(np.stack([s.label for s in samples])).unsqueeze(1)
        unmeasured = label.isnan()
        return cls(
            source=source,
            kind=kind,
            ids=tuple(s.id for s in samples),
            image=_images([s.image for s in samples]),
            label=label.masked_fill_(unmeasured, 0.0),
            mask=~unmeasured,
            intrinsics=torch.tensor([[c.fx, c.fy, c.cx, c.cy] for c in cameras], dtype=torch.float32),
            factor=1,
            sensor="area",
            frames=_images([np.stack(s.frames) for s in samples if s.frames]),
            pose_frames=_images([np.stack(s.pose_frames) for s in samples if s.pose_frames]),
        )

    @property
    def focal(self) -> Tensor:
        """(B,) focal length in pixels of the image, sqrt(fx * fy)."""
        return (self.intrinsics[:, 0] * self.intrinsics[:, 1]).sqrt()

    def to(self, device: torch.device) -> Self:
        """Move the tensors to a device."""
        tensors = ("image", "label", "mask", "intrinsics", "frames", "pose_frames")
        moved: dict[str, Any] = {name: getattr(self, name).to(device) for name in tensors}
        return replace(self, **moved)


def _images(images: Sequence[Pixels]) -> Tensor:
    """Stack (..., H, W, 3) rasters to a (B, ..., 3, H, W) tensor; an empty one for none."""
    if not images:
        return torch.empty(0, dtype=torch.uint8)
    return torch.from_numpy(np.stack(images)).movedim(-1, -3)
