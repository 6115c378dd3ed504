"""Random choices for losses: always from a given generator, vectorised over the batch."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Uniform numbers in [0, 1), drawn where the generator lives.

    A CPU generator therefore gives the same numbers for every device of the loss.

    Args:
        shape: shape of the result.
        generator: source of randomness.
        device: where the result goes.

    Returns:
        float32 tensor.
    """
    return torch.rand(shape, generator=generator, device=generator.device).to(device)


def below(limit: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Uniform integers in [0, limit), independent, for every entry of ``limit``.

    Args:
        limit: integer (...); where it is 0 the result is 0.
        number: how many per entry.
        generator: source of randomness.

    Returns:
        int64 (..., number).
    """
    limit = limit.unsqueeze(-1)
    share = uniform((*limit.shape[:-1], number), generator, limit.device)
    return torch.minimum((share * limit).long(), limit - 1).clamp_min(0)


def draw_valid(mask: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Draw valid pixels uniformly and independently (with repetition) in each image.

    Args:
        mask: bool (B, N).
        number: pixels to draw per image.
        generator: source of randomness.

    Returns:
        int64 (B, number) indices into N; 0 for an image without valid pixels.
    """
    valid = mask.sum(-1)
    pixels = mask.nonzero()[:, 1]
    if pixels.numel() == 0:
        return torch.zeros(mask.shape[0], number, dtype=torch.long, device=mask.device)
    start = (valid.cumsum(0) - valid).unsqueeze(-1)
    rank = below(valid, number, generator)
    return torch.where(valid.unsqueeze(-1) > 0, pixels[(start + rank).clamp_max(pixels.numel() - 1)], 0)
