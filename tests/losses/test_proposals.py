"""Random proposals and depth ranges."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import HEIGHT, WIDTH, generator, scene
from test_affine import normalise
from test_metric_losses import images

from onedepth import losses
from onedepth.errors import DataError
from onedepth.losses.proposals import crop_pixels


def difference(z, truth, valid):
    return np.abs(normalise(truth, valid) - normalise(z, valid))[valid].mean() if valid.sum() > 1 else 0.0


def slow_rpnl(z, truth, valid, crops):
    terms = []
    for left, top, width, height in crops.tolist():
        window = slice(top, top + height), slice(left, left + width)
        if valid[window].any():
            terms.append(difference(z[window], truth[window], valid[window]))
    return sum(terms) / max(len(terms), 1)


@pytest.mark.parametrize("share", [0.85, 0.15])
def test_proposals_as_the_paper_reads(share):
    maps = scene(share=share)
    crops = losses.draw_crops(2, HEIGHT, WIDTH, generator=generator(7))
    expected = [slow_rpnl(*image, crop) for image, crop in zip(images(*maps), crops, strict=True)]
    for grid in (None, 32):  # no crop has more than 32 rows: the grid takes every pixel
        np.testing.assert_allclose(losses.random_proposals(*maps, crops=crops, grid=grid).numpy(), expected)
    drawn = losses.random_proposals(*maps, generator=generator(7))
    np.testing.assert_allclose(drawn.numpy(), expected)


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 90),
    seed=st.integers(0, 1000),
    sizes=st.sampled_from([(0.125, 0.5), (0.01, 0.02), (0.9, 1.0)]),
)
@settings(max_examples=50, deadline=None)
def test_crops_lie_inside_and_are_never_empty(height, width, seed, sizes):
    crops = losses.draw_crops(2, height, width, generator=generator(seed), number=20, sizes=sizes)
    left, top, wide, high = crops.unbind(-1)
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (wide >= 1).all()
    assert (high >= 1).all()
    assert (left + wide <= width).all()
    assert (top + high <= height).all()
    assert (wide <= max(sizes[1] * width, 1)).all()


def test_crops_reach_every_size_and_side_on_their_own():
    crops = losses.draw_crops(50, 100, 200, generator=generator(), number=100).flatten(0, 1)
    assert crops.amin(0)[:2].tolist() == [0, 0]
    assert crops.amin(0)[2:].tolist() == [25, 12]
    assert crops.amax(0)[2] in (98, 99, 100)
    assert crops.amax(0)[0] == 200 - 25
    correlation = torch.corrcoef(crops[:, 2:].double().T)[0, 1]
    assert correlation.abs() < 0.05
    assert not torch.equal(crops[:100], crops[100:200])


def test_grid_is_evenly_spread_and_symmetric():
    crops = torch.tensor([[[2, 1, 9, 5]]])
    index, real = crop_pixels(crops, 20, 3)
    assert real.all()
    columns, rows = index % 20, index // 20
    assert sorted(set(columns.flatten().tolist())) == [3, 6, 9]
    assert sorted(set(rows.flatten().tolist())) == [1, 3, 5]


def test_each_crop_has_its_own_scale_and_shift():
    _, target, mask = scene()
    crops = torch.tensor([[[0, 0, 7, 12], [7, 0, 7, 12]]] * 2)
    left = torch.arange(WIDTH) < 7
    prediction = torch.where(left, 2 * target + 1, 0.1 * target + 5)
    assert losses.random_proposals(prediction, target, mask, crops=crops).abs().max() < 1e-12
    assert (losses.whole_image(prediction, target, mask) > 0.1).all()


def test_crops_weigh_the_same_whatever_their_size():
    prediction, target, mask = scene()
    small, large = [0, 0, 3, 3], [2, 2, 11, 9]
    both = losses.random_proposals(prediction, target, mask, crops=torch.tensor([[small, large]] * 2))
    apart = [
        losses.random_proposals(prediction, target, mask, crops=torch.tensor([[c]] * 2))
        for c in (small, large)
    ]
    torch.testing.assert_close(both, (apart[0] + apart[1]) / 2)


def test_whole_image_is_one_proposal_and_twice_the_midas_error():
    maps = scene()
    crop = torch.tensor([[[0, 0, WIDTH, HEIGHT]]] * 2)
    torch.testing.assert_close(losses.whole_image(*maps), losses.random_proposals(*maps, crops=crop))
    torch.testing.assert_close(losses.whole_image(*maps), 2 * losses.ssi_mae(*maps))


def test_detached_median_changes_the_gradient_only():
    prediction, target, mask = scene()
    prediction.requires_grad_()
    crops = losses.draw_crops(2, HEIGHT, WIDTH, generator=generator(), number=3)
    values = [
        losses.random_proposals(prediction, target, mask, crops=crops, detach_median=d) for d in (False, True)
    ]
    torch.testing.assert_close(*values)
    whole, part = (torch.autograd.grad(v.sum(), prediction)[0] for v in values)
    changed = ((whole - part).abs() > 1e-9).flatten(1).sum(1)
    assert (changed >= 1).all()
    assert (changed <= 3).all()  # the medians of three crops


def test_ranges_as_intended():
    maps = scene()
    ranges = torch.tensor([[[0.0, 1.0], [0.2, 0.7], [0.75, 0.9]]] * 2, dtype=torch.float64)

    def slow(z, truth, valid):
        low, high = truth[valid].min(), truth[valid].max()
        terms = []
        for a, b in ranges[0].tolist():
            chosen = valid & (truth >= low + a * (high - low)) & (truth <= low + b * (high - low))
            terms.append(difference(z, truth, chosen))
        return sum(terms) / len(terms)

    expected = [slow(*image) for image in images(*maps)]
    np.testing.assert_allclose(losses.random_ranges(*maps, ranges=ranges, stride=1).numpy(), expected)
    strided = [v[..., ::2, ::2] for v in maps]
    torch.testing.assert_close(
        losses.random_ranges(*maps, ranges=ranges, stride=2),
        losses.random_ranges(*strided, ranges=ranges, stride=1),
    )


def test_full_range_is_the_whole_image():
    maps = scene()
    full = torch.tensor([[[0.0, 1.0]]] * 2, dtype=torch.float64)
    torch.testing.assert_close(losses.random_ranges(*maps, ranges=full, stride=1), losses.whole_image(*maps))


@pytest.mark.parametrize("loss", [losses.random_proposals, losses.random_ranges])
def test_randomness_must_be_given_and_repeats(loss):
    maps = scene()
    with pytest.raises(DataError, match="generator"):
        loss(*maps)
    assert torch.equal(loss(*maps, generator=generator(1)), loss(*maps, generator=generator(1)))
    assert not torch.equal(loss(*maps, generator=generator(1)), loss(*maps, generator=generator(2)))
