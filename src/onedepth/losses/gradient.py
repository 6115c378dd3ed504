"""Multi-scale gradient matching: depth steps in the right place, at several resolutions."""

from __future__ import annotations

from torch import Tensor

from onedepth.losses.masked import check_maps, fill, log_ratio, weights
from onedepth.losses.precision import full_precision

_MAP = (1, 2, 3)


@full_precision
def multiscale_gradient(prediction: Tensor, target: Tensor, mask: Tensor, *, scales: int = 4) -> Tensor:
    """Absolute spatial gradient of the residual, summed over scales; any space.

    MiDaS (Ranftl et al., TPAMI 2022) eq. 11 on R = prediction - target, which there are robustly normalised
    disparities. Level k takes every 2^k-th pixel without averaging, as the authors' code does; a difference
    counts only if both its pixels are valid; each level is divided by its own number of valid pixels.

    Args:
        prediction: (B, 1, H, W), any unit.
        target: (B, 1, H, W), the same unit.
        mask: (B, 1, H, W) bool.
        scales: number of levels, >= 1.

    Returns:
        Tensor (B,), >= 0; 0 for an image without valid neighbours.
    """
    check_maps(prediction, target, mask)
    return residual_gradient(prediction - target, mask, scales=scales)


@full_precision
def log_gradient(prediction: Tensor, target: Tensor, mask: Tensor, *, scales: int = 4) -> Tensor:
    """Multi-scale gradient matching on log depth: blind to a global scale, equal weight near and far.

    MegaDepth (Li and Snavely, CVPR 2018) eq. 4, levels as in `multiscale_gradient`.

    Args:
        prediction: (B, 1, H, W) depth, positive.
        target: (B, 1, H, W) depth, positive where valid.
        mask: (B, 1, H, W) bool.
        scales: number of levels, >= 1.

    Returns:
        Tensor (B,), >= 0; 0 for an image without valid neighbours.
    """
    check_maps(prediction, target, mask)
    return residual_gradient(log_ratio(prediction, target, mask), mask, scales=scales)


@full_precision
def residual_gradient(residual: Tensor, mask: Tensor, *, scales: int = 4) -> Tensor:
    """The sum that the other functions share: 1/M_k * (|grad_x R_k| + |grad_y R_k|) over levels k.

    Args:
        residual: (B, 1, H, W).
        mask: (B, 1, H, W) bool.
        scales: number of levels, >= 1.

    Returns:
        Tensor (B,), >= 0.
    """
    residual = fill(residual, mask)
    weight = weights(mask, residual.dtype)
    total = residual.new_zeros(residual.shape[0])
    for level in range(scales):
        if level:  # halving the halved map picks every 2^k-th pixel and keeps the backward pass small
            residual, weight = residual[..., ::2, ::2], weight[..., ::2, ::2]
        pixels = weight.sum(_MAP).clamp_min(1.0)
        total = total + (_steps(residual, weight, -1) + _steps(residual, weight, -2)) / pixels
    return total


def _steps(residual: Tensor, weight: Tensor, axis: int) -> Tensor:
    length = residual.shape[axis] - 1
    both = weight.narrow(axis, 1, length) * weight.narrow(axis, 0, length)
    step = residual.narrow(axis, 1, length) - residual.narrow(axis, 0, length)
    return (step * both).abs().sum(_MAP)
