"""Virtual normal loss (Yin et al., ICCV 2019): planes through far-apart points, robust to local noise."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.errors import DataError
from onedepth.losses.draws import draw_valid
from onedepth.losses.geometry import points_at
from onedepth.losses.masked import check_maps, fill, masked_mean, portion, sum_smallest
from onedepth.losses.precision import full_precision

#: Two edges closer than 30 degrees to parallel make no plane: cos(30 deg) as the published code rounds it.
COLLINEAR = 0.867
#: Metres; a triplet that is thinner along all three axes is rejected.
NEAR = 0.005


@full_precision
def virtual_normal(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    intrinsics: Tensor,
    *,
    triplets: Tensor | None = None,
    generator: torch.Generator | None = None,
    ratio: float = 0.2,
    drop: float = 0.25,
) -> Tensor:
    """L1 distance between normals of random point triplets (eq. 3), in (canonical) depth space.

    Triplets are drawn uniformly from the valid pixels, rejected when the target's are nearly collinear or too
    close; the smallest quarter of the losses of an image is dropped, the rest averaged.

    Args:
        prediction: (B, 1, H, W) depth in metres.
        target: (B, 1, H, W) depth in metres.
        mask: (B, 1, H, W) bool.
        intrinsics: (B, 4) fx, fy, cx, cy in pixels of this raster (of the canonical camera for canonical
            depth).
        triplets: int64 (B, K, 3), indices into the flattened pixels; drawn when None.
        generator: needed when ``triplets`` is None.
        ratio: triplets to draw per pixel of the image.
        drop: share of the accepted triplets, the best ones, that is left out.

    Returns:
        Tensor (B,), in [0, 2 sqrt(3)].

    Raises:
        DataError: neither ``triplets`` nor ``generator`` given.
    """
    check_maps(prediction, target, mask)
    if triplets is None:
        if generator is None:
            raise DataError("virtual_normal needs triplets or a generator to draw them")
        number = int(ratio * mask[0].numel())
        triplets = draw_valid(mask.flatten(1), 3 * number, generator).reshape(-1, number, 3)
    prediction, target = fill(prediction, mask, 1.0), fill(target, mask, 1.0)
    real = mask.flatten(1).gather(1, triplets.flatten(1)).view_as(triplets).all(-1)
    points = points_at(target, triplets, intrinsics)
    accepted = real & spans_plane(points)
    ours = triangle_normal(points_at(prediction, triplets, intrinsics))
    error = (ours - triangle_normal(points)).abs().sum(-1)
    accepted_number = accepted.sum(-1)
    dropped = portion(drop, accepted_number)
    kept = masked_mean(error, accepted) * accepted_number - sum_smallest(error, accepted, dropped)
    return kept / (accepted_number - dropped).clamp_min(1)


def edges(points: Tensor) -> Tensor:
    """Edge vectors p2 - p1, p3 - p1, p3 - p2 of triangles.

    Args:
        points: (..., 3 points, 3 coordinates).

    Returns:
        Tensor (..., 3 edges, 3 coordinates).
    """
    first, second, third = points.unbind(-2)
    return torch.stack([second - first, third - first, third - second], -2)


def collinear(sides: Tensor, limit: float = COLLINEAR) -> Tensor:
    """Whether two edges of a triangle are nearly parallel.

    Args:
        sides: (..., 3 edges, D coordinates).
        limit: cosine beyond which they are.

    Returns:
        bool (...).
    """
    unit = F.normalize(sides, dim=-1, eps=1e-8)
    cosine = (unit * unit.roll(1, -2)).sum(-1)
    return (cosine.abs() > limit).any(-1)


def spans_plane(points: Tensor) -> Tensor:
    """Whether triplets are good enough for a normal: no two edges nearly parallel, not too close, in front.

    Args:
        points: (..., 3 points, 3 coordinates), metres.

    Returns:
        bool (...).
    """
    sides = edges(points.detach())
    close = (sides.abs() < NEAR).any(-2).all(-1)
    return ~collinear(sides) & ~close & (points[..., 2] > 1e-5).all(-1)


def triangle_normal(points: Tensor) -> Tensor:
    """Unit normal (p2 - p1) x (p3 - p1); the zero vector where the points are collinear.

    Args:
        points: (..., 3 points, 3 coordinates).

    Returns:
        Tensor (..., 3).
    """
    first, second, third = points.unbind(-2)
    return F.normalize(torch.linalg.cross(second - first, third - first), dim=-1, eps=1e-8)
