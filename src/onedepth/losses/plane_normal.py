"""Plane part of the pair-wise normal loss: all points of a plane share one normal."""

from __future__ import annotations

import torch
from torch import Tensor

from onedepth.losses.draws import below
from onedepth.losses.masked import fill, masked_mean
from onedepth.losses.precision import full_precision
from onedepth.losses.triangles import collinear, corner_rays, sides, small, triangle_normal, unit

#: A triplet closer than this in both normalised image coordinates is rejected, as is a nearly collinear one.
_NEAR = 0.007


@full_precision
def plane_normal(
    prediction: Tensor,
    planes: Tensor,
    mask: Tensor,
    intrinsics: Tensor,
    *,
    generator: torch.Generator,
    number: int = 5000,
    smallest: int = 100,
) -> Tensor:
    """Mean of 1 - n_k . n_mean over virtual normals of triplets on a plane, then over the planes of an image.

    Metric3D's published PWNPlanesLoss, with x and y in their right places: normals are oriented towards the
    camera; triplets that are nearly collinear or too close are rejected on the rays (x, y) / z, which do not
    depend on the prediction. n_mean is the normalised mean.

    Args:
        prediction: (B, 1, H, W) depth.
        planes: integer (B, 1, H, W), plane instance of each pixel; 0 is none.
        mask: (B, 1, H, W) bool, pixels that may be used.
        intrinsics: (B, 4) fx, fy, cx, cy in pixels of this raster.
        generator: source of randomness.
        number: triplets per plane.
        smallest: planes with fewer pixels are left out.

    Returns:
        Tensor (B,), in [0, 1].
    """
    triplets, image, total = draw_plane_triplets(planes, mask, number, smallest, generator)
    if triplets.numel() == 0:
        return fill(prediction, torch.zeros_like(mask)).sum((1, 2, 3))
    corners = triplets.movedim(-1, 0).contiguous()
    rays = corner_rays(corners, intrinsics[image], prediction.shape[-1], prediction.dtype)
    depth = fill(prediction, mask, 1.0).flatten()[corners + image[:, None] * prediction[0].numel()]
    edges = sides(rays[:2])
    good = ~collinear(edges) & ~small(edges, _NEAR)
    normals = triangle_normal(rays * depth)
    towards_us = (normals * rays[:, 0]).sum(0, keepdim=True) <= 0
    normals = torch.where(towards_us, normals, -normals)
    mean = unit(fill(normals, good.expand_as(normals)).sum(-1))
    error = masked_mean(1 - (normals * mean.unsqueeze(-1)).sum(0), good)
    summed = error.new_zeros(prediction.shape[0]).index_add(0, image, error)
    return summed / total.clamp_min(1)


def draw_plane_triplets(
    planes: Tensor, mask: Tensor, number: int, smallest: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw pixel triplets on every plane of a batch at once.

    Args:
        planes: integer (B, 1, H, W), 0 is none.
        mask: bool (B, 1, H, W).
        number: triplets per plane.
        smallest: planes with fewer pixels are left out.
        generator: source of randomness.

    Returns:
        triplets int64 (Q, number, 3) into the flattened pixels of the image of each of the Q planes, image
        int64 (Q,), and the number of planes per image (B,).
    """
    batch, size = planes.shape[0], planes[0].numel()
    place = ((planes != 0) & mask).flatten().nonzero()[:, 0]
    label = planes.flatten()[place].long()
    key = torch.div(place, size, rounding_mode="floor") * (label.max() + 1 if label.numel() else 1) + label
    order = key.argsort(stable=True)
    _, counts = torch.unique_consecutive(key[order], return_counts=True)
    start = counts.cumsum(0) - counts
    kept = counts >= max(smallest, 3)
    counts, start = counts[kept], start[kept]
    rank = below(counts, 3 * number, generator) + start.unsqueeze(-1)
    pixel = place[order][rank] if counts.numel() else place.new_zeros(0, 3 * number)
    image = torch.div(pixel[:, 0], size, rounding_mode="floor")
    return (pixel % size).reshape(-1, number, 3), image, torch.bincount(image, minlength=batch)
