"""Ordinal loss on point pairs (Chen et al., NIPS 2016): who is farther, nothing more."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.losses.draws import draw_valid
from onedepth.losses.masked import check_maps, fill, masked_mean
from onedepth.losses.precision import full_precision


@full_precision
def ranking(prediction: Tensor, pairs: Tensor, relation: Tensor, valid: Tensor | None = None) -> Tensor:
    """Ranking loss for given point pairs, in depth space (MiDaS baseline L_ord).

    log(1 + exp(-(z_i - z_j) * l)) where l = +1 (i farther) or -1 (j farther), and (z_i - z_j)^2 where l = 0.

    Args:
        prediction: (B, 1, H, W) depth.
        pairs: int64 (B, P, 2), indices i, j into the flattened H * W pixels.
        relation: (B, P) with values -1, 0, +1.
        valid: bool (B, P), which pairs count; all when None.

    Returns:
        Tensor (B,), >= 0, mean over the pairs of each image; 0 without pairs.
    """
    valid = torch.ones_like(relation, dtype=torch.bool) if valid is None else valid
    first, second = (prediction.flatten(1).gather(1, pairs[..., k]) for k in (0, 1))
    difference = fill(first - second, valid)
    apart = F.softplus(-difference * relation)
    return masked_mean(torch.where(relation == 0, difference.square(), apart), valid)


def draw_pairs(
    target: Tensor, mask: Tensor, number: int, threshold: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw pixel pairs and read their order off a depth map.

    Args:
        target: (B, 1, H, W) depth, positive where valid, any scale.
        mask: (B, 1, H, W) bool.
        number: pairs per image.
        threshold: depths whose ratio is below 1 + threshold count as equal.
        generator: source of randomness.

    Returns:
        pairs int64 (B, P, 2), relation (B, P) of -1, 0, +1, valid bool (B, P).
    """
    flat, depth = mask.flatten(1), target.flatten(1)
    pairs = draw_valid(flat, 2 * number, generator).reshape(-1, number, 2)
    first, second = (depth.gather(1, pairs[..., k]) for k in (0, 1))
    farther, nearer = first > second * (1 + threshold), second > first * (1 + threshold)
    relation = farther.to(depth.dtype) - nearer.to(depth.dtype)
    valid = (pairs[..., 0] != pairs[..., 1]) & flat.any(-1, keepdim=True)
    return pairs, relation, valid


@full_precision
def ordinal(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    generator: torch.Generator,
    number: int = 5000,
    threshold: float = 0.02,
) -> Tensor:
    """`ranking` on pairs drawn at random from a depth map; 5,000 per image as in MiDaS.

    Args:
        prediction: (B, 1, H, W) depth.
        target: (B, 1, H, W) depth, any scale.
        mask: (B, 1, H, W) bool.
        generator: source of randomness.
        number: pairs per image.
        threshold: depths whose ratio is below 1 + threshold count as equal.

    Returns:
        Tensor (B,), >= 0.
    """
    check_maps(prediction, target, mask)
    return ranking(prediction, *draw_pairs(target, mask, number, threshold, generator))
