"""DaB-Net's decoder: channel attention, and dynamic cross-attention between scales.

The finest map x9 looks at itself through the eyes of the coarser ones: queries and keys come from a coarser
map, values from x9, and weights per image say how much each scale counts. Names of the maps (x9 ... x72) are
those of the released code, where they told the channels of HRNet-W18; widths here suit light encoders.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onedepth.networks.decoders.base import Decoder

STRIDES = (2, 4, 8, 16)  # of x9, x18, x36, x72
WIDTHS = (32, 48, 80, 128)  # their channels (source: 32, 64, 128, 256)
GRIDS = (8, 8, 16)  # stride of the grid on which x18, x36, x72 attend
_REDUCTION = 16  # of the channel attention, and channels of the weights' hidden layer


class DcaDecoder(Decoder):
    """Squeeze-excite fusion from coarse to fine, then three cross-attentions fused with weights per image.

    Differences from the source: no Dropout2d(0.1) on x9, which would make a step depend on how a batch is
    split over processes; the head ends in log depth rather than in a sigmoid. An encoder that starts at
    stride 4 has no skip for x9, which then refines the upsampled x18 alone.

    Args:
        channels: Channels of the encoder levels.
        strides: Their strides, rising from 2 or 4, each twice the one before, up to 32.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        skip = dict(zip(strides, channels, strict=True))
        self.strides, self.widths, self.stride = STRIDES, WIDTHS, 1
        self.has_finest = STRIDES[0] in skip
        deep = (*WIDTHS[1:], channels[-1])
        self.fuse = nn.ModuleList(
            ExciteFusion(d + skip.get(s, 0), w) for d, s, w in zip(deep, STRIDES, WIDTHS, strict=True)
        )
        self.attend = nn.ModuleList(
            CrossAttention(width, WIDTHS[0], (stride, STRIDES[0]), grid)
            for width, stride, grid in zip(WIDTHS[1:], STRIDES[1:], GRIDS, strict=True)
        )
        self.weigh = FusionWeights(channels[-1], len(WIDTHS))
        self.head = nn.Sequential(
            nn.Conv2d(WIDTHS[0], 16, 3, padding=1),
            nn.ELU(),
            nn.Upsample(scale_factor=2.0, mode="nearest"),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ELU(),
            nn.Conv2d(16, 1, 3, padding=1),
        )

    def pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map encoder features to x9 with attention, x18, x36, x72 (channels `WIDTHS`, strides `STRIDES`)."""
        *skips, deepest = features
        maps = [deepest]
        for level in reversed(range(len(STRIDES))):
            index = level if self.has_finest else level - 1
            maps.append(self.fuse[level](maps[-1], skips[index] if index >= 0 else None))
        x9, *coarser = maps[:0:-1]
        weights = self.weigh(deepest)
        # w0 x9 + sum w_s (attended_s + x9) = x9 + sum w_s attended_s, for the weights sum to one: less
        # memory, and exactly x9 where the values are zero.
        fused = x9
        for index, (attend, coarse) in enumerate(zip(self.attend, coarser, strict=True), 1):
            fused = fused + weights[:, index, None, None, None] * attend(coarse, x9)
        return [fused, *coarser]


class ExciteFusion(nn.Module):
    """Upsample the deeper map, append the skip, weigh the channels (squeeze-excite), 3x3 convolution.

    Args:
        channels: Of the deeper map and the skip together.
        width: Of the result.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        hidden = max(channels // _REDUCTION, 4)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)
        self.mix = nn.Conv2d(channels, width, 3, padding=1)

    def forward(self, deep: Tensor, skip: Tensor | None) -> Tensor:
        """Map (B, C, h, w), and a skip (B, D, 2h, 2w) if there is one, to (B, width, 2h, 2w)."""
        x = F.interpolate(deep, scale_factor=2.0, mode="nearest")
        if skip is not None:
            x = torch.cat([x, skip], 1)
        gate = self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True))))
        return F.relu(self.mix(x * gate.sigmoid()))


class CrossAttention(nn.Module):
    """Queries and keys from a coarser map, values from the finest, on a common coarse grid.

    out = upsample(softmax(Q^T K) V) with a softmax over the keys and, as in the source, without the usual
    division by sqrt(d). Torch's fused attention never stores the N x N weights (N = 5120 at 1024x320), given
    that queries, keys and values have the same dimension and lie in memory token by token; an exported graph
    may store them.

    Args:
        width: Channels of the coarser map.
        finest: Channels of the finest map, of the result, and of queries, keys and values.
        strides: Of the coarser and of the finest map.
        grid: Stride of the grid.
    """

    def __init__(self, width: int, finest: int, strides: tuple[int, int], grid: int) -> None:
        super().__init__()
        self.shrink, self.reach = (max(grid // s, 1) for s in strides)
        self.query = nn.Conv2d(width, finest, 1, bias=False)
        self.key = nn.Conv2d(width, finest, 1, bias=False)
        self.value = nn.Conv2d(finest, finest, 1, bias=False)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Map (B, width, h, w) and (B, finest, H, W) to (B, finest, H, W)."""
        if self.shrink > 1:
            coarse = F.avg_pool2d(coarse, self.shrink)
        values = self.value(F.avg_pool2d(fine, self.reach))
        query, key, value = (
            tokens.flatten(2).transpose(1, 2).unsqueeze(1).contiguous()
            for tokens in (self.query(coarse), self.key(coarse), values)
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        out = seen.squeeze(1).transpose(1, 2).reshape(values.shape)
        return F.interpolate(out, scale_factor=float(self.reach), mode="nearest")


class FusionWeights(nn.Module):
    """Weights per image, positive with sum one, from the deepest features ("dynamic fusion").

    The source has a 3x3 convolution after the global average; on a single place it is a 1x1.

    Args:
        channels: Of the deepest features.
        count: Of the weights.
    """

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(channels, _REDUCTION, 1)
        self.out = nn.Conv2d(_REDUCTION, count, 1)

    def forward(self, deepest: Tensor) -> Tensor:
        """Map (B, channels, h, w) to (B, count)."""
        pooled = deepest.mean((2, 3), keepdim=True)
        weights: Tensor = self.out(F.relu(self.hidden(pooled))).flatten(1).softmax(1)
        return weights
