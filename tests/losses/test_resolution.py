"""Coarse labels: downsampling, the three terms, affinities."""

import numpy as np
import pytest
import torch
from loss_cases import generator, scene

from onedepth import losses
from onedepth.errors import DataError


def slow_downsample(depth, valid, factor, mode, domain):
    rows, columns = depth.shape[0] // factor, depth.shape[1] // factor
    values, seen = np.zeros((rows, columns)), np.zeros((rows, columns), bool)
    for i in range(rows):
        for j in range(columns):
            cell = [
                (
                    (a + 0.5 - factor / 2) ** 2 + (b + 0.5 - factor / 2) ** 2,
                    depth[i * factor + a, j * factor + b],
                )
                for a in range(factor)
                for b in range(factor)
                if valid[i * factor + a, j * factor + b]
            ]
            if mode == "nearest":
                if cell:
                    values[i, j], seen[i, j] = min(cell, key=lambda c: c[0])[1], True
            elif 2 * len(cell) >= factor**2:
                z = np.array([c[1] for c in cell])
                values[i, j], seen[i, j] = (z.mean() if domain == "depth" else 1 / (1 / z).mean()), True
    return values, seen


@pytest.mark.parametrize("factor", [1, 2, 4, 8, 16])
@pytest.mark.parametrize(("mode", "domain"), [("area", "depth"), ("area", "disparity"), ("nearest", "depth")])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
def test_downsampling_as_stated(factor, mode, domain, share):
    _, depth, mask = scene(2, 32, 48, share=share)
    values, seen = losses.downsample(depth, mask, factor, mode=mode, domain=domain)
    for k in range(2):
        expected, ok = slow_downsample(depth[k, 0].numpy(), mask[k, 0].numpy(), factor, mode, domain)
        np.testing.assert_array_equal(seen[k, 0].numpy(), ok)
        np.testing.assert_allclose(values[k, 0].numpy(), expected)


def test_domains_agree_on_flat_cells_and_differ_at_edges():
    depth = torch.tensor([[1.0, 1.0, 1.0, 3.0]]).repeat(2, 1)[None, None]
    mask = depth > 0
    metres, inverse = (
        losses.downsample(depth, mask, 2, domain=d)[0].flatten() for d in ("depth", "disparity")
    )
    assert metres.tolist() == [1.0, 2.0]
    assert inverse.tolist() == pytest.approx([1.0, 1.5])


def test_half_valid_is_enough_and_less_is_not():
    depth = torch.tensor([[2.0, 9.0, 2.0, 9.0], [4.0, 9.0, 9.0, 9.0]])[None, None]
    values, seen = losses.downsample(depth, depth < 9, 2)
    assert seen.flatten().tolist() == [True, False]
    assert values.flatten().tolist() == [3.0, 0.0]


@pytest.mark.parametrize("mode", ["area", "nearest"])
@pytest.mark.parametrize("domain", ["depth", "disparity"])
def test_downsampling_has_the_gradient_of_its_formula(mode, domain):
    depth, _, mask = scene(1, 8, 8)
    depth.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda d: losses.downsample(d, mask, 4, mode=mode, domain=domain)[0], (depth,)
    )


def test_sizes_must_divide():
    depth, target, mask = scene()
    with pytest.raises(DataError, match="14 x 12, expected multiples of the factor 8"):
        losses.downsample(depth, mask, 8)
    with pytest.raises(DataError, match="expected a multiple"):
        losses.downsampled_high(depth, target[..., :5], mask[..., :5])


@pytest.mark.parametrize("distance", ["l1", "log_l1", "silog"])
@pytest.mark.parametrize("mode", ["area", "nearest"])
def test_factor_one_makes_all_terms_one(distance, mode):
    prediction, target, mask = scene()
    low = losses.low_resolution(prediction, target, mask, distance=distance)
    torch.testing.assert_close(
        losses.downsampled_high(prediction, target, mask, distance=distance, mode=mode), low
    )
    assert not losses.consistency(prediction, prediction, mask, distance=distance, mode=mode).any()


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_true_high_resolution_depth_costs_nothing(factor):
    _, depth, mask = scene(2, 32, 48, share=1.1)
    for mode, domain in (("area", "depth"), ("area", "disparity"), ("nearest", "depth")):
        coarse, seen = losses.downsample(depth, mask, factor, mode=mode, domain=domain)
        cost = losses.downsampled_high(depth, coarse, seen, mode=mode, domain=domain)
        assert cost.abs().max() < 1e-12
        assert losses.consistency(coarse, depth, mode=mode, domain=domain).abs().max() < 1e-12


