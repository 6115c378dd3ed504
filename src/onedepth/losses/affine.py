"""MiDaS losses for labels known up to scale and shift (Ranftl et al., TPAMI 2022, section 5).

They are meant for disparity, the space in which web stereo is affine; `proposals.whole_image` is the same
idea in depth. Each is L(d, d*) = 1/(2M) * sum rho(dh - dh*) (eq. 1) over the M valid pixels of one image.
"""

from __future__ import annotations

from torch import Tensor

from onedepth.losses.gradient import residual_gradient
from onedepth.losses.masked import (
    TINY,
    check_maps,
    count,
    fill,
    portion,
    robust_normalise,
    sum_smallest,
    weights,
)
from onedepth.losses.precision import full_precision


@full_precision
def align(prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares scale and shift of the prediction towards the target, in closed form (eq. 2-4).

    The normal equations are solved on centred values, s = cov(d, d*) / var(d) and t = mean(d*) - s * mean(d):
    the same solution, without the cancellation of a determinant. A constant prediction gets s = 0.

    Args:
        prediction: (..., N).
        target: (..., N).
        mask: bool (..., N).

    Returns:
        Scale and shift, each (...).
    """
    prediction, target = fill(prediction, mask), fill(target, mask)
    return _align(prediction, target, weights(mask, prediction.dtype), count(mask, prediction.dtype))


def _align(prediction: Tensor, target: Tensor, weight: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    mean, mean_target = prediction.sum(-1) / number, target.sum(-1) / number
    centred = (prediction - mean.unsqueeze(-1)) * weight
    variance = (centred.square().sum(-1) / number).clamp_min(TINY**2)
    scale = (centred * (target - mean_target.unsqueeze(-1))).sum(-1) / number / variance
    return scale, mean_target - scale * mean


@full_precision
def ssi_mse(prediction: Tensor, target: Tensor, mask: Tensor, *, detach_alignment: bool = False) -> Tensor:
    """Half mean squared error after least-squares alignment of the prediction (eq. 1-4, rho(x) = x^2).

    Args:
        prediction: (B, 1, H, W) disparity, any scale and shift.
        target: (B, 1, H, W) disparity; its scale sets the magnitude of the loss.
        mask: (B, 1, H, W) bool.
        detach_alignment: no gradient through scale and shift. At the optimum they carry none to first order,
            so that this changes only rounding and second derivatives.

    Returns:
        Tensor (B,), >= 0.
    """
    check_maps(prediction, target, mask)
    prediction, target = fill(prediction, mask).flatten(1), fill(target, mask).flatten(1)
    weight = weights(mask.flatten(1), prediction.dtype)
    number = weight.sum(-1).clamp_min(1.0)
    scale, shift = _align(prediction.detach() if detach_alignment else prediction, target, weight, number)
    error = (scale.unsqueeze(-1) * prediction + shift.unsqueeze(-1) - target) * weight
    return 0.5 * error.square().sum(-1) / number


@full_precision
def ssi_mae(prediction: Tensor, target: Tensor, mask: Tensor, *, detach_median: bool = False) -> Tensor:
    """Half mean absolute error after robust normalisation of both sides (eq. 5-6, rho(x) = |x|).

    Args:
        prediction: (B, 1, H, W) disparity.
        target: (B, 1, H, W) disparity.
        mask: (B, 1, H, W) bool.
        detach_median: no gradient through the median.

    Returns:
        Tensor (B,), >= 0; unchanged by a positive scale and any shift of either side.
    """
    residual, mask = _normalised_residual(prediction, target, mask, detach_median)
    return 0.5 * residual.abs().sum(-1) / count(mask, residual.dtype)


@full_precision
def ssi_trim(
    prediction: Tensor, target: Tensor, mask: Tensor, *, trim: float = 0.2, detach_median: bool = False
) -> Tensor:
    """`ssi_mae` without the largest residuals of each image (eq. 7): gross label errors lose their voice.

    1/(2M) * sum of the U = (1 - trim) * M smallest |dh - dh*|; the divisor stays M.

    Args:
        prediction: (B, 1, H, W) disparity.
        target: (B, 1, H, W) disparity.
        mask: (B, 1, H, W) bool.
        trim: share of pixels left out, in [0, 1).
        detach_median: no gradient through the median.

    Returns:
        Tensor (B,), >= 0.
    """
    residual, mask = _normalised_residual(prediction, target, mask, detach_median)
    kept = portion(1.0 - trim, mask.sum(-1))
    return 0.5 * sum_smallest(residual.abs(), mask, kept) / count(mask, residual.dtype)


@full_precision
def ssi_gradient(prediction: Tensor, target: Tensor, mask: Tensor, *, scales: int = 4) -> Tensor:
    """Multi-scale gradient matching on the robustly normalised residual (eq. 11), weight 0.5 in MiDaS.

    Args:
        prediction: (B, 1, H, W) disparity.
        target: (B, 1, H, W) disparity.
        mask: (B, 1, H, W) bool.
        scales: number of levels.

    Returns:
        Tensor (B,), >= 0.
    """
    residual, _ = _normalised_residual(prediction, target, mask, False)
    return residual_gradient(residual.view_as(mask), mask, scales=scales)


def _normalised_residual(
    prediction: Tensor, target: Tensor, mask: Tensor, detach_median: bool
) -> tuple[Tensor, Tensor]:
    check_maps(prediction, target, mask)
    flat = mask.flatten(1)
    ours = robust_normalise(prediction.flatten(1), flat, detach_median=detach_median)
    return ours - robust_normalise(target.flatten(1), flat), flat
