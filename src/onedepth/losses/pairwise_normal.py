"""Pair-wise normal regression (LeReS, Yin et al., CVPR 2021; used by Metric3D): angles between surfaces.

For points A, B the loss compares |n_A . n_B| with its target, on pairs across edges and on random pairs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from onedepth.losses.draws import draw_valid, uniform
from onedepth.losses.geometry import strided
from onedepth.losses.masked import check_maps, fill, masked_mean, weights
from onedepth.losses.normals import normals_at, surface_normals
from onedepth.losses.precision import full_precision
from onedepth.losses.triangles import unit

#: Sobel response of log depth that parts two surfaces: 10 % from pixel to pixel (the weights sum to 8).
_JUMP = 0.8


@full_precision
def pairwise_normal(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    intrinsics: Tensor,
    *,
    image: Tensor | None = None,
    generator: torch.Generator,
    number: int | None = None,
    window: int = 5,
    stride: int = 2,
) -> Tensor:
    """Edge-guided and random pair-wise normal loss, in (canonical) depth space.

    Mean of ||n_A . n_B| - |n*_A . n*_B|| over three groups that are averaged separately and summed: edge
    pairs whose target normals agree (> 0.95), edge pairs whose target normals differ (< 0.3), and random
    pairs.

    Args:
        prediction: (B, 1, H, W) depth.
        target: (B, 1, H, W) dense depth (sparse LiDAR has no local normals and gives 0).
        mask: (B, 1, H, W) bool.
        intrinsics: (B, 4) fx, fy, cx, cy in pixels of this raster.
        image: (B, C, H, W) for image edges; only edges of the target normals guide when None.
        generator: source of randomness.
        number: edge pairs, and as many random pairs, per image; a hundredth of its pixels if None.
        window: side of the window of the normals.
        stride: edges are looked for on every stride-th row and column (a pair starts 3 to 19 pixels from its
            edge, so a pixel more or less is nothing, and half the search is a quarter of the time); 1: all.

    Returns:
        Tensor (B,), in [0, 3].
    """
    check_maps(prediction, target, mask)
    if number is None:
        number = max(1, mask[0].numel() // 100)
    with torch.no_grad():
        guide = sparse_guides(target, mask, intrinsics, image, window=window, stride=stride)
        edge_pairs, inside = draw_edge_pairs(guide, (number + 2) // 3, generator, size=mask.shape[-2:])
        random_pairs = draw_valid(mask.flatten(1), 2 * number, generator).reshape(-1, number, 2)
        pairs = torch.cat([edge_pairs, random_pairs], 1)
        theirs, usable = normals_at(target, mask, pairs.flatten(1), intrinsics, window=window)
    ours, _ = normals_at(prediction, mask, pairs.flatten(1), intrinsics, window=window)
    error, cosine = compare_pairs(*(n.reshape(*n.shape[:2], *pairs.shape[1:]) for n in (ours, theirs)))
    real = usable.view_as(pairs).all(-1)
    on_edge = torch.zeros_like(real)
    on_edge[:, : inside.shape[1]] = inside
    at_random = torch.arange(real.shape[1], device=real.device) >= inside.shape[1]
    return (
        masked_mean(error, real & on_edge & (cosine > 0.95))
        + masked_mean(error, real & on_edge & (cosine < 0.3))
        + masked_mean(error, real & at_random)
    )


def compare_pairs(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """Compare the angles between the normals of pairs.

    Args:
        ours: (B, 3, P, 2) normals of the prediction at both ends.
        theirs: (B, 3, P, 2) normals of the target.

    Returns:
        error (B, P), and the target's |cosine| (B, P).
    """
    cosine, target_cosine = ((n[..., 0] * n[..., 1]).sum(1).abs() for n in (ours, theirs))
    return (cosine - target_cosine).abs(), target_cosine


def sobel(values: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical Sobel responses of every channel, border pixels repeated.

    Args:
        values: (B, C, H, W).

    Returns:
        Two tensors (B, C, H, W): along x, along y.
    """
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    columns = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    rows = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return columns[..., 2:] - columns[..., :-2], rows[..., 2:, :] - rows[..., :-2, :]


