"""Downsampling of depth as a sensor does it: a coarse pixel averages what it sees, a laser hits one spot."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.errors import DataError
from onedepth.losses.masked import fill
from onedepth.losses.precision import full_precision

#: Share of a cell that must be valid for its average to count.
ENOUGH = 0.5


@full_precision
def downsample(
    depth: Tensor,
    mask: Tensor | None,
    factor: int,
    *,
    mode: Literal["area", "nearest"] = "area",
    domain: Literal["depth", "disparity"] = "depth",
) -> tuple[Tensor, Tensor]:
    """Reduce a depth map by an integer factor.

    ``area`` averages the valid pixels of each factor x factor cell, which is valid if at least half of it is.
    The domain of the average matters at edges, where the two differ: ``depth`` averages metres (structured
    light, rendered labels), ``disparity`` averages 1/z and inverts the result (stereo). ``nearest`` takes the
    valid pixel nearest to the centre of the cell (LiDAR); the cell is valid if any pixel is.

    Args:
        depth: (B, 1, H, W) depth, positive where valid.
        mask: (B, 1, H, W) bool, or None for a full map.
        factor: 1 or more; H and W must be multiples of it.
        mode: how a cell becomes a value.
        domain: what ``area`` averages.

    Returns:
        depth (B, 1, H / factor, W / factor), 0 where invalid, and its mask.

    Raises:
        DataError: the size is no multiple of the factor.
    """
    height, width = depth.shape[-2:]
    if height % factor or width % factor:
        raise DataError(
            f"depth: found {width} x {height}, expected multiples of the factor {factor}; crop it first"
        )
    if mask is None:
        every = torch.ones_like(depth[..., ::factor, ::factor], dtype=torch.bool)
        if mode == "area":
            mean = F.avg_pool2d(1 / depth if domain == "disparity" else depth, factor)
            return (1 / mean if domain == "disparity" else mean), every
        mask = torch.ones_like(depth, dtype=torch.bool)
    if mode == "nearest":
        return _nearest(depth, mask, factor)
    values = fill(depth, mask, 1.0)
    values = fill(1 / values if domain == "disparity" else values, mask)
    share = F.avg_pool2d(fill(torch.ones_like(depth), mask), factor)
    mean = F.avg_pool2d(values, factor) / share.clamp_min(0.5 / factor**2)
    valid = share >= ENOUGH
    if domain == "disparity":
        mean = 1 / torch.where(valid, mean, 1.0)
    return fill(mean, valid), valid


def _nearest(depth: Tensor, mask: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    cells, seen = (_cells(v, factor) for v in (depth, mask))
    offset = torch.arange(factor, device=depth.device) - (factor - 1) / 2
    far = (offset.square().unsqueeze(1) + offset.square()).flatten()
    best = torch.where(seen, far, torch.inf).argmin(-1, keepdim=True)
    valid = seen.any(-1)
    return fill(cells.gather(-1, best).squeeze(-1), valid), valid


def _cells(values: Tensor, factor: int) -> Tensor:
    """(B, 1, H, W) -> (B, 1, H / factor, W / factor, factor * factor)."""
    batch, channels, height, width = values.shape
    split = values.reshape(batch, channels, height // factor, factor, width // factor, factor)
    return split.transpose(3, 4).flatten(4)
