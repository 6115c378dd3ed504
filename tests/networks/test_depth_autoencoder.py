import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth.losses import affinity_distillation
from onedepth.networks.autoencoder import CODE, STRIDE, DepthAutoencoder


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return DepthAutoencoder()


def scene(height=24, width=32, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    depth = torch.rand(batch, 1, height, width, generator=generator) * 8 + 0.5
    return depth, torch.rand(depth.shape, generator=generator) > 0.3


def test_budget_and_a_code_that_is_smaller_than_the_map(net):
    assert sum(p.numel() for p in net.parameters()) <= 1_500_000
    depth, mask = scene()
    code = net.encode(depth, mask)
    assert code.shape == (2, CODE, 24 // STRIDE, 32 // STRIDE)
    assert code.numel() < depth.numel()


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size_comes_back_positive_and_whole(net, height, width):
    depth, mask = scene(height, width, 1)
    result = net(depth, mask)
    assert result.shape == depth.shape
    assert result.isfinite().all()
    assert (result > 0).all()
    assert net.encode(depth, mask).shape[-2:] == (math.ceil(height / STRIDE), math.ceil(width / STRIDE))


@pytest.mark.parametrize("junk", [0.0, -3.0, math.nan, math.inf, 1e9])
def test_invalid_pixels_are_not_looked_at_and_poison_no_gradient(net, junk):
    depth, mask = scene()
    result = net(depth.masked_fill(~mask, junk).requires_grad_(), mask)
    assert torch.equal(result, net(depth, mask))
    net.zero_grad()
    result.log().mean().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_filling_up_is_the_same_as_invalid_pixels(net):
    depth, mask = scene(22, 30)
    wide = torch.nn.functional.pad(depth, (0, 2, 0, 2), value=1.0)
    assert torch.equal(net.encode(depth, mask), net.encode(wide, torch.nn.functional.pad(mask, (0, 2, 0, 2))))


def test_invalid_is_not_the_same_as_any_depth(net):
    depth, mask = scene()
    flat = torch.full_like(depth, 3.0)
    assert not torch.allclose(net.encode(flat, mask), net.encode(flat, torch.ones_like(mask)))


def test_absolute_depth_is_seen(net):
    depth, mask = scene()
    assert not torch.allclose(net.encode(depth, mask), net.encode(2 * depth, mask))


def test_gradients_reach_every_parameter(net):
    net.zero_grad()
    net(*scene()).log().square().mean().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_learns_to_reproduce_a_map():
    torch.manual_seed(0)
    net = DepthAutoencoder()
    depth = torch.linspace(1, 9, 32).expand(1, 1, 8, 32)
    mask = torch.ones_like(depth, dtype=torch.bool)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    errors = []
    for _ in range(25):
        error = (net(depth, mask).log() - depth.log()).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]


def test_the_code_can_teach_features_of_other_size_and_channels(net):
    student = torch.randn(2, 24, 12, 16, requires_grad=True)
    loss = affinity_distillation(student, net.encode(*scene()))
    loss.sum().backward()
    assert loss.shape == (2,)
    assert student.grad.any()
    assert affinity_distillation(net.encode(*scene()), net.encode(*scene())).abs().max() == 0
