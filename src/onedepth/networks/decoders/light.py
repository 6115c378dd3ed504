"""A light decoder: narrow 3x3 convolutions, bilinear upsampling, and a view of the whole image at the top."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onedepth.networks.decoders.base import Decoder

WIDTHS = {2: 24, 4: 40, 8: 64, 16: 96, 32: 128}  # stride of a level -> channels the decoder gives it


class LightDecoder(Decoder):
    """Top-down fusion of encoder features (U-Net style, additive skips) into one log-depth map.

    Args:
        channels: Channels of the encoder levels.
        strides: Their strides, rising, each twice the one before.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        widths = [WIDTHS[s] for s in strides]
        self.strides, self.widths, self.stride = tuple(strides), tuple(widths), strides[0]
        self.context = Context(channels[-1], widths[-1])
        self.fuse = nn.ModuleList(
            Fuse(deep, skip, width)
            for deep, skip, width in zip(widths[:0:-1], list(channels)[-2::-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], 1, 3, padding=1)

    def pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map features (B, C_i, H / s_i, W / s_i) to maps of the same strides with channels `WIDTHS`."""
        maps = [self.context(features[-1])]
        for fuse, skip in zip(self.fuse, list(features)[-2::-1], strict=True):
            maps.append(fuse(maps[-1], skip))
        return maps[::-1]


class Context(nn.Module):
    """Narrow the deepest features and add to each place what the whole image says (global average)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels, width, 1)
        self.whole = nn.Conv2d(channels, width, 1)
        self.mix = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, width, h, w)."""
        whole = self.whole(x.mean((2, 3), keepdim=True))
        x = F.relu(self.narrow(x) + whole)
        return x + F.relu(self.mix(x))


class Fuse(nn.Module):
    """Upsample the deeper map by two, add the skip, and refine with a residual 3x3 pair."""

    def __init__(self, deep: int, skip: int, width: int) -> None:
        super().__init__()
        self.lower = nn.Conv2d(deep, width, 1)
        self.skip = nn.Conv2d(skip, width, 1)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Map (B, deep, h, w) and (B, skip, 2h, 2w) to (B, width, 2h, 2w)."""
        x = F.interpolate(self.lower(deep), scale_factor=2.0, mode="bilinear", align_corners=False)
        x = torch.relu(x + self.skip(skip))
        return torch.relu(x + self.second(torch.relu(self.first(x))))
