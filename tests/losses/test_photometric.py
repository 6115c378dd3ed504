"""Photometric error, minimum reprojection, smoothness."""

import numpy as np
import pytest
import torch
from loss_cases import generator

from onedepth import losses
from onedepth.errors import DataError


def picture(batch=2, height=7, width=9, seed=0, channels=3):
    return torch.rand(batch, channels, height, width, generator=generator(seed), dtype=torch.float64)


def slow_ssim(x, y):
    x, y = (np.pad(v, 1, mode="reflect") for v in (x, y))
    out = np.zeros((x.shape[0] - 2, x.shape[1] - 2))
    for i, j in np.ndindex(*out.shape):
        a, b = x[i : i + 3, j : j + 3], y[i : i + 3, j : j + 3]
        covariance = (a * b).mean() - a.mean() * b.mean()
        above = (2 * a.mean() * b.mean() + 0.01**2) * (2 * covariance + 0.03**2)
        below = (a.mean() ** 2 + b.mean() ** 2 + 0.01**2) * (a.var() + b.var() + 0.03**2)
        out[i, j] = np.clip((1 - above / below) / 2, 0, 1)
    return out


def slow_photometric(a, b, difference="charbonnier"):
    terms = []
    for x, y in zip(a, b, strict=True):
        colour = np.sqrt((x - y) ** 2 + 0.001**2) if difference == "charbonnier" else np.abs(x - y)
        terms.append(0.85 * slow_ssim(x, y) + 0.15 * colour)
    return np.mean(terms, axis=0)


def test_ssim_as_written():
    x, y = picture(seed=1), picture(seed=2)
    found = losses.ssim_distance(x, y)
    np.testing.assert_allclose(found[1, 2].numpy(), slow_ssim(x[1, 2].numpy(), y[1, 2].numpy()), atol=1e-12)


def test_ssim_of_equal_pictures_is_zero_and_symmetric():
    x, y = picture(seed=1), picture(seed=2)
    assert losses.ssim_distance(x, x).abs().max() < 1e-12
    torch.testing.assert_close(losses.ssim_distance(x, y), losses.ssim_distance(y, x))


@pytest.mark.parametrize("difference", ["charbonnier", "l1"])
def test_photometric_as_written(difference):
    x, y = picture(seed=1), picture(seed=2)
    found = losses.photometric(x, y, difference=difference)
    for k in range(2):
        np.testing.assert_allclose(
            found[k, 0].numpy(), slow_photometric(x[k].numpy(), y[k].numpy(), difference), atol=1e-12
        )


def views(sources=2, seed=10):
    return torch.stack([picture(seed=seed + k) for k in range(sources)], 1)


def test_minimum_over_all_candidates():
    target, warped, sources = picture(), views(), views(seed=20)
    found = losses.minimum_reprojection(target, warped, sources)
    masked = losses.reprojection_choice(target, warped, sources)[1]
    for k in range(2):
        errors = [
            slow_photometric(v[k, s].numpy(), target[k].numpy()) for v in (sources, warped) for s in range(2)
        ]
        assert found[k].item() == pytest.approx(np.min(errors, axis=0).mean())
        np.testing.assert_array_equal(masked[k, 0].numpy(), np.argmin(errors, axis=0) >= 2)


def test_without_sources_there_is_no_auto_mask():
    target, warped = picture(), views()
    error, used = losses.reprojection_choice(target, warped)
    assert used.all()
    both = torch.stack([losses.photometric(warped[:, s], target) for s in (0, 1)])
    torch.testing.assert_close(error, both.amin(0))


def test_invalid_warps_are_no_candidates():
    target, warped = picture(), views()
    valid = torch.ones(2, 2, 1, 7, 9, dtype=torch.bool)
    valid[:, 0] = False
    second = losses.photometric(warped[:, 1], target)
    torch.testing.assert_close(losses.reprojection_choice(target, warped, None, valid)[0], second)
    valid[:, 1, :, :3] = False
    value = losses.minimum_reprojection(target, warped, None, valid)
    torch.testing.assert_close(value, second[:, :, 3:].mean((1, 2, 3)))
    warped.requires_grad_()
    value = losses.minimum_reprojection(target, warped, None, torch.zeros_like(valid))
    value.sum().backward()
    assert value.tolist() == [0, 0]
    assert not warped.grad.any()


