"""What every decoder offers: a pyramid of feature maps, and a head that reads log depth off the finest."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class Decoder(nn.Module, ABC):
    """Encoder features in, one map of log depth out, by way of a pyramid of decoder features.

    The pyramid is what multi-scale outputs and feature distillation attach to; it costs nothing beside the
    head, for every decoder computes it anyway.

    Attributes:
        strides: Of the pyramid's maps relative to the image, fine to coarse, each twice the one before.
        widths: Channels of the pyramid's maps.
        stride: Of the head's map; the finest pyramid map's, unless the head upsamples.
        head: Maps the finest pyramid map to (B, 1, H / stride, W / stride).
    """

    strides: tuple[int, ...]
    widths: tuple[int, ...]
    stride: int
    head: nn.Module

    @abstractmethod
    def pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map encoder features, fine to coarse, to (B, widths[i], H / strides[i], W / strides[i])."""

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map features (B, C_i, H / s_i, W / s_i) to log depth (B, 1, H / stride, W / stride)."""
        out: Tensor = self.head(self.pyramid(features)[0])
        return out
