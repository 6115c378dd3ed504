"""Supervision by labels coarser than the image (Xu et al., arXiv 2109.11573).

The three terms are those of the abstract; their forms are ours, for the body of the paper was not at hand.

One network sees the image at high and at low resolution. All maps are depth in the same unit: with a
canonical network, multiply each branch by its own focal length (f and f / factor, in pixels) over the
canonical one first, or the consistency term fights the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from onedepth.errors import DataError
from onedepth.losses.downsample import downsample
from onedepth.losses.masked import check_maps, fill, log_ratio, masked_mean
from onedepth.losses.precision import full_precision
from onedepth.losses.silog import silog

Distance = Literal["l1", "log_l1", "silog"]
Mode = Literal["area", "nearest"]
Domain = Literal["depth", "disparity"]


@full_precision
def l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference, in the unit of the maps.

    Args:
        prediction: (B, 1, H, W).
        target: (B, 1, H, W).
        mask: (B, 1, H, W) bool.

    Returns:
        Tensor (B,), >= 0.
    """
    check_maps(prediction, target, mask)
    return masked_mean(fill(prediction - target, mask).abs().flatten(1), mask.flatten(1))


@full_precision
def log_l1(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of logarithms, in depth (or disparity, which gives the same).

    Args:
        prediction: (B, 1, H, W), positive.
        target: (B, 1, H, W), positive where valid.
        mask: (B, 1, H, W) bool.

    Returns:
        Tensor (B,), >= 0.
    """
    check_maps(prediction, target, mask)
    return masked_mean(log_ratio(prediction, target, mask).abs().flatten(1), mask.flatten(1))


_DISTANCES: dict[Distance, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "log_l1": log_l1,
    "silog": silog,
}


def low_resolution(
    prediction: Tensor, target: Tensor, mask: Tensor, *, distance: Distance = "log_l1"
) -> Tensor:
    """L_LR: the prediction for the reduced image against the coarse label.

    Args:
        prediction: (B, 1, h, w) depth predicted from the image at the label's resolution.
        target: (B, 1, h, w) coarse depth.
        mask: (B, 1, h, w) bool.
        distance: how two maps are compared.

    Returns:
        Tensor (B,), >= 0.
    """
    return _DISTANCES[distance](prediction, target, mask)


def downsampled_high(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    distance: Distance = "log_l1",
    mode: Mode = "area",
    domain: Domain = "depth",
) -> Tensor:
    """L_HR: the prediction for the full image, reduced as the sensor does it, against the coarse label.

    Args:
        prediction: (B, 1, s * h, s * w) depth predicted from the full image, s a whole number.
        target: (B, 1, h, w) coarse depth.
        mask: (B, 1, h, w) bool.
        distance: how two maps are compared.
        mode: see `downsample`.
        domain: see `downsample`.

    Returns:
        Tensor (B,), >= 0; equal to `low_resolution` when s = 1.

    Raises:
        DataError: the sizes are not multiples.
    """
    return _DISTANCES[distance](_reduce(prediction, target, mode, domain), target, mask)


def consistency(
    low: Tensor,
    high: Tensor,
    mask: Tensor | None = None,
    *,
    stop: Literal["none", "low", "high"] = "none",
    distance: Distance = "l1",
    mode: Mode = "area",
    domain: Domain = "depth",
) -> Tensor:
    """L_cons: both predictions of one scene agree, wherever there is a label or not.

    Args:
        low: (B, 1, h, w) depth from the reduced image.
        high: (B, 1, s * h, s * w) depth from the full image.
        mask: (B, 1, h, w) bool, where to compare; everywhere when None.
        stop: which side gets no gradient.
        distance: how two maps are compared.
        mode: see `downsample`.
        domain: see `downsample`.

    Returns:
        Tensor (B,), >= 0; 0 when s = 1 and both are the same.

    Raises:
        DataError: the sizes are not multiples.
    """
    low, high = (side.detach() if stop == name else side for name, side in (("low", low), ("high", high)))
    mask = torch.ones_like(low, dtype=torch.bool) if mask is None else mask
    return _DISTANCES[distance](low, _reduce(high, low, mode, domain), mask)


def _reduce(high: Tensor, low: Tensor, mode: Mode, domain: Domain) -> Tensor:
    factor = max(high.shape[-1] // max(low.shape[-1], 1), 1)
    if (low.shape[-2] * factor, low.shape[-1] * factor) != tuple(high.shape[-2:]):
        raise DataError(
            f"prediction: found size {tuple(high.shape[-2:])}, expected a multiple of {tuple(low.shape[-2:])}"
        )
    return downsample(high, None, factor, mode=mode, domain=domain)[0]
