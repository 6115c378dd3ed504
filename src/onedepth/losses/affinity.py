"""Affinity distillation: two networks agree on which places look alike, whatever their features.

Pair-wise distillation of Liu et al. (CVPR 2019), between the depth network and a depth autoencoder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.errors import DataError
from onedepth.losses.masked import TINY
from onedepth.losses.precision import full_precision

_POOLS: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "max": F.adaptive_max_pool2d,
    "mean": F.adaptive_avg_pool2d,
}


@full_precision
def affinity(
    features: Tensor,
    *,
    nodes: tuple[int, int] | None = None,
    pool: Literal["max", "mean"] = "max",
    detach_norm: bool = False,
) -> Tensor:
    """Cosine similarity between all pairs of places: A_ij = <x_i, x_j> / (|x_i| |x_j|).

    Without pooling it is unchanged by a positive scale of every place and by any rotation of the channels.

    Args:
        features: (B, C, H, W).
        nodes: rows and columns of the grid of places that features are pooled to; every position when None.
        pool: how features are pooled.
        detach_norm: no gradient through the lengths (as the published code).

    Returns:
        Tensor (B, N, N) in [-1, 1], N = rows * columns: keep the grid at 32 x 32 or less (4 MB per image).
    """
    unit = _unit_places(features, nodes, pool, detach_norm)
    return torch.matmul(unit.transpose(1, 2), unit)


def _unit_places(features: Tensor, nodes: tuple[int, int] | None, pool: str, detach_norm: bool) -> Tensor:
    """Pooled features of unit length, (B, C, N)."""
    if nodes is not None:
        features = _POOLS[pool](features, nodes)
    places = features.flatten(2)
    norms = places.detach() if detach_norm else places
    length = torch.linalg.vector_norm(norms, dim=1, keepdim=True)
    return torch.div(places, length.clamp_min(TINY))


@full_precision
def affinity_distillation(
    student: Tensor,
    teacher: Tensor,
    *,
    nodes: tuple[int, int] = (32, 32),
    pool: Literal["max", "mean"] = "max",
    detach_norm: bool = False,
    detach_teacher: bool = True,
) -> Tensor:
    """Mean squared difference of the affinities of two feature maps: 1/N^2 * sum (A_ij(F) - A_ij(G))^2.

    Channel numbers and sizes may differ; the grid is made no finer than either map. Memory grows with the
    square of the channels, not of the places.

    Args:
        student: (B, C, H, W) features of the depth network.
        teacher: (B, D, h, w) features of the depth autoencoder.
        nodes: rows and columns of the common grid, at most.
        pool: how features are pooled.
        detach_norm: no gradient through the lengths.
        detach_teacher: no gradient into the teacher.

    Returns:
        Tensor (B,), >= 0.

    Raises:
        DataError: the batch sizes differ.
    """
    if student.shape[0] != teacher.shape[0]:
        raise DataError(
            f"teacher: found {teacher.shape[0]} images, expected those of the student, {student.shape[0]}"
        )
    rows, columns = (min(nodes[k], student.shape[2 + k], teacher.shape[2 + k]) for k in (0, 1))
    teacher = teacher.detach() if detach_teacher else teacher
    ours, theirs = (_unit_places(v, (rows, columns), pool, detach_norm) for v in (student, teacher))
    if ours.device.type != "mps":  # the three sums nearly cancel; products of channels are cheap in double
        ours, theirs = ours.double(), theirs.double()
    difference = _overlap(ours, ours) - 2 * _overlap(ours, theirs) + _overlap(theirs, theirs)
    return (difference / (rows * columns) ** 2).to(student.dtype)


def _overlap(first: Tensor, second: Tensor) -> Tensor:
    """sum_ij A_ij B_ij of A = X^T X and B = Y^T Y, which is |X Y^T|^2: no N x N matrix is made."""
    return torch.matmul(first, second.transpose(1, 2)).square().sum((1, 2))
