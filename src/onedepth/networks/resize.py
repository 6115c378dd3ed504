"""Resizing as the graph of a model file does it: linear, without aliasing, pixel centres at integer + 0.5."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def resize(values: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (B, C, H, W) to (height, width); differentiable."""
    height, width = size
    if width == 1:  # torch 2.14 repeats the first row in a result that is one pixel wide; one high is right
        return resize(values.mT, (1, height)).mT if height > 1 else _interpolate(values, 1, 1)
    return _interpolate(values, height, width)


def _interpolate(values: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(values, (height, width), mode="bilinear", align_corners=False, antialias=True)
