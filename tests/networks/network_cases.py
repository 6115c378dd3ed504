"""Small networks that the tests of this folder share."""

import torch
from torch import Tensor

from onedepth.networks import DepthNet, NetworkConfig

ENCODERS = ("tf_efficientnet_lite0", "mobilenetv3_small_050", "convnext_atto")
DECODERS = ("light", "refine", "dca")
SMALL = "mobilenetv3_small_050"
CHANNELS = (8, 12, 16, 24, 40)  # of made-up encoder levels
STRIDES = (2, 4, 8, 16, 32)


def network(encoder: str = SMALL, decoder: str = "light", seed: int = 0, **config: object) -> DepthNet:
    torch.manual_seed(seed)
    return DepthNet(NetworkConfig.model_validate({"encoder": encoder, "decoder": decoder, **config}))


def images(count: int = 2, height: int = 64, width: int = 96, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def features(height: int = 64, width: int = 96, first: int = 2, batch: int = 2) -> list[Tensor]:
    """Made-up encoder features of an image of this size, levels from stride `first`."""
    generator = torch.Generator().manual_seed(2)
    return [
        torch.randn(batch, c, height // s, width // s, generator=generator)
        for c, s in zip(CHANNELS, STRIDES, strict=True)
        if s >= first
    ]
