"""What a loss sees of a sub-batch: predictions in metres, the label, and what else its formula needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from onedepth.data.sample import SourceBatch


@dataclass(frozen=True)
class Context:
    """A sub-batch with its predictions.

    Everything is in the true camera: the network's canonical depth has already been turned into metres, so
    that the views of one scene can be compared whatever focal length each has seen it with.

    Attributes:
        batch: Labels, images and cameras.
        depth: (B, 1, H, W) predicted metres (units for `scaled`), from the image at full size.
        generator: For losses that draw crops, points or noise; the same on every process.
        low: `coarse` only: (B, 1, h, w) predicted metres from the image at the label's resolution.
        features: `coarse` only: encoder features of the full image, finest first.
        teacher: `coarse` only: features of the depth autoencoder on the label, where there is a teacher.
        coarser: `video` only: (B, 1, H, W) metres of the network's coarser outputs, enlarged.
        poses: `video` only: (B, 2, 4, 4) from this frame's camera to those of the frames before and after.
    """

    batch: SourceBatch
    depth: Tensor
    generator: torch.Generator
    low: Tensor | None = None
    features: list[Tensor] | None = None
    teacher: Tensor | None = None
    coarser: Sequence[Tensor] = ()
    poses: Tensor | None = None

    @property
    def label(self) -> Tensor:
        """(B, 1, h, w) label, 0 where unmeasured."""
        return self.batch.label

    @property
    def mask(self) -> Tensor:
        """(B, 1, h, w) bool, where the label was measured."""
        return self.batch.mask

    @property
    def disparity(self) -> Tensor:
        """(B, 1, H, W) predicted inverse depth."""
        return 1.0 / self.depth

    @property
    def image(self) -> Tensor:
        """(B, 3, H, W) what the network saw, in [0, 1]."""
        return self.batch.image.float() / 255.0


def low_view(image: Tensor, factor: int, stride: int) -> Tensor:
    """An image at the resolution of a coarse label, on a raster that the network can take.

    The image is averaged over factor x factor cells, which removes what the label's resolution cannot show;
    where the result is no multiple of the network's stride it is enlarged to the next one.

    Args:
        image: (B, 3, H, W) in [0, 1], H and W multiples of `factor`.
        factor: Image size over label size.
        stride: Of the network.
    """
    low = F.avg_pool2d(image, factor)
    size = [-(-side // stride) * stride for side in low.shape[-2:]]
    if size == list(low.shape[-2:]):
        return low
    return F.interpolate(low, size=size, mode="bilinear", align_corners=False)
