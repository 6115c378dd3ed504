"""Masked statistics along the last axis: the parts that every loss is made of.

All functions take ``values`` (..., N) and a bool ``mask`` of the same shape and reduce the last axis; all
leading axes are a batch. Whatever stands at masked-out places (NaN included) neither enters the value nor
receives a gradient. Rows without a valid entry give exactly 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from onedepth.errors import DataError

#: Lower bound of every scale that is divided by (metres, 1/metres, or no unit).
TINY = 1e-6


def check_maps(prediction: Tensor, target: Tensor, mask: Tensor) -> None:
    """Refuse maps whose shapes would broadcast silently.

    Args:
        prediction: (B, 1, H, W).
        target: the same shape.
        mask: bool, the same shape.

    Raises:
        DataError: shapes differ, are not (B, 1, H, W), or the mask is not boolean.
    """
    if prediction.ndim != 4 or prediction.shape[1] != 1:
        raise DataError(f"prediction: found shape {tuple(prediction.shape)}, expected (B, 1, H, W)")
    for name, value in (("target", target), ("mask", mask)):
        if value.shape != prediction.shape:
            raise DataError(
                f"{name}: found shape {tuple(value.shape)}, expected that of the prediction,"
                f" {tuple(prediction.shape)}"
            )
    if mask.dtype != torch.bool:
        raise DataError(f"mask: found {mask.dtype}, expected torch.bool; compare the values, e.g. depth > 0")


def fill(values: Tensor, mask: Tensor, value: float = 0.0) -> Tensor:
    """Replace masked-out entries by ``value``; no gradient flows into them.

    Args:
        values: any shape.
        mask: bool, the same shape.
        value: what stands at the masked-out places afterwards.

    Returns:
        Tensor of the shape of ``values``.
    """
    return torch.where(mask, values, value)


def log_ratio(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Difference of natural logarithms, log(prediction) - log(target), 0 at masked-out entries.

    Valid entries below 1e-6 are raised to 1e-6; a NaN among them stays visible.

    Args:
        prediction: any shape, positive where valid.
        target: the same shape, positive where valid.
        mask: bool, the same shape.

    Returns:
        Tensor of the shape of ``prediction``.
    """
    above, below = (fill(values, mask, 1.0).clamp_min(TINY) for values in (prediction, target))
    return (above / below).log()


def weights(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """The mask as 0.0 and 1.0 (through a byte view: ten times faster than ``mask.to(dtype)`` on CPU).

    Args:
        mask: bool, any shape.
        dtype: floating type of the result.

    Returns:
        Tensor of the shape of ``mask``.
    """
    return mask.view(torch.uint8).to(dtype)


def count(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Number of valid entries along the last axis, at least 1 so that it can be divided by.

    Args:
        mask: bool (..., N).
        dtype: floating type of the result.

    Returns:
        Tensor (...), >= 1.
    """
    return torch.count_nonzero(mask, -1).clamp_min(1).to(dtype)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the valid entries of each row.

    Args:
        values: (..., N).
        mask: bool (..., N).

    Returns:
        Tensor (...); 0 for a row without valid entries.
    """
    return fill(values, mask).sum(-1) / count(mask, values.dtype)


def masked_rank(values: Tensor, mask: Tensor, rank: Tensor) -> Tensor:
    """The valid entry that has the given rank in its row (0 = smallest), differentiable.

    The gradient goes to the selected entry, as the formula reads.

    Args:
        values: (..., N).
        mask: bool (..., N).
        rank: integer (...), 0 <= rank < number of valid entries; clamped into that range.

    Returns:
        Tensor (...); 0 for a row without valid entries.
    """
    valid = mask.sum(-1)
    rank = torch.minimum(rank, valid - 1).clamp_min(0)
    with torch.no_grad():
        index = (_rank_by_selection if values.device.type == "cpu" else _rank_by_sorting)(values, mask, rank)
    chosen = values.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    return fill(chosen, valid > 0)


def _rank_by_sorting(values: Tensor, mask: Tensor, rank: Tensor) -> Tensor:
    order = fill(values, mask, torch.inf).argsort(-1)
    return order.gather(-1, rank.unsqueeze(-1)).squeeze(-1)


def _rank_by_selection(values: Tensor, mask: Tensor, rank: Tensor) -> Tensor:
    """Linear time: ``nanmedian`` finds any rank once enough infinities stand on one side of it.

    With ``p`` infinities of one sign added to M valid entries, the lower median has rank (M + p - 1) // 2.
    """
    valid = mask.sum(-1)
    above = 2 * rank + 1 - valid  # > 0: that many +inf; < 0: that many -inf (one fewer would do when even)
    above = torch.where(above == -1, 0, above)
    row = fill(values, mask, torch.nan)
    extra = int(above.abs().max()) if above.numel() else 0
    if extra:
        place = torch.arange(extra, device=values.device)
        pad = torch.where(above.unsqueeze(-1) > 0, torch.inf, -torch.inf).to(values.dtype)
        pad = torch.where(place < above.unsqueeze(-1).abs(), pad, torch.nan)
        row = torch.cat([row, pad], -1)
    return row.nanmedian(-1).indices.clamp_max(values.shape[-1] - 1)


def masked_median(values: Tensor, mask: Tensor) -> Tensor:
    """Median of the valid entries of each row: the lower of the two middle ones if their number is even.

    That is the convention of ``torch.median``; the gradient goes to the selected entry.

    Args:
        values: (..., N).
        mask: bool (..., N).

    Returns:
        Tensor (...); 0 for a row without valid entries.
    """
    return masked_rank(values, mask, (mask.sum(-1) - 1) // 2)


def robust_normalise(values: Tensor, mask: Tensor, *, detach_median: bool = False) -> Tensor:
    """Shift by the median and divide by the mean absolute deviation: (x - med(x)) / mad(x).

    MiDaS (Ranftl et al., TPAMI 2022) eq. 5-6 and Metric3D (Yin et al., ICCV 2023) RPNL use this same map, the
    one on disparity over the image, the other on depth over a crop. A deviation below 1e-6 counts as 1e-6.

    Args:
        values: (..., N).
        mask: bool (..., N).
        detach_median: no gradient through the median (as Metric3D's published code does).

    Returns:
        Tensor (..., N); 0 at masked-out places.
    """
    center = masked_median(values.detach() if detach_median else values, mask)
    deviation = fill(values - center.unsqueeze(-1), mask)
    scale = deviation.abs().sum(-1) / count(mask, values.dtype)
    return deviation / scale.clamp_min(TINY).unsqueeze(-1)


def sum_smallest(values: Tensor, mask: Tensor, number: Tensor) -> Tensor:
    """Sum of the ``number`` smallest valid entries of each row, without sorting.

    Args:
        values: (..., N).
        mask: bool (..., N).
        number: integer (...), between 0 and the number of valid entries.

    Returns:
        Tensor (...); 0 where ``number`` is 0. Of equal entries at the border any may get the gradient.
    """
    last = masked_rank(values, mask, number - 1)
    below = mask & (values < last.unsqueeze(-1))
    rest = number - below.sum(-1)
    total = fill(values, below).sum(-1) + rest * last
    return fill(total, number > 0)


def portion(part: float, total: Tensor) -> Tensor:
    """``floor(part * total)`` that is not misled by rounding (0.8 * 35 counts as 28).

    Args:
        part: between 0 and 1.
        total: integer tensor.

    Returns:
        Integer tensor of the same shape.
    """
    return (total * round(part * 1_000_000)) // 1_000_000
