"""Masked statistics against NumPy on the valid entries of each row."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth.losses import masked


def rows(seed: int, ties: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(6, 23, generator=random, dtype=torch.float64)
    values = values.round() if ties else values
    mask = torch.rand(6, 23, generator=random) < torch.tensor([0.0, 0.05, 0.3, 0.6, 0.9, 1.0])[:, None]
    return torch.where(mask, values, torch.nan), mask


def valid_rows(values, mask):
    return [np.sort(v[m].numpy()) for v, m in zip(values, mask, strict=True)]


@given(seed=st.integers(0, 10_000), ties=st.booleans(), rank=st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_rank_selects_the_sorted_entry(seed, ties, rank):
    values, mask = rows(seed, ties)
    found = masked.masked_rank(values, mask, torch.full((6,), rank))
    expected = [v[min(rank, len(v) - 1)] if len(v) else 0.0 for v in valid_rows(values, mask)]
    np.testing.assert_array_equal(found.numpy(), expected)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_sorting_devices_select_the_same_entry(seed):
    values, mask = rows(seed)
    for rank in (
        torch.zeros(6).long(),
        (mask.sum(-1) - 1).clamp_min(0) // 2,
        (mask.sum(-1) - 1).clamp_min(0),
    ):
        has = mask.any(-1)
        by_selection, by_sorting = (
            f(values, mask, rank)[has] for f in (masked._rank_by_selection, masked._rank_by_sorting)
        )
        assert torch.equal(by_selection, by_sorting)


@pytest.mark.parametrize("ties", [False, True])
def test_mean_median_and_normalised_rows(ties):
    values, mask = rows(5, ties)
    normal = masked.robust_normalise(values, mask)
    for row, mean, median, shifted in zip(
        valid_rows(values, mask),
        masked.masked_mean(values, mask),
        masked.masked_median(values, mask),
        valid_rows(normal, mask),
        strict=True,
    ):
        middle = row[(len(row) - 1) // 2] if len(row) else 0.0
        assert float(median) == middle
        assert float(mean) == pytest.approx(row.mean() if len(row) else 0.0)
        deviation = max(np.abs(row - middle).mean(), masked.TINY) if len(row) else 1.0
        np.testing.assert_allclose(shifted, (row - middle) / deviation)


@given(seed=st.integers(0, 10_000), ties=st.booleans(), part=st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0]))
@settings(max_examples=30, deadline=None)
def test_sum_of_the_smallest(seed, ties, part):
    values, mask = rows(seed, ties)
    number = masked.portion(part, mask.sum(-1))
    expected = [v[: int(n)].sum() for v, n in zip(valid_rows(values, mask), number, strict=True)]
    np.testing.assert_allclose(masked.sum_smallest(values, mask, number).numpy(), expected, atol=1e-12)


def test_portion_is_not_misled_by_rounding():
    totals = torch.arange(0, 5000, 5)
    assert torch.equal(masked.portion(0.8, totals), totals // 5 * 4)
    assert torch.equal(masked.portion(1 - 0.2, totals), totals // 5 * 4)


@pytest.mark.parametrize(
    "statistic",
    [
        masked.masked_mean,
        masked.masked_median,
        masked.robust_normalise,
        lambda v, m: masked.sum_smallest(v, m, m.sum(-1) // 2),
    ],
)
def test_gradients_of_the_statistics(statistic):
    values, mask = rows(8)
    values = values.nan_to_num(7.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: statistic(v, mask), (values,))


def test_median_gradient_goes_to_the_median():
    values = torch.tensor([[3.0, 1.0, 9.0, 2.0, 5.0]], requires_grad=True)
    masked.masked_median(values, torch.tensor([[True, True, False, True, True]])).sum().backward()
    assert values.grad.tolist() == [[0, 0, 0, 1, 0]]


def test_normalised_rows_have_median_zero_and_deviation_one():
    values, mask = rows(2)
    normal = masked.robust_normalise(values, mask)[2:]
    torch.testing.assert_close(masked.masked_median(normal, mask[2:]), torch.zeros(4, dtype=torch.float64))
    deviation = masked.masked_mean(normal.abs(), mask[2:])
    torch.testing.assert_close(deviation, torch.ones(4, dtype=torch.float64))
    assert not normal[~mask[2:]].any()


def test_detached_median_changes_the_gradient_only():
    values, mask = rows(4)
    values = values.nan_to_num(0.0)[2:].requires_grad_()
    weight = torch.linspace(-1, 2, values.numel(), dtype=torch.float64).view_as(values)
    results = [masked.robust_normalise(values, mask[2:], detach_median=d) for d in (False, True)]
    torch.testing.assert_close(*results)
    whole, part = (torch.autograd.grad((r * weight).sum(), values)[0] for r in results)
    # Without the median's part, a common shift of the row seems to matter.
    torch.testing.assert_close(whole.sum(-1), torch.zeros(4, dtype=torch.float64))
    assert (part.sum(-1).abs() > 1e-3).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_are_the_mask_in_numbers(dtype):
    mask = torch.tensor([[True, False], [False, True]])
    assert torch.equal(masked.weights(mask, dtype), torch.eye(2, dtype=dtype))
