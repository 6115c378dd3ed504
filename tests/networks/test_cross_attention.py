"""The dynamic cross-attention decoder (DaB-Net)."""

import pytest
import torch
from network_cases import CHANNELS, STRIDES, features
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from onedepth.networks.decoders.dca import CrossAttention, DcaDecoder, ExciteFusion, FusionWeights


def decoder(first=2):
    torch.manual_seed(0)
    levels = [(c, s) for c, s in zip(CHANNELS, STRIDES, strict=True) if s >= first]
    return DcaDecoder([c for c, _ in levels], [s for _, s in levels])


def slow_attention(block, coarse, fine):
    """The block as the source writes it: the whole matrix A, one image after the other, and A itself."""
    out, matrices = [], []
    for x, x9 in zip(coarse.split(1), fine.split(1), strict=True):
        x = F.avg_pool2d(x, block.shrink)
        v = block.value(F.avg_pool2d(x9, block.reach))
        q, k = block.query(x).flatten(2)[0], block.key(x).flatten(2)[0]  # (D, N)
        a = torch.stack([row.exp() / row.exp().sum() for row in (q.T @ k)])
        seen = (v.flatten(2)[0] @ a.T).view_as(v)
        out.append(seen.repeat_interleave(block.reach, 2).repeat_interleave(block.reach, 3))
        matrices.append(a)
    return torch.cat(out), torch.stack(matrices)


@pytest.mark.parametrize(("stride", "grid"), [(4, 8), (8, 8), (16, 16)])
def test_attention_is_its_slow_twin_whose_rows_sum_to_one(stride, grid):
    torch.manual_seed(0)
    block = CrossAttention(6, 5, (stride, 2), grid).double()
    coarse = torch.randn(2, 6, 64 // stride, 96 // stride, dtype=torch.float64)
    fine = torch.randn(2, 5, 32, 48, dtype=torch.float64)
    expected, matrix = slow_attention(block, coarse, fine)
    assert matrix.shape[-1] == (64 // grid) * (96 // grid)
    torch.testing.assert_close(matrix.sum(-1), torch.ones_like(matrix[..., 0]))
    torch.testing.assert_close(block(coarse, fine), expected)


def test_attention_moves_a_constant_nowhere():
    block = CrossAttention(6, 5, (8, 2), 8)
    fine = torch.randn(2, 5, 1, 1).expand(2, 5, 32, 48)
    torch.testing.assert_close(block(torch.randn(2, 6, 8, 12), fine), block.value(fine))


def test_fusion_weights_are_positive_and_sum_to_one_for_each_image():
    torch.manual_seed(0)
    weigh = FusionWeights(5, 4)
    weights = weigh(10 * torch.randn(3, 5, 2, 3))
    assert weights.shape == (3, 4)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(3))
    assert not torch.allclose(weights[0], weights[1])


def plain(net, levels):
    """x9 ... x72 without any attention."""
    *skips, x = levels
    skips = [None] * (4 - len(skips)) + skips
    maps = []
    for fuse, skip in zip(list(net.fuse)[::-1], skips[::-1], strict=True):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = x if skip is None else torch.cat([x, skip], 1)
        gate = torch.sigmoid(fuse.excite(F.relu(fuse.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        x = F.relu(fuse.mix(gate * x))
        maps.append(x)
    return maps[::-1]


@pytest.mark.parametrize("first", [2, 4])
def test_without_values_the_decoder_is_exactly_x9(first):
    net = decoder(first)
    levels = features(first=first)
    x9 = plain(net, levels)[0]
    assert not torch.allclose(net.pyramid(levels)[0], x9)
    for block in net.attend:
        nn.init.zeros_(block.value.weight)
    assert torch.equal(net.pyramid(levels)[0], x9)


@pytest.mark.parametrize("first", [2, 4])
def test_fusion_is_the_weighted_sum_of_the_source(first):
    net = decoder(first)
    levels = features(first=first)
    x9, *coarser = plain(net, levels)
    candidates = [x9] + [
        slow_attention(block, x, x9)[0] + x9 for block, x in zip(net.attend, coarser, strict=True)
    ]
    weights = net.weigh(levels[-1])
    expected = sum(w[:, None, None, None] * c for w, c in zip(weights.unbind(1), candidates, strict=True))
    maps = net.pyramid(levels)
    torch.testing.assert_close(maps[0], expected, rtol=1e-4, atol=1e-5)
    for ours, twin in zip(maps[1:], coarser, strict=True):
        torch.testing.assert_close(ours, twin)


def test_channel_attention_can_close_a_channel():
    block = ExciteFusion(3, 4)
    nn.init.zeros_(block.excite.weight)
    block.excite.bias.data = torch.tensor([100.0, 100.0, -100.0])
    deep, skip = torch.randn(1, 2, 3, 3), torch.randn(1, 1, 6, 6)
    assert torch.equal(block(deep, skip), block(deep, torch.zeros_like(skip)))
    assert not torch.equal(block(deep, skip), block(0 * deep, skip))


class Largest(TorchDispatchMode):
    """Notes the number of elements of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sizes = [t.numel() for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        self.elements = max([self.elements, *sizes])
        return result


def test_no_matrix_of_all_pairs_is_ever_made():
    height, width = 320, 1024
    tokens = (height // 8) * (width // 8)
    net = decoder()
    levels = [f.requires_grad_() for f in features(height, width, batch=1)]
    with Largest() as largest:
        maps = net.pyramid(levels)
        maps[0].sum().backward()
    assert tokens == 5120
    assert levels[0].grad is not None
    assert largest.elements <= 2 * maps[0].numel() < tokens**2 / 4
