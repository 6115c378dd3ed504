"""Projective geometry on tensors: pixels to points and back, rigid motions.

Pixel centres are at integer + 0.5; axes x right, y down, z forward. ``intrinsics`` is (B, 4): fx, fy, cx, cy
in pixels of the raster at hand.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Points nearer to a camera than this (metres, or units) are raised to it: the division stays finite.
NEAREST = 1e-3


def pixel_grid(height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Centres of all pixels.

    Args:
        height: rows.
        width: columns.
        like: gives type and device.

    Returns:
        u (1, W) and v (H, 1) in pixels, the first centre at 0.5.
    """
    u = torch.arange(width, dtype=like.dtype, device=like.device) + 0.5
    v = torch.arange(height, dtype=like.dtype, device=like.device) + 0.5
    return u.unsqueeze(0), v.unsqueeze(1)


def unproject(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Point map of a depth map: X = (u - cx) / fx * z, Y = (v - cy) / fy * z, Z = z.

    Args:
        depth: (B, 1, H, W) z-depth.
        intrinsics: (B, 4).

    Returns:
        Tensor (B, 3, H, W), unit of the depth.
    """
    fx, fy, cx, cy = intrinsics.to(depth.dtype)[..., None, None].unbind(1)
    u, v = pixel_grid(depth.shape[-2], depth.shape[-1], depth)
    z = depth[:, 0]
    return torch.stack([(u - cx) / fx * z, (v - cy) / fy * z, z], 1)


def points_at(depth: Tensor, index: Tensor, intrinsics: Tensor) -> Tensor:
    """Points of chosen pixels only.

    Args:
        depth: (B, 1, H, W) z-depth.
        index: int64 (B, ...), into the flattened H * W pixels.
        intrinsics: (B, 4).

    Returns:
        Tensor (B, ..., 3), unit of the depth.
    """
    z = depth.flatten(1).gather(1, index.flatten(1)).view_as(index)
    return rays_at(index, intrinsics, depth.shape[-1], depth.dtype) * z.unsqueeze(-1)


def rays_at(index: Tensor, intrinsics: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Rays with z = 1 through the centres of chosen pixels.

    Args:
        index: int64 (B, ...), into the flattened pixels of a raster.
        intrinsics: (B, 4).
        width: of that raster, pixels.
        dtype: floating type of the result.

    Returns:
        Tensor (B, ..., 3).
    """
    shape = (-1, *([1] * (index.ndim - 1)))
    fx, fy, cx, cy = (part.reshape(shape) for part in intrinsics.to(dtype).unbind(1))
    x = ((index % width) + 0.5 - cx) / fx
    y = (torch.div(index, width, rounding_mode="floor") + 0.5 - cy) / fy
    return torch.stack([x, y, torch.ones_like(x)], -1)


def strided(intrinsics: Tensor, stride: int) -> Tensor:
    """Intrinsics of the raster that keeps every stride-th row and column, the first ones among them.

    Args:
        intrinsics: (B, 4).
        stride: >= 1.

    Returns:
        Tensor (B, 4). The centre of a kept pixel at u is at (u - 0.5) / stride + 0.5 afterwards.
    """
    shift = intrinsics.new_tensor([0.0, 0.0, 0.5, 0.5])
    return (intrinsics - shift) / stride + shift


def project(points: Tensor, intrinsics: Tensor, *, nearest: float = NEAREST) -> tuple[Tensor, Tensor]:
    """Pixels where points appear.

    Args:
        points: (B, 3, H, W).
        intrinsics: (B, 4) of the camera that sees them.
        nearest: depths below this are raised to it, so that the division stays finite.

    Returns:
        pixels (B, 2, H, W) as u, v, and bool (B, 1, H, W): in front of the camera.
    """
    fx, fy, cx, cy = intrinsics.to(points.dtype)[..., None, None].unbind(1)
    x, y, z = points.unbind(1)
    front = z > nearest
    z = z.clamp_min(nearest)
    return torch.stack([fx * x / z + cx, fy * y / z + cy], 1), front.unsqueeze(1)


def camera_matrix(intrinsics: Tensor) -> Tensor:
    """K, from rays (x, y, 1) to pixels.

    Args:
        intrinsics: (B, 4).

    Returns:
        Tensor (B, 3, 3).
    """
    fx, fy, cx, cy = intrinsics.unbind(1)
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    return torch.stack([fx, zero, cx, zero, fy, cy, zero, zero, one], 1).reshape(-1, 3, 3)


def inverse_camera_matrix(intrinsics: Tensor) -> Tensor:
    """The inverse of K, from pixels to rays (x, y, 1).

    Args:
        intrinsics: (B, 4).

    Returns:
        Tensor (B, 3, 3).
    """
    fx, fy, cx, cy = intrinsics.unbind(1)
    return camera_matrix(torch.stack([1 / fx, 1 / fy, -cx / fx, -cy / fy], 1))


def rotation_matrix(axis_angle: Tensor) -> Tensor:
    """Rodrigues' formula, smooth through the zero rotation.

    R = I + sin(t)/t K + (1 - cos(t))/t^2 K^2 with K the cross-product matrix of the vector and t its length.

    Args:
        axis_angle: (..., 3), radians.

    Returns:
        Tensor (..., 3, 3), orthogonal with determinant 1.
    """
    angle = torch.linalg.vector_norm(axis_angle, dim=-1)[..., None, None]
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*axis_angle.shape[:-1], 3, 3)
    once = torch.sinc(angle / torch.pi)
    twice = 0.5 * torch.sinc(angle / (2 * torch.pi)).square()
    return torch.eye(3, dtype=angle.dtype, device=angle.device) + once * cross + twice * (cross @ cross)


def pose_matrix(axis_angle: Tensor, translation: Tensor, *, invert: bool = False) -> Tensor:
    """Rigid motion x -> R x + t as a 4 x 4 matrix, or its inverse.

    Args:
        axis_angle: (B, 3), radians.
        translation: (B, 3).
        invert: return the motion backwards.

    Returns:
        Tensor (B, 4, 4).
    """
    rotation, column = rotation_matrix(axis_angle), translation.unsqueeze(-1)
    if invert:
        rotation = rotation.transpose(-1, -2)
        column = -(rotation @ column)
    last = rotation.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*rotation.shape[:-2], 1, 4)
    return torch.cat([torch.cat([rotation, column], -1), last], -2)