def sparse_guides(
    target: Tensor, mask: Tensor, intrinsics: Tensor, image: Tensor | None, *, window: int, stride: int
) -> tuple[Tensor, Tensor]:
    """`guides` of every stride-th row and column."""
    target, mask = target[..., ::stride, ::stride], mask[..., ::stride, ::stride]
    image = None if image is None else image[..., ::stride, ::stride]
    normals, usable = surface_normals(target, mask, strided(intrinsics, stride), window=window)
    return guides(target, mask, normals, usable, image)


def guides(
    target: Tensor, mask: Tensor, normals: Tensor, usable: Tensor, image: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Where surfaces may meet, and in which direction to step across.

    Edges of the image (Sobel magnitude above a tenth of its maximum) and of the target normals, without
    dilated depth discontinuities, where two sides do not belong to touching surfaces.

    Args:
        target: (B, 1, H, W) depth.
        mask: (B, 1, H, W) bool.
        normals: (B, 3, H, W) of the target.
        usable: bool (B, 1, H, W), where the normals are.
        image: (B, C, H, W) or None.

    Returns:
        anchors bool (B, 1, H, W) and unit directions (B, 2, H, W) as x, y.
    """
    right, down, square = _strongest(normals)
    anchors = _strong(square, usable)
    if image is not None:
        image_right, image_down, square = _strongest(image.to(target.dtype).mean(1, keepdim=True))
        on_image = _strong(square, usable) & ~anchors
        anchors = anchors | on_image
        right, down = torch.where(on_image, image_right, right), torch.where(on_image, image_down, down)
    _, _, square = _strongest(fill(target, mask, 1.0).clamp_min(1e-6).log())
    jump = F.max_pool2d(weights(square > _JUMP**2, target.dtype), 5, 1, 2) > 0
    return anchors & usable & ~jump, unit(torch.cat([right, down], 1).movedim(1, 0)).movedim(0, 1)


def _strongest(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sobel responses of the channel that changes most, per pixel, and their square (B, 1, H, W)."""
    rights, downs = sobel(values)
    squares = rights.square() + downs.square()
    right, down, square = rights[:, :1], downs[:, :1], squares[:, :1]
    for c in range(1, values.shape[1]):  # faster than argmax and gather along so short an axis
        here = slice(c, c + 1)
        wins = squares[:, here] > square
        right, down = torch.where(wins, rights[:, here], right), torch.where(wins, downs[:, here], down)
        square = torch.maximum(square, squares[:, here])
    return right, down, square


def _strong(square: Tensor, usable: Tensor) -> Tensor:
    square = fill(square, usable)
    return square > (0.01 * square.amax((1, 2, 3), keepdim=True)).clamp_min(1e-6)


def draw_edge_pairs(
    guide: tuple[Tensor, Tensor],
    number: int,
    generator: torch.Generator,
    *,
    size: tuple[int, ...],
    reach: tuple[int, int] = (3, 19),
) -> tuple[Tensor, Tensor]:
    """Four points a, b | c, d on a line across each drawn edge pixel; the pairs ab, bc, cd.

    Args:
        guide: anchors bool (B, 1, h, w) and unit directions (B, 2, h, w) as x, y, of every stride-th row and
            column of the raster.
        number: anchors per image.
        generator: source of randomness.
        size: (H, W) of the raster.
        reach: smallest and largest distance from the edge, pixels; two distances are drawn for each side.

    Returns:
        pairs int64 (B, 3 * number, 2) and bool (B, 3 * number): both ends inside the image, anchor real.
    """
    anchors, directions = guide
    height, width = size
    columns = anchors.shape[-1]
    stride = -(-width // columns)
    index = draw_valid(anchors.flatten(1), number, generator)
    along = directions.flatten(2).gather(2, index.unsqueeze(1).expand(-1, 2, -1))
    share = uniform((*index.shape, 2, 2), generator, index.device).sort(-1).values.to(along.dtype)
    distance = reach[0] + (reach[1] - reach[0]) * share
    before, after = -distance[..., 0, :].flip(-1), distance[..., 1, :]
    offset = torch.cat([before, after], -1).unsqueeze(1) * along.unsqueeze(-1)
    column = (index % columns * stride).unsqueeze(-1) + offset[:, 0].round().long()
    row = (index // columns * stride).unsqueeze(-1) + offset[:, 1].round().long()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    inside = inside & anchors.flatten(1).any(-1)[:, None, None]
    points = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    pairs = torch.stack([points[..., :-1], points[..., 1:]], -1)
    return pairs.flatten(1, 2), (inside[..., :-1] & inside[..., 1:]).flatten(1)
