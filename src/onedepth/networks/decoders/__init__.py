"""Decoders by name: each turns encoder features into one map at half the input resolution."""

from collections.abc import Callable, Sequence

from torch import nn

from onedepth.errors import ConfigError
from onedepth.networks.decoders.light import LightDecoder

DECODERS: dict[str, Callable[[Sequence[int], Sequence[int]], nn.Module]] = {"light": LightDecoder}


def build_decoder(name: str, channels: Sequence[int], strides: Sequence[int]) -> nn.Module:
    """Build a decoder for encoder levels with these channels and strides.

    Raises:
        ConfigError: No decoder has this name.
    """
    if name not in DECODERS:
        raise ConfigError(f"decoder {name!r} is unknown; choose one of {', '.join(sorted(DECODERS))}")
    return DECODERS[name](channels, strides)
