"""The depth network: image in, canonical depth out."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onedepth.errors import ConfigError
from onedepth.networks.config import STRIDE, NetworkConfig
from onedepth.networks.decoders import build_decoder
from onedepth.networks.encoder import build_encoder
from onedepth.networks.resize import resize
from onedepth.networks.statistics import freeze_statistics

_LOG_LIMITS = (math.log(1e-3), math.log(1e4))  # metres; keeps exp() finite, far outside any label


class DepthNet(nn.Module):
    """Canonical depth from an image: the depth as a camera of focal `canonical_focal` would see it.

    Metres are canonical depth times f / f_c, f the focal length at network resolution (Metric3D, CSTM_label).

    Args:
        config: Architecture and canonical camera.
        pretrained: Start the encoder from ImageNet weights.

    Raises:
        ConfigError: Unknown encoder or decoder, an encoder whose finest level is not at stride 2 or 4, or
            more scales than the decoder has levels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig, *, pretrained: bool = False) -> None:
        super().__init__()
        encoder = build_encoder(config.encoder, pretrained=pretrained)
        if encoder.strides[0] not in (2, 4) or encoder.strides[-1] != STRIDE:
            raise ConfigError(
                f"encoder {config.encoder!r} has strides {encoder.strides}; "
                f"needs 2 or 4 first and {STRIDE} last"
            )
        self.config = config
        self.strides = encoder.strides
        self.encoder = encoder.module
        self.decoder = build_decoder(config.decoder, encoder.channels, encoder.strides)
        widths = self.decoder.widths
        if config.scales > len(widths):
            raise ConfigError(
                f"scales: found {config.scales}, but decoder {config.decoder!r} has {len(widths)} levels here"
            )
        self.auxiliary = nn.ModuleList(nn.Conv2d(w, 1, 3, padding=1) for w in widths[1 : config.scales])
        self.register_buffer("mean", torch.tensor(encoder.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(encoder.std).view(1, 3, 1, 1), persistent=False)
        low, high = config.depth_range
        self.log_start = 0.5 * (math.log(low) + math.log(high))
        self.train()

    def forward(self, image: Tensor) -> Tensor:
        """Predict canonical depth.

        Args:
            image: (B, 3, H, W) RGB in [0, 1]; H and W multiples of 32.

        Returns:
            (B, 1, H, W) canonical depth in metres, > 0.
        """
        return self.decode(self.encode(image))

    def metres(self, image: Tensor, focal: Tensor) -> Tensor:
        """Predict metres for images of any size and the cameras that took them; differentiable throughout.

        What a model file does (Metric3D eq. 2): resize to an input size of the network, predict, scale by
        f / f_c with the focal length at that size, and resize back.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], upright and without lens distortion; any H and W.
            focal: Focal lengths in pixels of these images: (B,), or (B, 2) as fx, fy.

        Returns:
            (B, 1, H, W) z-depth in metres, > 0.

        Raises:
            ConfigError: The focal lengths do not fit the batch.
        """
        batch, _, height, width = image.shape
        if focal.shape not in ((batch,), (batch, 2)):
            raise ConfigError(f"focal: found shape {tuple(focal.shape)}, expected ({batch},) or ({batch}, 2)")
        focal = focal if focal.ndim == 1 else focal.prod(1).sqrt()
        wide, high = self.config.input_size(width, height, float(focal.detach().log().mean().exp()))
        seen = focal * math.sqrt(wide * high / (width * height))
        depth = self(resize(image, (high, wide))) * canonical_scale(seen, self.config.canonical_focal)
        return resize(depth, (height, width))

    def encode(self, image: Tensor) -> list[Tensor]:
        """Features (B, C_i, H / s_i, W / s_i) of an image as in `forward`, finest first."""
        features: list[Tensor] = self.encoder((image - self.mean) / self.std)
        return features[: len(self.strides)]

    def decode(self, features: list[Tensor]) -> Tensor:
        """Canonical depth (B, 1, H, W) from the features of `encode`."""
        return self._depth(self.decoder(features), self.decoder.stride)

    def forward_scales(self, image: Tensor) -> list[Tensor]:
        """Predict canonical depth at every scale of the configuration, for training.

        Args:
            image: (B, 3, H, W) RGB in [0, 1]; H and W multiples of 32.

        Returns:
            Metres, > 0: `config.scales` maps, the first that of `forward`, map i (B, 1, H / 2^i, W / 2^i).
        """
        return self.decode_scales(self.encode(image))

    def decode_scales(self, features: list[Tensor]) -> list[Tensor]:
        """The maps of `forward_scales` from the features of `encode`.

        Map i is read off the decoder's level i and upsampled by as much as the finest, hence its size.
        """
        levels = self.decoder.pyramid(features)
        depths = [self._depth(self.decoder.head(levels[0]), self.decoder.stride)]
        for head, level in zip(self.auxiliary, levels[1:], strict=False):
            depths.append(self._depth(head(level), self.decoder.strides[0]))
        return depths

    def _depth(self, log_depth: Tensor, factor: int) -> Tensor:
        """Depth in metres, `factor` times as large as a map of its logarithm relative to the start."""
        log_depth = log_depth.float() + self.log_start
        if factor > 1:
            log_depth = F.interpolate(
                log_depth, scale_factor=float(factor), mode="bilinear", align_corners=False
            )
        return log_depth.clamp(*_LOG_LIMITS).exp()

    def train(self, mode: bool = True) -> "DepthNet":
        """Set the mode; frozen normalisation statistics stay in evaluation mode."""
        super().train(mode)
        if self.config.freeze_statistics:
            freeze_statistics(self)
        return self


def canonical_scale(focal: Tensor, canonical_focal: float) -> Tensor:
    """Factor f / f_c that turns canonical depth into metres (Metric3D eq. 2), (B,) -> (B, 1, 1, 1).

    Args:
        focal: Focal length in pixels at the resolution the network sees, sqrt(fx * fy).
        canonical_focal: Focal length of the canonical camera.
    """
    return (focal / canonical_focal).view(-1, 1, 1, 1)
