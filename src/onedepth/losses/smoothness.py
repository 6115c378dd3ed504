"""Edge-aware smoothness: disparity may bend where the picture does."""

from __future__ import annotations

import torch
from torch import Tensor

from onedepth.errors import DataError
from onedepth.losses.masked import TINY
from onedepth.losses.precision import full_precision


@full_precision
def smoothness(
    disparity: Tensor, image: Tensor, *, first: float = 1.0, second: float = 1.0, edge: float = 0.5
) -> Tensor:
    """First- and second-order edge-aware smoothness of the mean-normalised disparity.

    With D = d / mean(d): first * sum over x, y of mean |dD| exp(-edge * mean_c |dI|) + second * the same over
    the second differences xx, xy, yx, yy of both (DaB-Net, after FeatDepth; the first term alone with edge =
    1 is that of Monodepth2, eq. 3). Weight 1e-3 in the recipes of both.

    Args:
        disparity: (B, 1, H, W), positive; its scale does not matter.
        image: (B, C, H, W) in [0, 1].
        first: weight of the first-order term.
        second: weight of the second-order term.
        edge: how much an image step forgives.

    Returns:
        Tensor (B,), >= 0; 0 for a constant disparity.

    Raises:
        DataError: the image has another size than the disparity.
    """
    if image.shape[-2:] != disparity.shape[-2:]:
        raise DataError(
            f"image: found {tuple(image.shape[-2:])}, expected the size of the disparity, "
            f"{tuple(disparity.shape[-2:])}; resize it first"
        )
    normal = disparity / disparity.mean((1, 2, 3), keepdim=True).clamp_min(TINY)
    bends = [normal.diff(dim=axis) for axis in (-1, -2)]
    edges = [image.diff(dim=axis) for axis in (-1, -2)]
    total = first * _weighted(bends, edges, edge)
    if second:
        bends, edges = (
            [step.diff(dim=axis) for step in side for axis in (-1, -2)] for side in (bends, edges)
        )
        total = total + second * _weighted(bends, edges, edge)
    return total


def _weighted(bends: list[Tensor], edges: list[Tensor], strength: float) -> Tensor:
    terms = [
        (bend.abs() * torch.exp(-strength * edge.abs().mean(1, keepdim=True))).sum((1, 2, 3))
        / max(bend[0].numel(), 1)
        for bend, edge in zip(bends, edges, strict=True)
    ]
    return torch.stack(terms).sum(0)