def test_noise_shakes_identity_errors_only_and_repeats():
    target, warped, sources = picture(), views(), views(seed=20)
    values = [
        losses.minimum_reprojection(target, warped, sources, noise=1e-2, generator=generator(s))
        for s in (1, 1, 2)
    ]
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])
    plain = losses.minimum_reprojection(target, warped)
    assert torch.equal(losses.minimum_reprojection(target, warped, noise=1e-2, generator=generator()), plain)


def test_static_camera_is_masked_and_gives_no_gradient():
    target = picture()
    sources = target.unsqueeze(1).repeat(1, 2, 1, 1, 1)
    depth = torch.rand(2, 1, 7, 9, generator=generator(), dtype=torch.float64).add(1).requires_grad_()
    pose = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    intrinsics = torch.tensor([[8.0, 7.0, 4.5, 3.5]] * 2, dtype=torch.float64)
    warped, _ = losses.inverse_warp(sources[:, 0], depth, pose, intrinsics)
    warped = warped.unsqueeze(1)
    value = losses.minimum_reprojection(target, warped, sources)
    torch.testing.assert_close(value, losses.photometric(target, target).mean((1, 2, 3)))
    (gradient,) = torch.autograd.grad(value.sum(), depth)
    assert gradient.abs().max() < 1e-9


def test_gradients_of_images():
    target, first = picture(1, 4, 5), picture(1, 4, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: losses.photometric(a, target), (first,))
    assert torch.autograd.gradcheck(lambda a: losses.photometric(a, target, difference="l1"), (first,))
    warped = views()[:1, :, :, :4, :5].clone().requires_grad_()
    sources = views(seed=20)[:1, :, :, :4, :5]
    assert torch.autograd.gradcheck(lambda w: losses.minimum_reprojection(target, w, sources), (warped,))


def slow_smoothness(d, image):
    d = d / d.mean()

    def along(values, axis):
        return np.diff(values, axis=axis)

    total = 0.0
    for a in (-1, -2):
        weight = np.exp(-0.5 * np.abs(along(image, a)).mean(0))
        total += (np.abs(along(d, a)) * weight).mean()
        for b in (-1, -2):
            weight = np.exp(-0.5 * np.abs(along(along(image, a), b)).mean(0))
            total += (np.abs(along(along(d, a), b)) * weight).mean()
    return total


def test_smoothness_as_written():
    disparity, image = picture(channels=1, seed=4) + 0.1, picture()
    found = losses.smoothness(disparity, image)
    for k in range(2):
        assert found[k].item() == pytest.approx(slow_smoothness(disparity[k, 0].numpy(), image[k].numpy()))
    first = losses.smoothness(disparity, image, second=0.0)
    second = losses.smoothness(disparity, image, first=0.0)
    torch.testing.assert_close(first + second, found)
    torch.testing.assert_close(losses.smoothness(9 * disparity, image), found)


def test_smoothness_forgives_bends_at_image_edges():
    disparity = torch.ones(1, 1, 6, 8)
    disparity[..., 4:] = 2
    edge = disparity.expand(1, 3, 6, 8) - 1
    assert losses.smoothness(disparity, edge) < losses.smoothness(disparity, torch.zeros_like(edge))
    ramp = 1 + torch.arange(8.0).expand(1, 1, 6, 8)
    assert losses.smoothness(ramp, edge * 0, first=0.0).item() == pytest.approx(0, abs=1e-6)


def test_smoothness_gradient_and_corner_cases():
    disparity = (picture(1, 4, 5, channels=1, seed=4) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda d: losses.smoothness(d, picture(1, 4, 5)), (disparity,))
    for height, width in ((1, 1), (1, 5), (2, 2)):
        flat = torch.zeros(1, 1, height, width, requires_grad=True)
        value = losses.smoothness(flat, torch.rand(1, 3, height, width, generator=generator()))
        value.sum().backward()
        assert value.item() == 0
        assert flat.grad.isfinite().all()
    with pytest.raises(DataError, match="resize it first"):
        losses.smoothness(disparity, picture(1, 8, 5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    disparity = (picture(channels=1) + 0.1).to(dtype)
    a, b = picture(seed=1).to(dtype), picture(seed=2).to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        found = losses.smoothness(disparity, a), losses.photometric(a, b)
    assert torch.equal(found[0], losses.smoothness(disparity.float(), a.float()))
    assert torch.equal(found[1], losses.photometric(a.float(), b.float()))
