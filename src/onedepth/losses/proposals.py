"""Local normalisation losses of Metric3D: compare shape in random crops or depth ranges.

Yin et al., ICCV 2023, eq. 4 (RPNL). The same robust normalisation as MiDaS, but in depth and on small
supports.
"""

from __future__ import annotations

import torch
from torch import Tensor

from onedepth.errors import DataError
from onedepth.losses.draws import uniform
from onedepth.losses.masked import check_maps, count, fill, masked_mean, robust_normalise
from onedepth.losses.precision import full_precision


def draw_crops(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    number: int = 32,
    sizes: tuple[float, float] = (0.125, 0.5),
) -> Tensor:
    """Draw crops as Metric3D's published code does.

    Height and width are independent; corners are uniform where at least the smallest crop fits; what sticks
    out is clipped.

    Args:
        batch: number of images; each gets its own crops.
        height: of the map, pixels.
        width: of the map, pixels.
        generator: source of randomness.
        number: crops per image.
        sizes: smallest and largest crop side as a share of the map's.

    Returns:
        int64 (B, number, 4): left, top, width, height in pixels, on the generator's device.
    """
    share = uniform((batch, number, 4), generator, generator.device)
    full = torch.tensor([width, height], device=share.device)
    smallest = (full * sizes[0]).long().clamp_min(1)
    size = (full * (sizes[0] + share[..., :2] * (sizes[1] - sizes[0]))).long()
    corner = (share[..., 2:] * (full - smallest + 1)).long()
    size = torch.minimum(torch.maximum(size, smallest), full - corner)
    return torch.cat([corner, size], -1)


@full_precision
def random_proposals(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    crops: Tensor | None = None,
    generator: torch.Generator | None = None,
    number: int = 32,
    grid: int | None = 32,
    detach_median: bool = False,
) -> Tensor:
    """Random proposal normalisation loss (RPNL, Metric3D eq. 4), in (canonical) depth space.

    Mean over crops of the mean over their valid pixels of |normalise(z*) - normalise(z)|, normalise(x) =
    (x - med(x)) / mad(x) inside the crop. Every crop has the same weight, as in the paper; a crop without
    valid pixels does not count.

    Args:
        prediction: (B, 1, H, W) depth.
        target: (B, 1, H, W) depth; scale and shift of a crop do not matter.
        mask: (B, 1, H, W) bool.
        crops: int64 (B, K, 4) left, top, width, height; drawn by `draw_crops` when None.
        generator: needed when ``crops`` is None.
        number: crops to draw.
        grid: compare at most grid x grid evenly spaced pixels of a crop (far less time and memory; a crop
            with no more rows or columns than that keeps all of them). None: every pixel, as the paper reads.
        detach_median: no gradient through the median (as the published code).

    Returns:
        Tensor (B,), >= 0.

    Raises:
        DataError: neither ``crops`` nor ``generator`` given.
    """
    check_maps(prediction, target, mask)
    batch, _, height, width = prediction.shape
    if crops is None:
        if generator is None:
            raise DataError("random_proposals needs crops or a generator to draw them")
        crops = draw_crops(batch, height, width, generator=generator, number=number)
    index, inside = crop_pixels(crops.to(prediction.device), width, grid)
    chosen = inside & mask.flatten(1).gather(1, index.flatten(1)).view_as(index)
    ours, theirs = (v.flatten(1).gather(1, index.flatten(1)).view_as(index) for v in (prediction, target))
    residual = robust_normalise(ours, chosen, detach_median=detach_median) - robust_normalise(theirs, chosen)
    return _mean_of_means(residual, chosen)


def _mean_of_means(residual: Tensor, chosen: Tensor) -> Tensor:
    """Mean over proposals of the mean of |residual| (0 where not chosen); empty proposals do not count."""
    number = torch.count_nonzero(chosen, -1)
    return masked_mean(residual.abs().sum(-1) / number.clamp_min(1), number > 0)


