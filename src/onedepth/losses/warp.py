"""Inverse warp: a source image as the target camera would see it, given depth and motion."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from onedepth.losses.geometry import NEAREST, camera_matrix, inverse_camera_matrix, pixel_grid
from onedepth.losses.precision import full_precision


@full_precision
def inverse_warp(
    source: Tensor,
    depth: Tensor,
    pose: Tensor,
    intrinsics: Tensor,
    source_intrinsics: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Sample the source image where the target's pixels see it (Zhou et al., CVPR 2017, eq. 2).

    Pixel centres are at integer + 0.5, so that u / W in [0, 1] maps onto grid_sample's [-1, 1] with
    ``align_corners=False`` without any offset. Outside, the border pixel repeats.

    Args:
        source: (B, C, Hs, Ws) source image.
        depth: (B, 1, H, W) z-depth of the target.
        pose: (B, 4, 4) from target camera to source camera, unit of the depth.
        intrinsics: (B, 4) fx, fy, cx, cy of the target raster, pixels.
        source_intrinsics: (B, 4) of the source raster; the target's when None.

    Returns:
        warped (B, C, H, W), and bool (B, 1, H, W): the point is in front of the source camera and inside its
        image.
    """
    height, width = source.shape[-2:]
    seen_by = intrinsics if source_intrinsics is None else source_intrinsics
    # K' (z R K^-1 (u, v, 1) + t), with the sampler's [-1, 1] for the image folded into K'
    to_grid = seen_by.to(depth.dtype) * depth.new_tensor([2 / width, 2 / height] * 2)
    lens = camera_matrix(to_grid - depth.new_tensor([0.0, 0.0, 1.0, 1.0]))
    pose = pose.to(depth.dtype)
    turn = lens @ pose[:, :3, :3] @ inverse_camera_matrix(intrinsics.to(depth.dtype))
    shift = (lens @ pose[:, :3, 3:])[..., None]
    u, v = pixel_grid(depth.shape[-2], depth.shape[-1], depth)
    along_u, along_v, constant = turn[..., None, None].unbind(2)
    moved = (along_u * u + (along_v * v + constant)) * depth + shift
    z = moved[:, 2]
    front = z > NEAREST
    grid = moved[:, :2] / z.clamp_min(NEAREST).unsqueeze(1)
    inside = ((grid >= -1) & (grid <= 1)).all(1)
    # Far outside everything is border: a bound keeps the sampler's integer arithmetic in range.
    warped = F.grid_sample(
        source.to(grid.dtype),
        grid.clamp(-4, 4).movedim(1, -1),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return warped, (inside & front).unsqueeze(1)
