"""SILog, gradient matching, L1 and the scale-invariant losses, each beside its slow twin."""

import math

import numpy as np
import pytest
import torch
from loss_cases import scene

from onedepth import losses


def images(prediction, target, mask):
    return zip(prediction[:, 0].numpy(), target[:, 0].numpy(), mask[:, 0].numpy(), strict=True)


def slow_silog(z, truth, valid, focus):
    errors = [
        math.log(a) - math.log(b) for a, b, ok in zip(z.flat, truth.flat, valid.flat, strict=True) if ok
    ]
    mean = sum(errors) / len(errors)
    return sum(e * e for e in errors) / len(errors) - focus * mean**2


def slow_gradient(residual, valid, scales=4):
    total = 0.0
    for k in range(scales):
        r, ok = residual[:: 2**k, :: 2**k], valid[:: 2**k, :: 2**k]
        height, width = r.shape
        level = 0.0
        for i in range(height):
            for j in range(width):
                if j + 1 < width and ok[i, j] and ok[i, j + 1]:
                    level += abs(r[i, j + 1] - r[i, j])
                if i + 1 < height and ok[i, j] and ok[i + 1, j]:
                    level += abs(r[i + 1, j] - r[i, j])
        total += level / max(ok.sum(), 1)
    return total


def slow_nmg(d, truth, valid, spacings):
    pairs = []
    height, width = d.shape
    for k in spacings:
        for down, right in ((0, k), (k, 0)):
            if down >= height or right >= width:
                continue
            pairs.append(
                [
                    (d[i + down, j + right] - d[i, j], truth[i + down, j + right] - truth[i, j])
                    for i in range(height - down)
                    for j in range(width - right)
                    if valid[i, j] and valid[i + down, j + right]
                ]
            )
    flat = [p for level in pairs for p in level]
    scale = sum(abs(b) for _, b in flat) / sum(abs(a) for a, _ in flat)
    return sum(sum(abs(scale * a - b) for a, b in level) / max(len(level), 1) for level in pairs)


def compare(fast, slow, maps=None):
    prediction, target, mask = maps or scene()
    expected = [slow(*image) for image in images(prediction, target, mask)]
    np.testing.assert_allclose(fast(prediction, target, mask).numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("focus", [0.0, 0.5, 1.0])
def test_silog_as_the_paper_reads(focus):
    compare(
        lambda p, t, m: losses.silog(p, t, m, variance_focus=focus),
        lambda p, t, m: slow_silog(p, t, m, focus),
    )


def test_silog_with_full_focus_forgives_a_global_scale():
    _, target, mask = scene()
    assert losses.silog(3 * target, target, mask, variance_focus=1.0).abs().max() < 1e-20
    half = losses.silog(3 * target, target, mask)
    torch.testing.assert_close(half, torch.full((2,), 0.5 * math.log(3) ** 2, dtype=torch.float64))


def test_silog_is_never_negative_in_single_precision():
    target = scene()[1].float()
    assert (losses.silog(1000 * target, target, target > 0, variance_focus=1.0) >= 0).all()


def test_gradient_matching_as_the_code_reads():
    compare(losses.multiscale_gradient, lambda p, t, m: slow_gradient(p - t, m))
    compare(losses.log_gradient, lambda p, t, m: slow_gradient(np.log(p) - np.log(t), m))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 2)])
def test_gradient_matching_of_thin_maps(size):
    maps = scene(2, *size)
    expected = [slow_gradient(p - t, m) for p, t, m in images(*maps)]
    np.testing.assert_allclose(losses.multiscale_gradient(*maps).numpy(), expected)


def test_gradient_matching_ignores_a_shift_of_the_residual():
    prediction, target, mask = scene()
    torch.testing.assert_close(
        losses.multiscale_gradient(prediction + 5, target, mask),
        losses.multiscale_gradient(prediction, target, mask),
    )
    torch.testing.assert_close(
        losses.log_gradient(prediction * 5, target, mask), losses.log_gradient(prediction, target, mask)
    )


def test_gradient_matching_counts_only_pairs_with_both_sides_valid():
    step = torch.zeros(1, 1, 1, 4)
    step[..., 2:] = 10
    mask = torch.tensor([True, True, False, True]).view(1, 1, 1, 4)
    assert losses.multiscale_gradient(step, torch.zeros_like(step), mask, scales=1).item() == 0
    full = losses.multiscale_gradient(step, torch.zeros_like(step), mask | True, scales=1)
    assert full.item() == 10 / 4


def test_scale_invariant_log_is_the_smallest_over_scales():
    prediction, target, mask = scene()

    def slow(z, truth, valid):
        tries = [slow_silog(math.exp(s) * z, truth, valid, 0.0) / 2 for s in np.linspace(-1, 1, 2001)]
        return min(tries)

    expected = [slow(*image) for image in images(prediction, target, mask)]
    found = losses.scale_invariant_log(prediction, target, mask).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    torch.testing.assert_close(
        losses.scale_invariant_log(7 * prediction, target, mask),
        losses.scale_invariant_log(prediction, 0.1 * target, mask),
    )


def test_si_mse_is_least_squares_without_shift():
    def slow(d, truth, valid):
        scale = np.linalg.lstsq(d[valid][:, None], truth[valid], rcond=None)[0][0]
        return 0.5 * ((scale * d[valid] - truth[valid]) ** 2).mean()

    compare(losses.si_mse, slow)


def test_normalised_gradient_as_written():
    compare(
        lambda p, t, m: losses.normalised_gradient(p, t, m, spacings=(2, 8, 32)),
        lambda p, t, m: slow_nmg(p, t, m, (2, 8, 32)),
    )


def test_normalised_gradient_ignores_scale_and_shift_of_the_prediction():
    prediction, target, mask = scene()
    torch.testing.assert_close(
        losses.normalised_gradient(3 * prediction + 2, target, mask),
        losses.normalised_gradient(prediction, target, mask),
    )


def test_absolute_errors_as_written():
    compare(losses.l1, lambda p, t, m: np.abs(p - t)[m].mean())
    compare(losses.log_l1, lambda p, t, m: np.abs(np.log(p / t))[m].mean())
