"""The pose network: how a camera moved between two frames (Zhou et al., CVPR 2017; head of Monodepth2)."""

import torch
from torch import Tensor, nn

from onedepth.networks.encoder import build_encoder
from onedepth.networks.statistics import freeze_statistics

_WIDTH = 256  # channels of the head
_SMALL = 0.01  # scale of the output: training starts from nearly no motion


class PoseNet(nn.Module):
    """Relative pose from two frames, by an image encoder whose first convolution sees both at once.

    Args:
        encoder: Name of a timm model that supports `features_only`.
        pretrained: Start the encoder from ImageNet weights.
        freeze_normalisation: Keep the encoder's normalisation statistics, as in `NetworkConfig`.

    Raises:
        ConfigError: Unknown encoder, or its weights are not at hand.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, encoder: str = "resnet18", *, pretrained: bool = False, freeze_normalisation: bool = True
    ) -> None:
        super().__init__()
        parts = build_encoder(encoder, pretrained=pretrained)
        self.freeze_normalisation = freeze_normalisation
        self.level = len(parts.strides) - 1
        self.encoder = parts.module
        widen_first_convolution(self.encoder)
        self.register_buffer("mean", torch.tensor(parts.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(parts.std).view(1, 3, 1, 1), persistent=False)
        self.head = nn.Sequential(
            nn.Conv2d(parts.channels[-1], _WIDTH, 1),
            nn.ReLU(),
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(_WIDTH, 6, 1),
        )
        self.train()

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Motion that takes points from the first frame's camera to the second's.

        Args:
            first: (B, 3, H, W) RGB in [0, 1], never zoomed; H and W multiples of 32.
            second: Of the same shape.

        Returns:
            Axis times angle (B, 3) in radians, and translation (B, 3) in the unit of depth; turned into a
            matrix by `losses.pose_matrix`.
        """
        frames = torch.cat([(frame - self.mean) / self.std for frame in (first, second)], 1)
        motion = _SMALL * self.head(self.encoder(frames)[self.level]).mean((2, 3)).float()
        return motion[:, :3], motion[:, 3:]

    def train(self, mode: bool = True) -> "PoseNet":
        """Set the mode; frozen normalisation statistics stay in evaluation mode."""
        super().train(mode)
        if self.freeze_normalisation:
            freeze_statistics(self)
        return self


def widen_first_convolution(module: nn.Module, frames: int = 2) -> None:
    """Let a network's first convolution see several frames: its weights repeated, divided by their number.

    Several times the same image then gives exactly the features of that one image, so pretrained weights keep
    their meaning. Changes the module in place.

    Args:
        module: Its first convolution takes 3 channels.
        frames: How many images of 3 channels it takes afterwards.
    """
    first = next(layer for layer in module.modules() if isinstance(layer, nn.Conv2d))
    first.in_channels *= frames
    first.weight = nn.Parameter(first.weight.detach().repeat(1, frames, 1, 1) / frames)
