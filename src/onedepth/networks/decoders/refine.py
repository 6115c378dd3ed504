"""The RefineNet decoder of MiDaS (Ranftl et al., TPAMI 2022; architecture of Xian et al., CVPR 2018)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from onedepth.networks.decoders.base import Decoder

_FINEST = 4  # stride of the finest encoder level that is used, as in MiDaS
_HEAD = 32  # channels of the head at full resolution


class RefineDecoder(Decoder):
    """Residual refinement from coarse to fine with the same number of channels everywhere.

    As in MiDaS, an encoder level at stride 2 is left out: the last fusion and the head upsample instead, so
    that the result has the full resolution. Two differences. Upsampling has `align_corners=False`: MiDaS
    stretches each map until the centres of its corner pixels meet, which moves features against the image
    by up to half a coarse pixel, by an amount that depends on the size; here pixels cover the same piece of
    the image at every level and size. And the last ReLU is missing, for the map is a logarithm.

    Args:
        channels: Channels of the encoder levels.
        strides: Their strides, rising, each twice the one before.
        width: Channels of the decoder (MiDaS: 256; its small model, and here: 64).
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], width: int = 64) -> None:
        super().__init__()
        used = [(c, s) for c, s in zip(channels, strides, strict=True) if s >= _FINEST]
        self.strides = tuple(s // 2 for _, s in used)
        self.widths = (width,) * len(used)
        self.stride = max(self.strides[0] // 2, 1)
        self.project = nn.ModuleList(nn.Conv2d(c, width, 3, padding=1, bias=False) for c, _ in used)
        self.fuse = nn.ModuleList(FeatureFusion(width, skip=i + 1 < len(used)) for i in range(len(used)))
        self.head = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False),
            nn.Conv2d(width // 2, _HEAD, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(_HEAD, 1, 1),
        )

    def pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map encoder features to the fusions' results, fine to coarse, each at half its level's stride."""
        features = features[-len(self.project) :]
        levels = [project(x) for project, x in zip(self.project, features, strict=True)]
        maps = [self.fuse[-1](levels[-1])]
        for fuse, level in zip(self.fuse[-2::-1], levels[-2::-1], strict=True):
            maps.append(fuse(maps[-1], level))
        return maps[::-1]


class FeatureFusion(nn.Module):
    """Add the refined skip, refine, upsample by two.

    Args:
        width: Channels.
        skip: Whether there is a skip besides the deeper map; the deepest fusion has none.
    """

    def __init__(self, width: int, *, skip: bool) -> None:
        super().__init__()
        self.skip = ResidualConv(width) if skip else None
        self.merge = ResidualConv(width)

    def forward(self, deep: Tensor, skip: Tensor | None = None) -> Tensor:
        """Map (B, width, h, w), and the skip of the same shape, to (B, width, 2h, 2w)."""
        if self.skip is not None and skip is not None:
            deep = deep + self.skip(skip)
        return F.interpolate(self.merge(deep), scale_factor=2.0, mode="bilinear", align_corners=False)


class ResidualConv(nn.Module):
    """RefineNet's residual convolution unit: ReLU, 3x3, ReLU, 3x3, plus the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, h, w) to the same shape."""
        out: Tensor = x + self.second(F.relu(self.first(F.relu(x))))
        return out
