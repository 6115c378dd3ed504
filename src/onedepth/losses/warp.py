"""Inverse warp: a source image as the target camera would see it, given depth and motion."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from onedepth.losses.geometry import project, unproject
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
    seen_by = intrinsics if source_intrinsics is None else source_intrinsics
    points = unproject(depth, intrinsics)
    pose = pose.to(points.dtype)
    moved = (pose[:, :3, :3] @ points.flatten(2) + pose[:, :3, 3:]).view_as(points)
    pixels, front = project(moved, seen_by)
    height, width = source.shape[-2:]
    extent = pixels.new_tensor([width, height])
    place = pixels.permute(0, 2, 3, 1) / extent
    inside = ((place >= 0) & (place <= 1)).all(-1).unsqueeze(1)
    grid = 2 * place - 1
    # Far outside everything is border: a bound keeps the sampler's integer arithmetic in range.
    warped = F.grid_sample(
        source.to(grid.dtype), grid.clamp(-4, 4), mode="bilinear", padding_mode="border", align_corners=False
    )
    return warped, inside & front
