"""The light and the RefineNet decoder: geometry of their upsampling, and slow twins from their weights."""

import pytest
import torch
from network_cases import CHANNELS, DECODERS, STRIDES, features
from torch import nn
from torch.nn import functional as F

from onedepth.networks.decoders import build_decoder
from onedepth.networks.decoders.light import Fuse
from onedepth.networks.decoders.refine import FeatureFusion, RefineDecoder, ResidualConv


def decoder(name, first=2):
    torch.manual_seed(0)
    levels = [(c, s) for c, s in zip(CHANNELS, STRIDES, strict=True) if s >= first]
    return build_decoder(name, [c for c, _ in levels], [s for _, s in levels])


@pytest.mark.parametrize("first", [2, 4])
@pytest.mark.parametrize("name", DECODERS)
def test_pyramid_and_result_have_the_shapes_that_are_told(name, first):
    net = decoder(name, first)
    maps = net.pyramid(features(64, 96, first))
    assert [tuple(m.shape) for m in maps] == [
        (2, w, 64 // s, 96 // s) for w, s in zip(net.widths, net.strides, strict=True)
    ]
    assert all(b == 2 * a for a, b in zip(net.strides, net.strides[1:], strict=False))
    result = net(features(64, 96, first))
    assert tuple(result.shape) == (2, 1, 64 // net.stride, 96 // net.stride)


@pytest.mark.parametrize("name", DECODERS)
def test_every_encoder_level_that_is_used_counts(name):
    net = decoder(name)
    levels = [f.requires_grad_() for f in features()]
    net(levels).square().sum().backward()
    unused = [s for f, s in zip(levels, STRIDES, strict=True) if f.grad is None or not f.grad.any()]
    assert unused == ([2] if name == "refine" else [])  # MiDaS takes four levels, from stride 4


def silence(module):
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


def centres(count, stride):
    """Places of pixel centres in the image, as a map (1, 4, count, count)."""
    place = (torch.arange(count) + 0.5) * stride
    return place.expand(1, 4, count, count)


def fuse_light(x):
    block = Fuse(4, 4, 4)
    silence(block)
    block.lower.weight.data.copy_(torch.eye(4)[..., None, None])
    return block(x, torch.zeros(1, 4, 16, 16))


def fuse_refine(x):
    block = FeatureFusion(4, skip=True)
    silence(block)
    return block(x, torch.zeros_like(x))


@pytest.mark.parametrize("fuse", [fuse_light, fuse_refine])
def test_features_stay_where_they_are_in_the_image(fuse):
    """A map that tells where it is still does after upsampling; corner-aligned upsampling would move it."""
    fine = fuse(centres(8, 4))
    torch.testing.assert_close(fine[..., 1:-1], centres(16, 2)[..., 1:-1])


def test_residual_convolution_starts_from_the_identity():
    block = ResidualConv(4)
    x = torch.randn(1, 4, 5, 6)
    assert not torch.allclose(block(x), x)
    silence(block.second)
    assert torch.equal(block(x), x)


def double(x):
    return F.interpolate(x, size=(2 * x.shape[2], 2 * x.shape[3]), mode="bilinear", align_corners=False)


def test_light_decoder_is_what_its_weights_say():
    net = decoder("light")
    weights = net.state_dict()

    def conv(name, x):
        weight = weights[f"{name}.weight"]
        return F.conv2d(x, weight, weights[f"{name}.bias"], padding=weight.shape[-1] // 2)

    *skips, deepest = features()
    whole = conv("context.whole", deepest.mean((2, 3), keepdim=True))
    x = F.relu(conv("context.narrow", deepest) + whole)
    x = x + F.relu(conv("context.mix", x))
    for i, skip in enumerate(skips[::-1]):
        x = F.relu(double(conv(f"fuse.{i}.lower", x)) + conv(f"fuse.{i}.skip", skip))
        x = F.relu(x + conv(f"fuse.{i}.second", F.relu(conv(f"fuse.{i}.first", x))))
    torch.testing.assert_close(net(features()), conv("head", x))


def test_refine_decoder_is_what_midas_computes():
    net = decoder("refine")

    def unit(block, x):
        return x + block.second(F.relu(block.first(F.relu(x))))

    _, *levels = features()
    levels = [F.conv2d(x, p.weight, padding=1) for p, x in zip(net.project, levels, strict=True)]
    x = double(unit(net.fuse[3].merge, levels[3]))
    for fuse, level in zip(list(net.fuse)[2::-1], levels[2::-1], strict=True):
        x = double(unit(fuse.merge, x + unit(fuse.skip, level)))
    first, _, second, _, last = net.head
    expected = last(F.relu(second(double(first(x)))))
    torch.testing.assert_close(net(features()), expected)
    assert expected.shape[-2:] == (64, 96)


def test_refine_width_is_a_choice():
    assert RefineDecoder(CHANNELS, STRIDES, width=16).widths == (16,) * 4
