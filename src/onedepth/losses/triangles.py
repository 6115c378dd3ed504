"""Triangles of points drawn from depth maps: their sides, their normals, and which of them are any good.

Coordinates come first, then the three corners, then everything else: (C, 3, ...). Each coordinate is then one
contiguous run of memory, which makes these functions three times as fast as with coordinates last.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Two sides closer than 30 degrees to parallel make no plane: cos(30 deg) as the published code rounds it.
COLLINEAR = 0.867


def corner_rays(triplets: Tensor, intrinsics: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Rays with z = 1 through the centres of pixel triplets.

    Args:
        triplets: int64 (3, B, K), indices into the flattened pixels of a raster.
        intrinsics: (B, 4) fx, fy, cx, cy in pixels of that raster.
        width: of that raster, pixels.
        dtype: floating type of the result.

    Returns:
        Tensor (3 coordinates, 3 corners, B, K).
    """
    place = triplets.to(torch.promote_types(dtype, torch.float32))  # exact up to 2^24 pixels; int64 is slow
    row = (place / width).floor()
    fx, fy, cx, cy = intrinsics.to(place.dtype)[..., None].unbind(1)
    x, y = (place - row * width + (0.5 - cx)) / fx, (row + (0.5 - cy)) / fy
    return torch.stack([x, y, torch.ones_like(x)]).to(dtype)


def sides(points: Tensor) -> Tensor:
    """Sides p2 - p1, p3 - p1, p3 - p2 of triangles.

    Args:
        points: (C coordinates, 3 corners, ...).

    Returns:
        Tensor (C coordinates, 3 sides, ...).
    """
    first, second, third = points.unbind(1)
    return torch.stack([second - first, third - first, third - second], 1)


def collinear(edges: Tensor, limit: float = COLLINEAR) -> Tensor:
    """Whether two sides of a triangle are nearly parallel.

    Args:
        edges: (C coordinates, 3 sides, ...).
        limit: cosine of the angle between them beyond which they are.

    Returns:
        bool (...).
    """
    square = edges.square().sum(0)
    product = (edges * edges.roll(1, 1)).sum(0)
    return (product.square() > limit**2 * square * square.roll(1, 0)).any(0)


def small(edges: Tensor, limit: float) -> Tensor:
    """Whether along every axis some side is shorter than a limit.

    Args:
        edges: (C coordinates, 3 sides, ...).
        limit: in the unit of the sides.

    Returns:
        bool (...).
    """
    return (edges.abs().amin(1) < limit).all(0)


def triangle_normal(points: Tensor) -> Tensor:
    """Unit normal (p2 - p1) x (p3 - p1); the zero vector where the points are collinear.

    Args:
        points: (3 coordinates, 3 corners, ...).

    Returns:
        Tensor (3 coordinates, ...).
    """
    first, second, third = points.unbind(1)
    (ax, ay, az), (bx, by, bz) = (second - first).unbind(0), (third - first).unbind(0)
    normal = torch.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
    return unit(normal)


def unit(vectors: Tensor, eps: float = 1e-8) -> Tensor:
    """Vectors (C, ...) at length 1; the zero vector stays. `F.normalize` takes ten times as long here."""
    return vectors * vectors.square().sum(0).clamp_min(eps**2).rsqrt()
