"""Virtual normal loss (Yin et al., ICCV 2019): planes through far-apart points, robust to local noise."""

from __future__ import annotations

import torch
from torch import Tensor

from onedepth.errors import DataError
from onedepth.losses.draws import draw_valid
from onedepth.losses.masked import check_maps, fill, masked_mean, portion, sum_smallest
from onedepth.losses.precision import full_precision
from onedepth.losses.triangles import collinear, corner_rays, sides, small, triangle_normal

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
    corners = triplets.movedim(-1, 0).contiguous()
    real, ours, theirs = (_at(values, corners) for values in (mask, prediction, target))
    rays = corner_rays(corners, intrinsics, prediction.shape[-1], prediction.dtype)
    points = rays * fill(theirs, real, 1.0)
    accepted = real.all(0) & spans_plane(points)
    error = (triangle_normal(rays * fill(ours, real, 1.0)) - triangle_normal(points)).abs().sum(0)
    accepted_number = accepted.sum(-1)
    dropped = portion(drop, accepted_number)
    kept = masked_mean(error, accepted) * accepted_number - sum_smallest(error, accepted, dropped)
    return kept / (accepted_number - dropped).clamp_min(1)


def spans_plane(points: Tensor) -> Tensor:
    """Whether triplets are good enough for a normal: no two sides nearly parallel, not too close, in front.

    Args:
        points: (3 coordinates, 3 corners, ...), metres.

    Returns:
        bool (...).
    """
    edges = sides(points.detach())
    return ~collinear(edges) & ~small(edges, NEAR) & (points[2] > 1e-5).all(0)


def _at(values: Tensor, corners: Tensor) -> Tensor:
    """Values (B, 1, H, W) at flat pixel indices (3, B, K)."""
    return values.flatten(1).expand(3, -1, -1).gather(2, corners)
