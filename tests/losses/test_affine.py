"""MiDaS losses: the invariants of the paper, and slow twins."""

import numpy as np
import pytest
import torch
from loss_cases import scene
from test_metric_losses import compare, slow_gradient

from onedepth import losses
from onedepth.losses.affine import align

ROBUST = [losses.ssi_mae, losses.ssi_trim, losses.ssi_gradient]


def normalise(d, valid):
    values = np.sort(d[valid])
    middle = values[(len(values) - 1) // 2]
    return np.where(valid, (d - middle) / np.abs(values - middle).mean(), 0)


def slow_mse(d, truth, valid):
    rows = np.stack([d[valid], np.ones(valid.sum())], 1)
    solution = np.linalg.lstsq(rows, truth[valid], rcond=None)[0]
    return 0.5 * ((rows @ solution - truth[valid]) ** 2).mean()


def slow_mae(d, truth, valid):
    return 0.5 * np.abs(normalise(d, valid) - normalise(truth, valid))[valid].mean()


def slow_trim(d, truth, valid):
    residuals = np.sort(np.abs(normalise(d, valid) - normalise(truth, valid))[valid])
    total = len(residuals)
    return residuals[: int(0.8 * total)].sum() / (2 * total)


@pytest.mark.parametrize(
    ("fast", "slow"),
    [
        (losses.ssi_mse, slow_mse),
        (losses.ssi_mae, slow_mae),
        (losses.ssi_trim, slow_trim),
        (losses.ssi_gradient, lambda d, t, m: slow_gradient(normalise(d, m) - normalise(t, m), m)),
    ],
)
def test_as_the_paper_reads(fast, slow):
    compare(fast, slow)


@pytest.mark.parametrize("loss", ROBUST)
@pytest.mark.parametrize(("scale", "shift"), [(0.01, 0.0), (40.0, -3.0), (1.0, 100.0)])
def test_robust_losses_ignore_scale_and_shift_of_either_side(loss, scale, shift):
    prediction, target, mask = scene()
    expected = loss(prediction, target, mask)
    torch.testing.assert_close(loss(scale * prediction + shift, target, mask), expected)
    torch.testing.assert_close(loss(prediction, scale * target + shift, mask), expected)


@pytest.mark.parametrize("scale", [0.01, -2.0, 300.0])
def test_least_squares_ignores_any_affine_change_of_the_prediction(scale):
    prediction, target, mask = scene()
    expected = losses.ssi_mse(prediction, target, mask)
    torch.testing.assert_close(losses.ssi_mse(scale * prediction + 5, target, mask), expected)
    torch.testing.assert_close(losses.ssi_mse(prediction, 3 * target + 1, mask), 9 * expected)


@pytest.mark.parametrize("loss", [*ROBUST, losses.ssi_mse])
def test_affine_twins_cost_nothing(loss):
    _, target, mask = scene()
    assert loss(0.3 * target + 2, target, mask).abs().max() < 1e-12


def test_closed_form_is_least_squares():
    prediction, target, mask = scene()
    scale, shift = align(prediction.flatten(1), target.flatten(1), mask.flatten(1))
    for k in range(2):
        valid = mask[k].flatten().numpy()
        rows = np.stack([prediction[k].flatten().numpy()[valid], np.ones(valid.sum())], 1)
        expected = np.linalg.lstsq(rows, target[k].flatten().numpy()[valid], rcond=None)[0]
        np.testing.assert_allclose([scale[k], shift[k]], expected)


def test_alignment_of_a_nearly_flat_prediction_survives_single_precision():
    _, target, mask = scene()
    flat = (1 + 1e-3 * target).float()  # the determinant of the normal equations would lose all digits here
    assert losses.ssi_mse(flat, target.float(), mask).max() < 1e-6


def test_gross_errors_below_the_trim_have_bounded_effect_and_no_gradient():
    prediction, target, mask = scene()
    target = target / 4 + prediction  # a fair prediction
    mask = torch.ones_like(mask)
    bad = torch.zeros_like(mask)
    bad.flatten(1)[:, :20] = True  # 12 % of the pixels
    corrupted, worse = (
        torch.where(bad, prediction + by, prediction).requires_grad_() for by in (50.0, 5000.0)
    )
    values = [losses.ssi_trim(p, target, mask) for p in (corrupted, worse)]
    assert all((v < 0.5).all() for v in values)
    # Through the residual a trimmed pixel gets nothing: what is left comes through the deviation alone, the
    # same for every bad pixel.
    (gradient,) = torch.autograd.grad(values[0].sum(), corrupted)
    for image in gradient[bad].view(2, -1):
        torch.testing.assert_close(image, image[:1].expand_as(image))


def test_trim_is_per_image():
    prediction, target, mask = scene()
    noisy = prediction.clone()
    noisy[1] = 100 * torch.rand(
        noisy[1].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    torch.testing.assert_close(
        losses.ssi_trim(noisy, target, mask)[0], losses.ssi_trim(prediction, target, mask)[0]
    )


def test_no_trim_is_the_absolute_error():
    maps = scene()
    torch.testing.assert_close(losses.ssi_trim(*maps, trim=0.0), losses.ssi_mae(*maps))


def test_median_is_taken_over_valid_pixels_only():
    prediction, target, mask = scene(share=0.3)  # an unmasked median would be 0
    compare(losses.ssi_mae, slow_mae, (prediction, target, mask))


def gradients(loss, detached):
    prediction, target, mask = scene()
    prediction.requires_grad_()
    (whole,) = torch.autograd.grad(loss(prediction, target, mask).sum(), prediction)
    (part,) = torch.autograd.grad(loss(prediction, target, mask, **{detached: True}).sum(), prediction)
    return whole, part


def test_detached_alignment_has_the_same_first_gradient():
    torch.testing.assert_close(*gradients(losses.ssi_mse, "detach_alignment"))


@pytest.mark.parametrize("loss", [losses.ssi_mae, losses.ssi_trim])
def test_detached_median_drops_its_part_of_the_gradient(loss):
    whole, part = gradients(loss, "detach_median")
    changed = (whole - part).abs() > 1e-9
    assert changed.flatten(1).sum(1).tolist() == [1, 1]  # the median pixel of each image, nothing else
