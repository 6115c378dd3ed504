"""Surface normals of depth maps, dense or at chosen pixels, from local least squares on the point map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.losses.geometry import pixel_grid
from onedepth.losses.masked import TINY, fill, weights
from onedepth.losses.precision import full_precision
from onedepth.losses.triangles import unit

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
    by_square, by_depth = _moments(depth.square(), window), _moments(depth, window)[:3]
    number = _moments(weights(mask, depth.dtype), window)[0]
    u, v = pixel_grid(depth.shape[-2], depth.shape[-1], depth)
    camera = intrinsics.to(depth.dtype)[..., None, None, None].unbind(1)
    normals, solved = _solve(by_square, by_depth, u, v, camera)
    return normals.squeeze(2), (number >= _ENOUGH * window**2) & mask & solved


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
        normals (B, 3, K) and bool (B, K).
    """
    depth, width = fill(depth, mask), depth.shape[-1]
    edge = window // 2
    step = torch.arange(window, device=index.device)
    row = torch.div(index, width, rounding_mode="floor")[..., None, None] + step[:, None]
    column = (index % width)[..., None, None] + step
    place = (row * (width + 2 * edge) + column).flatten(1)
    z = F.pad(depth, (edge,) * 4).flatten(1).gather(1, place).reshape(*index.shape, window**2)
    seen = z > 0
    offset = (step - edge).to(z.dtype)
    dv, du = (grid.flatten() for grid in torch.meshgrid(offset, offset, indexing="ij"))
    kernels = torch.stack([torch.ones_like(du), du, dv, du * du, du * dv, dv * dv], -1)
    by_square, by_depth = torch.matmul(z.square(), kernels), torch.matmul(z, kernels[:, :3])
    u, v = (index % width) + 0.5, torch.div(index, width, rounding_mode="floor") + 0.5
    camera = intrinsics.to(z.dtype)[..., None].unbind(1)
    normals, solved = _solve(by_square.unbind(-1), by_depth.unbind(-1), u, v, camera)
    centre = seen[..., window**2 // 2]
    return normals, (torch.count_nonzero(seen, -1) >= _ENOUGH * window**2) & centre & solved


def _moments(values: Tensor, window: int) -> list[Tensor]:
    """Sums over windows of values times 1, u, v, uu, uv, vv, with u, v offsets from the centre."""
    one, u, uu = _sums(values, -1, window)
    (one, v, vv), (u, uv, _), (uu, _, _) = (_sums(part, -2, window) for part in (one, u, uu))
    return [one, u, v, uu, uv, vv]


def _sums(values: Tensor, axis: int, window: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sums along one axis of values times 1, o, o^2."""
    edge = window // 2
    padded = F.pad(values, (edge, edge) if axis == -1 else (0, 0, edge, edge))
    length = values.shape[axis]
    parts = [padded.narrow(axis, edge + o, length) for o in range(-edge, edge + 1)]
    plain, first, second = parts[edge], torch.zeros_like(values), torch.zeros_like(values)
    for o in range(1, edge + 1):
        after, before = parts[edge + o], parts[edge - o]
        both = after + before
        plain = plain + both
        first = torch.add(first, after - before, alpha=o)
        second = torch.add(second, both, alpha=o * o)
    return plain, first, second


def _solve(
    by_square: Sequence[Tensor],
    by_depth: Sequence[Tensor],
    u: Tensor,
    v: Tensor,
    camera: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor]:
    """Fit 1/z = a + b du + c dv, weighted by z^2, and turn (a, b, c) into a unit normal (B, 3, ...)."""
    total = by_square[0].clamp_min(TINY)
    mu, mv, muu, muv, mvv = (moment / total for moment in by_square[1:])
    d, du, dv = (moment / total for moment in by_depth)
    cuu, cuv, cvv = muu - mu * mu, muv - mu * mv, mvv - mv * mv
    cu, cv = du - mu * d, dv - mv * d
    determinant = cuu * cvv - cuv * cuv
    solved = determinant > 1e-3
    safe = torch.where(solved, determinant, 1.0)
    b, c = (cvv * cu - cuv * cv) / safe, (cuu * cv - cuv * cu) / safe
    a = d - b * mu - c * mv
    fx, fy, cx, cy = camera
    plane = torch.stack([fx * b, fy * c, a - b * (u - cx) - c * (v - cy)])
    return unit(plane, TINY).movedim(0, 1), solved