def crop_pixels(crops: Tensor, width: int, grid: int | None) -> tuple[Tensor, Tensor]:
    """Flat pixel indices of crops, padded to a common number.

    Args:
        crops: int64 (B, K, 4) left, top, width, height.
        width: of the map, pixels.
        grid: at most so many rows and columns per crop, or None for all.

    Returns:
        index int64 (B, K, P) into the flattened map and bool (B, K, P): True for real entries (others repeat
        one).
    """
    columns, real_columns = _positions(crops[..., 0], crops[..., 2], grid)
    rows, real_rows = _positions(crops[..., 1], crops[..., 3], grid)
    index = (rows * width).unsqueeze(-1) + columns.unsqueeze(-2)
    real = real_rows.unsqueeze(-1) & real_columns.unsqueeze(-2)
    return index.flatten(2), real.flatten(2)


def _positions(start: Tensor, length: Tensor, grid: int | None) -> tuple[Tensor, Tensor]:
    """All positions from start, or ``grid`` evenly spaced ones of them, padded: (B, K, longest)."""
    taken = length if grid is None else length.clamp_max(grid)
    step = torch.arange(int(taken.max()), device=start.device)
    start, length, taken = start.unsqueeze(-1), length.unsqueeze(-1), taken.unsqueeze(-1)
    real = step < taken
    offset = ((2 * step + 1) * length) // (2 * taken)  # centres of `taken` equal parts; all of them if equal
    return start + torch.where(real, offset, 0), real


@full_precision
def whole_image(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The baseline of RPNL: one proposal, the image itself, in depth (SSIL in Metric3D's ablation).

    Equal to `random_proposals` with one full-size crop, and to twice MiDaS's `ssi_mae` of depths.

    Args:
        prediction: (B, 1, H, W) depth.
        target: (B, 1, H, W) depth.
        mask: (B, 1, H, W) bool.

    Returns:
        Tensor (B,), >= 0.
    """
    check_maps(prediction, target, mask)
    mask = mask.flatten(1)
    residual = robust_normalise(prediction.flatten(1), mask) - robust_normalise(target.flatten(1), mask)
    return residual.abs().sum(-1) / count(mask, residual.dtype)


@full_precision
def random_ranges(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    *,
    ranges: Tensor | None = None,
    generator: torch.Generator | None = None,
    number: int = 10,
    stride: int = 2,
) -> Tensor:
    """Normalisation inside random depth ranges instead of crops (HDN as Metric3D uses it), in depth space.

    A range is [lower, upper] as shares of the target's span, lower ~ U(0, 0.75), upper ~ U(lower + 0.1, 1).
    Every range has the same weight; a range without valid pixels does not count.

    Args:
        prediction: (B, 1, H, W) depth.
        target: (B, 1, H, W) depth.
        mask: (B, 1, H, W) bool.
        ranges: (B, K, 2) lower and upper share; drawn when None.
        generator: needed when ``ranges`` is None.
        number: ranges to draw.
        stride: use every stride-th row and column; 1 for all of them.

    Returns:
        Tensor (B,), >= 0.

    Raises:
        DataError: neither ``ranges`` nor ``generator`` given.
    """
    check_maps(prediction, target, mask)
    if ranges is None:
        if generator is None:
            raise DataError("random_ranges needs ranges or a generator to draw them")
        share = uniform((prediction.shape[0], number, 2), generator, prediction.device)
        lower = 0.75 * share[..., 0]
        ranges = torch.stack([lower, lower + 0.1 + share[..., 1] * (0.9 - lower)], -1)
    prediction, target, mask = (
        v[..., ::stride, ::stride].flatten(1).unsqueeze(1) for v in (prediction, target, mask)
    )
    nearest = fill(target, mask, torch.inf).amin(-1, keepdim=True)
    span = fill(target, mask, -torch.inf).amax(-1, keepdim=True) - nearest
    lower, upper = (nearest + ranges[..., k : k + 1] * span for k in (0, 1))
    chosen = mask & (target >= lower) & (target <= upper)
    ours, theirs = (v.expand_as(chosen) for v in (prediction, target))
    residual = robust_normalise(ours, chosen) - robust_normalise(theirs, chosen)
    return _mean_of_means(residual, chosen)
