"""Losses for labels known up to scale (SfM, uncalibrated SLAM), and baselines of MiDaS."""

from __future__ import annotations

import torch
from torch import Tensor

from onedepth.losses.masked import TINY, check_maps, fill, masked_mean
from onedepth.losses.precision import full_precision
from onedepth.losses.silog import silog

_MAP = (1, 2, 3)


@full_precision
def scale_invariant_log(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Half mean squared log error after the optimal scale, in depth space.

    min over s of 1/(2M) * sum (log(e^s z) - log z*)^2 (Eigen et al. 2014; MiDaS baseline L_silog). The
    optimum is s = -mean(log z - log z*), which leaves half the variance. To be joined by `log_gradient`.

    Args:
        prediction: (B, 1, H, W) depth, positive.
        target: (B, 1, H, W) depth up to scale, positive where valid.
        mask: (B, 1, H, W) bool.

    Returns:
        Tensor (B,), >= 0; unchanged by a positive scale of either side.
    """
    return 0.5 * silog(prediction, target, mask, variance_focus=1.0)


@full_precision
def si_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Half mean squared error after the least-squares scale, no shift (MiDaS baseline L_simse), in disparity.

    Args:
        prediction: (B, 1, H, W) disparity.
        target: (B, 1, H, W) disparity up to scale.
        mask: (B, 1, H, W) bool.

    Returns:
        Tensor (B,), >= 0; unchanged by any non-zero scale of the prediction.
    """
    check_maps(prediction, target, mask)
    prediction, target, mask = (
        fill(prediction, mask).flatten(1),
        fill(target, mask).flatten(1),
        mask.flatten(1),
    )
    power = masked_mean(prediction.square(), mask).clamp_min(TINY**2)
    scale = masked_mean(prediction * target, mask) / power
    return 0.5 * masked_mean((scale.unsqueeze(-1) * prediction - target).square(), mask)


@full_precision
def normalised_gradient(
    prediction: Tensor, target: Tensor, mask: Tensor, *, spacings: tuple[int, ...] = (2, 8, 32, 64)
) -> Tensor:
    """Normalised multi-scale gradient of WSVD (Wang et al., 3DV 2019; MiDaS baseline L_nmg), in disparity.

    sum over k of 1/M_k * sum |s * grad^k d - grad^k d*|, where grad^k is the difference over k pixels along x
    and along y, and one s per image equates the summed absolute gradients of both sides. The spacings, the
    rule for s and the division by the number M_k of valid differences are our reading; shift- and
    scale-invariant by construction.

    Args:
        prediction: (B, 1, H, W) disparity.
        target: (B, 1, H, W) disparity.
        mask: (B, 1, H, W) bool.
        spacings: distances in pixels; those that do not fit into the image are left out.

    Returns:
        Tensor (B,), >= 0.
    """
    check_maps(prediction, target, mask)
    prediction, target = fill(prediction, mask), fill(target, mask)
    pairs = [(k, axis) for k in spacings for axis in (-1, -2) if k < mask.shape[axis]]
    if not pairs:
        return fill(prediction, torch.zeros_like(mask)).sum(_MAP)
    both = [_ends(mask, k, a)[0] & _ends(mask, k, a)[1] for k, a in pairs]
    ours, theirs = (
        [fill(torch.sub(*_ends(v, k, a)), m) for (k, a), m in zip(pairs, both, strict=True)]
        for v in (prediction, target)
    )
    size, size_target = (torch.stack([g.abs().sum(_MAP) for g in side]).sum(0) for side in (ours, theirs))
    scale = (size_target / size.clamp_min(TINY))[:, None, None, None]
    terms = [
        (scale * a - b).abs().sum(_MAP) / m.sum(_MAP).clamp_min(1)
        for a, b, m in zip(ours, theirs, both, strict=True)
    ]
    return torch.stack(terms).sum(0)


def _ends(values: Tensor, spacing: int, axis: int) -> tuple[Tensor, Tensor]:
    length = values.shape[axis] - spacing
    return values.narrow(axis, spacing, length), values.narrow(axis, 0, length)
