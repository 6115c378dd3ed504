"""Photometric losses between frames (Godard et al., ICCV 2019; Charbonnier form of DaB-Net)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.losses.masked import masked_mean
from onedepth.losses.precision import full_precision

_C1, _C2 = 0.01**2, 0.03**2
_CHARBONNIER = 0.001


def _box(values: Tensor) -> Tensor:
    """Mean over 3 x 3 windows of an already padded map, as two passes of three."""
    rows = torch.add(values[..., :-2, :], values[..., 1:-1, :]).add_(values[..., 2:, :])
    return torch.add(rows[..., :-2], rows[..., 1:-1]).add_(rows[..., 2:]).mul_(1 / 9)


def _reflect(image: Tensor) -> Tensor:
    flat = F.pad(image.flatten(0, -3), (1, 1, 1, 1), mode="reflect")
    return flat.reshape(*image.shape[:-2], *flat.shape[-2:])


@full_precision
def ssim_distance(first: Tensor, second: Tensor) -> Tensor:
    """Structural dissimilarity clip((1 - SSIM) / 2, 0, 1) on 3 x 3 windows with reflected borders.

    Args:
        first: (..., C, H, W) image in [0, 1], H and W at least 2.
        second: the same shape, or one that broadcasts.

    Returns:
        Tensor (..., C, H, W) in [0, 1]; 0 where the images agree.
    """
    x, y = _reflect(first), _reflect(second)
    mean_x, mean_y = _box(x), _box(y)
    variance_x, variance_y = _box(x * x) - mean_x * mean_x, _box(y * y) - mean_y * mean_y
    product = mean_x * mean_y
    covariance = _box(x * y) - product
    above = (2 * product + _C1) * (2 * covariance + _C2)
    below = (mean_x * mean_x + mean_y * mean_y + _C1) * (variance_x + variance_y + _C2)
    return ((1 - above / below) / 2).clamp(0, 1)


@full_precision
def photometric(
    prediction: Tensor,
    target: Tensor,
    *,
    ssim_weight: float = 0.85,
    difference: Literal["charbonnier", "l1"] = "charbonnier",
) -> Tensor:
    """Photometric error per pixel: 0.85 * SSIM distance + 0.15 * colour difference, mean over channels.

    The colour difference is Charbonnier sqrt(x^2 + 0.001^2) in DaB-Net and |x| in Monodepth2.

    Args:
        prediction: (..., C, H, W) synthesised image in [0, 1].
        target: the same shape, or one that broadcasts: (B, 1, C, H, W) for several views (B, S, C, H, W).
        ssim_weight: share of the SSIM term.
        difference: form of the colour term.

    Returns:
        Tensor (..., 1, H, W), >= 0.
    """
    error = prediction - target
    colour = (error.square() + _CHARBONNIER**2).sqrt() if difference == "charbonnier" else error.abs()
    structure = ssim_distance(prediction, target)
    return (ssim_weight * structure + (1 - ssim_weight) * colour).mean(-3, keepdim=True)


@full_precision
def reprojection_choice(
    target: Tensor,
    warped: Tensor,
    sources: Tensor | None = None,
    valid: Tensor | None = None,
    *,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
    ssim_weight: float = 0.85,
    difference: Literal["charbonnier", "l1"] = "charbonnier",
) -> tuple[Tensor, Tensor]:
    """Smallest photometric error of each pixel over all candidates, and whether a warped view won.

    Candidates are the warped views and, for auto-masking, the sources as they are. Ties go to the latter, so
    that a static scene is masked even without the published tie-breaking noise (1e-5).

    Args:
        target: (B, C, H, W) image in [0, 1].
        warped: (B, S, C, H, W) sources warped into the target's view.
        sources: (B, S, C, H, W) unwarped; None switches auto-masking off.
        valid: bool (B, S, 1, H, W), where a warp looked inside its source; others are no candidates.
        noise: standard deviation of noise on the identity errors.
        generator: needed with noise.
        ssim_weight: see `photometric`.
        difference: see `photometric`.

    Returns:
        error (B, 1, H, W), infinite where there is no candidate, and bool (B, 1, H, W): True where a warped
        view won.
    """
    still = 0 if sources is None else sources.shape[1]
    target = target.unsqueeze(1)
    error = photometric(warped, target, ssim_weight=ssim_weight, difference=difference)
    if valid is not None:
        error = error.masked_fill(~valid, torch.inf)
    if sources is not None:  # apart from the warped views, so that they cost no backward pass
        identity = photometric(sources, target, ssim_weight=ssim_weight, difference=difference)
        if noise:
            device = generator.device if generator else None
            shaken = torch.randn(identity.shape, generator=generator, device=device)
            identity = identity + noise * shaken.to(identity)
        error = torch.cat([identity, error], 1)
    best = error.min(1)
    return best.values, best.indices >= still


@full_precision
def minimum_reprojection(
    target: Tensor,
    warped: Tensor,
    sources: Tensor | None = None,
    valid: Tensor | None = None,
    *,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
    ssim_weight: float = 0.85,
    difference: Literal["charbonnier", "l1"] = "charbonnier",
) -> Tensor:
    """Minimum reprojection with auto-masking (Godard et al., ICCV 2019, eq. 4-5).

    The mean over pixels of the smallest error over all candidates.

    Args:
        target: (B, C, H, W) image in [0, 1].
        warped: (B, S, C, H, W) sources warped into the target's view.
        sources: (B, S, C, H, W) unwarped, for auto-masking; None switches it off.
        valid: bool (B, S, 1, H, W), where a warp looked inside its source. None: border pixels count, as
            published.
        noise: standard deviation of tie-breaking noise on the identity errors.
        generator: needed with noise.
        ssim_weight: see `photometric`.
        difference: see `photometric`.

    Returns:
        Tensor (B,), >= 0; 0 where no pixel has a candidate.
    """
    error, _ = reprojection_choice(
        target,
        warped,
        sources,
        valid,
        noise=noise,
        generator=generator,
        ssim_weight=ssim_weight,
        difference=difference,
    )
    return masked_mean(error.flatten(1), error.flatten(1) < torch.inf)
