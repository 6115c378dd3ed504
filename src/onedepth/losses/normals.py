"""Surface normals of depth maps, dense or at chosen pixels, from local least squares on the point map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.losses.geometry import pixel_grid
from onedepth.losses.masked import TINY, fill
from onedepth.losses.precision import full_precision

#: Smallest share of a window that must be valid.
_ENOUGH = 0.5


@full_precision
def surface_normals(
    depth: Tensor, mask: Tensor, intrinsics: Tensor, *, window: int = 5
) -> tuple[Tensor, Tensor]:
    """Unit normals by local least squares on the point map, as LeReS (Yin et al., CVPR 2021) defines them.

    In each window the plane m . p = 1 minimises sum (m . p - 1)^2. With p = z * (x, y, 1) this is a fit of
    the disparity by an affine function of the pixel offset, weighted by z^2: the same minimum, but a small
    system in pixels that single precision solves well at any distance.

    Args:
        depth: (B, 1, H, W) z-depth, positive where valid.
        mask: (B, 1, H, W) bool.
        intrinsics: (B, 4) fx, fy, cx, cy in pixels of this raster.
        window: side of the window, odd.

    Returns:
        normals (B, 3, H, W), facing away from the camera (n . p > 0), and bool (B, 1, H, W): at least half of
        the window is valid, and so is its centre.
    """
    depth = fill(depth, mask)
    full, by_depth = _kernels(window, depth)
    edge = window // 2
    moments = F.conv2d(depth.square(), full, padding=edge)
    firsts = F.conv2d(depth, by_depth, padding=edge)
    valid = F.conv2d(fill(torch.ones_like(depth), mask), by_depth[:1], padding=edge) >= _ENOUGH * window**2
    normals, solved = _solve(moments, firsts, depth.shape[-2:], intrinsics)
    return normals, valid & mask & solved


@full_precision
def normals_at(
    depth: Tensor, mask: Tensor, index: Tensor, intrinsics: Tensor, *, window: int = 5
) -> tuple[Tensor, Tensor]:
    """`surface_normals` at chosen pixels only.

    Args:
        depth: (B, 1, H, W) z-depth, positive where valid.
        mask: (B, 1, H, W) bool.
        index: int64 (B, K), into the flattened H * W pixels.
        intrinsics: (B, 4).
        window: side of the window, odd.

    Returns:
        normals (B, K, 3) and bool (B, K).
    """
    normals, valid = surface_normals(depth, mask, intrinsics, window=window)
    place = index.unsqueeze(1)
    chosen = normals.flatten(2).gather(2, place.expand(-1, 3, -1)).transpose(1, 2)
    return chosen, valid.flatten(1).gather(1, index)


def _kernels(window: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Correlation kernels of the moments 1, u, v, uu, uv, vv and of 1, u, v, with offsets from the centre."""
    offset = torch.arange(window, dtype=like.dtype, device=like.device) - window // 2
    v, u = torch.meshgrid(offset, offset, indexing="ij")
    full = torch.stack([torch.ones_like(u), u, v, u * u, u * v, v * v]).unsqueeze(1)
    return full, full[:3]


def _solve(moments: Tensor, firsts: Tensor, size: torch.Size, intrinsics: Tensor) -> tuple[Tensor, Tensor]:
    """Fit 1/z = a + b du + c dv and turn (a, b, c) into a normal."""
    total = moments[:, :1].clamp_min(TINY)
    _, mu, mv, muu, muv, mvv = (moments / total).unbind(1)
    d, du, dv = (firsts / total).unbind(1)
    cuu, cuv, cvv = muu - mu * mu, muv - mu * mv, mvv - mv * mv
    cu, cv = du - mu * d, dv - mv * d
    determinant = cuu * cvv - cuv * cuv
    solved = determinant > 1e-3
    safe = torch.where(solved, determinant, 1.0)
    b, c = (cvv * cu - cuv * cv) / safe, (cuu * cv - cuv * cu) / safe
    a = d - b * mu - c * mv
    fx, fy, cx, cy = intrinsics.to(d.dtype)[..., None, None].unbind(1)
    u, v = pixel_grid(size[0], size[1], d)
    plane = torch.stack([fx * b, fy * c, a - b * (u - cx) - c * (v - cy)], 1)
    return F.normalize(plane, dim=1, eps=TINY), solved.unsqueeze(1)
