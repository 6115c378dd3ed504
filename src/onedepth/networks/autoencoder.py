"""The depth-to-depth network G of the resolution-mismatch method (Xu et al., arXiv 2109.11573).

It learns to reproduce depth maps; places that it codes alike then belong together, and the depth network is
taught to find the same places alike (`losses.affinity_distillation`). The paper names its purpose only; the
form below is ours.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onedepth.networks.decoders.refine import ResidualConv

STRIDE = 4  # of the code
CODE = 8  # channels of the code: half of the 4 x 4 pixels it stands for, so that G cannot just copy
_WIDTHS = (32, 64, 96)  # channels at strides 1, 2, 4
_LOG_START = math.log(3.0)  # metres; middle of the depths of usual scenes
_LOG_LIMITS = (math.log(1e-3), math.log(1e4))  # metres; keeps exp() finite


class DepthAutoencoder(nn.Module):
    """Encoder and decoder on log depth with a narrow code between them and no way around it.

    There is no normalisation layer: it would take away the absolute depth of a map.
    """

    def __init__(self) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.Conv2d(2, _WIDTHS[0], 3, padding=1), ResidualConv(_WIDTHS[0])]
        for fine, coarse in pairwise(_WIDTHS):
            down += [nn.Conv2d(fine, coarse, 4, stride=2, padding=1), ResidualConv(coarse)]
        up: list[nn.Module] = [nn.Conv2d(CODE, _WIDTHS[-1], 3, padding=1), ResidualConv(_WIDTHS[-1])]
        for coarse, fine in pairwise(_WIDTHS[::-1]):
            up += [
                nn.Conv2d(coarse, fine, 1),
                nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False),
                ResidualConv(fine),
            ]
        self.down = nn.Sequential(*down, nn.Conv2d(_WIDTHS[-1], CODE, 1))
        self.up = nn.Sequential(*up, nn.ReLU(), nn.Conv2d(_WIDTHS[0], 1, 3, padding=1))

    def forward(self, depth: Tensor, mask: Tensor) -> Tensor:
        """Reproduce a depth map from its code.

        Args:
            depth: (B, 1, H, W) metres, always of the same camera convention (say canonical depth); whatever
                stands at invalid pixels is not looked at.
            mask: (B, 1, H, W) bool, where depth is valid.

        Returns:
            (B, 1, H, W) metres, > 0, at every pixel.
        """
        height, width = depth.shape[-2:]
        log_depth: Tensor = self.up(self.encode(depth, mask)).float()[..., :height, :width] + _LOG_START
        return log_depth.clamp(*_LOG_LIMITS).exp()

    def encode(self, depth: Tensor, mask: Tensor) -> Tensor:
        """Code of a depth map, (B, 1, H, W) to (B, CODE, ceil(H / 4), ceil(W / 4)).

        Sizes that are no multiples of 4 are filled up with invalid pixels on the right and below.
        """
        log_depth = torch.where(mask, depth, 1.0).log() - _LOG_START
        x = torch.cat([log_depth * mask, mask.to(log_depth.dtype)], 1)
        x = F.pad(x, (0, -x.shape[-1] % STRIDE, 0, -x.shape[-2] % STRIDE))
        code: Tensor = self.down(x)
        return code
