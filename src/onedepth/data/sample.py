"""One training example: as a line of a list (`Record`), as pixels (`Sample`), and in a batch (`SourceBatch`)."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from onedepth.camera import Camera

Supervision = Literal["metric"]


@dataclass(frozen=True, slots=True)
class Record:
    """Where one example lies and what its label means.

    Attributes:
        id: Unique within its source.
        image: Colour image file.
        label: 16-bit PNG of the same size, 0 = no measurement.
        depth_unit: Metres per PNG step.
        camera: Intrinsics at the stored size.
        scene: Frames of one scene share it.
    """

    id: str
    image: Path
    label: Path
    depth_unit: float
    camera: Camera
    scene: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One example in memory; transforms return new ones.

    Attributes:
        id: Of its record.
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 metres, 0 = no measurement.
        camera: Intrinsics of this raster.
    """

    id: str
    image: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    camera: Camera


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """What one source gives to one step; all samples have the same size.

    Attributes:
        source: Name of the source.
        kind: Supervision kind of the source.
        ids: One per sample.
        image: (B, 3, H, W) uint8 RGB.
        depth: (B, 1, H, W) float32 metres, 0 = no measurement.
        intrinsics: (B, 4) float32 fx, fy, cx, cy in pixels of this raster, centres at integer + 0.5.
    """

    source: str
    kind: Supervision
    ids: tuple[str, ...]
    image: Tensor
    depth: Tensor
    intrinsics: Tensor

    @classmethod
    def collate(cls, source: str, kind: Supervision, samples: list[Sample]) -> Self:
        """Stack samples of one size."""
        cameras = [s.camera for s in samples]
        return cls(
            source=source,
            kind=kind,
            ids=tuple(s.id for s in samples),
            image=torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2),
            depth=torch.from_numpy(np.stack([s.depth for s in samples])).unsqueeze(1),
            intrinsics=torch.tensor([[c.fx, c.fy, c.cx, c.cy] for c in cameras], dtype=torch.float32),
        )

    @property
    def focal(self) -> Tensor:
        """(B,) focal length in pixels, sqrt(fx * fy)."""
        return (self.intrinsics[:, 0] * self.intrinsics[:, 1]).sqrt()

    def to(self, device: torch.device) -> Self:
        """Move the tensors to a device."""
        return replace(
            self,
            image=self.image.to(device),
            depth=self.depth.to(device),
            intrinsics=self.intrinsics.to(device),
        )