@pytest.mark.parametrize("stop", ["none", "low", "high"])
def test_stopped_side_of_the_consistency_gets_no_gradient(stop):
    high, _, _ = scene(2, 8, 12)
    low, _, _ = scene(2, 4, 6, seed=5)
    sides = {"low": low.requires_grad_(), "high": high.requires_grad_()}
    losses.consistency(low, high, stop=stop).sum().backward()
    for name, side in sides.items():
        assert (side.grad is None) == (name == stop)


def test_two_canonical_branches_agree_in_metres():
    """The reduced image has half the focal length: the same metres are other canonical depths."""
    _, metres, mask = scene(2, 8, 12)
    focal, canonical = 700.0, 1000.0
    coarse, _ = losses.downsample(metres, mask | True, 2)
    from_high, from_low = metres * canonical / focal, coarse * canonical / (focal / 2)
    assert (losses.consistency(from_low, from_high) > 0.5).all()
    agreed = losses.consistency(from_low * (focal / 2) / canonical, from_high * focal / canonical)
    assert agreed.abs().max() < 1e-12


def features(channels=5, height=4, width=6, seed=0):
    return torch.randn(2, channels, height, width, generator=generator(seed), dtype=torch.float64)


def test_affinity_as_written():
    x, y = features(5), features(3, seed=1)
    found = losses.affinity_distillation(x, y)
    for k in range(2):
        total, (a, b) = 0.0, (v[k].flatten(1).T.numpy() for v in (x, y))
        for i in range(24):
            for j in range(24):
                cosines = [v[i] @ v[j] / (np.linalg.norm(v[i]) * np.linalg.norm(v[j])) for v in (a, b)]
                total += (cosines[0] - cosines[1]) ** 2
        assert found[k].item() == pytest.approx(total / 24**2)


def test_affinity_ignores_scale_of_places_and_rotation_of_channels():
    x = features()
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator(), dtype=torch.float64))
    scale = 0.1 + torch.rand(2, 1, 4, 6, generator=generator(), dtype=torch.float64)
    turned = torch.einsum("cd,bdhw->bchw", rotation, x) * scale
    torch.testing.assert_close(losses.affinity(turned), losses.affinity(x))
    assert losses.affinity_distillation(turned, x).abs().max() < 1e-12


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_affinity_of_different_sizes_uses_a_common_grid(pool):
    x, y = features(5, 8, 12), features(3, 4, 6)
    value = losses.affinity_distillation(x, y, nodes=(3, 3), pool=pool)
    pooled = [
        (
            torch.nn.functional.adaptive_max_pool2d
            if pool == "max"
            else torch.nn.functional.adaptive_avg_pool2d
        )(v, 3)
        for v in (x, y)
    ]
    torch.testing.assert_close(value, losses.affinity_distillation(*pooled))
    assert losses.affinity_distillation(x, y).shape == (2,)
    with pytest.raises(DataError, match="1 images"):
        losses.affinity_distillation(x, y[:1])


def test_affinity_gradients_and_their_detached_parts():
    x, y = features(3, 2, 3).requires_grad_(), features(4, 2, 3, seed=2).requires_grad_()
    for pool in ("max", "mean"):
        assert torch.autograd.gradcheck(
            lambda a, b, pool=pool: losses.affinity_distillation(
                a, b, nodes=(2, 2), pool=pool, detach_teacher=False
            ),
            (x, y),
        )
    losses.affinity_distillation(x, y).sum().backward()
    assert y.grad is None
    whole = x.grad
    (part,) = torch.autograd.grad(losses.affinity_distillation(x, y, detach_norm=True).sum(), x)
    along = [(g * x).sum(1) for g in (whole, part)]
    assert along[0].abs().max() < 1e-12  # the length of a feature does not matter
    assert along[1].abs().max() > 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_affinity_in_half_precision_and_of_silent_features(dtype):
    x, y = features().to(dtype), features(seed=1).to(dtype)
    expected = losses.affinity_distillation(x.float(), y.float())
    with torch.autocast("cpu", dtype=dtype):
        found = losses.affinity_distillation(x, y)
    assert torch.equal(found, expected)
    silent = torch.zeros_like(x, dtype=torch.float32).requires_grad_()
    losses.affinity_distillation(silent, y).sum().backward()
    assert silent.grad.isfinite().all()
