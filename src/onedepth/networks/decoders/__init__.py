"""Decoders by name: each turns the features of an encoder into one map of log depth."""

from collections.abc import Callable, Sequence

from onedepth.errors import ConfigError
from onedepth.networks.decoders.base import Decoder
from onedepth.networks.decoders.dca import DcaDecoder
from onedepth.networks.decoders.light import LightDecoder
from onedepth.networks.decoders.refine import RefineDecoder

__all__ = ["DECODERS", "Decoder", "build_decoder"]

DECODERS: dict[str, Callable[[Sequence[int], Sequence[int]], Decoder]] = {
    "light": LightDecoder,
    "refine": RefineDecoder,
    "dca": DcaDecoder,
}


def build_decoder(name: str, channels: Sequence[int], strides: Sequence[int]) -> Decoder:
    """Build a decoder for encoder levels with these channels and strides.

    Raises:
        ConfigError: No decoder has this name.
    """
    if name not in DECODERS:
        raise ConfigError(f"decoder {name!r} is unknown; choose one of {', '.join(sorted(DECODERS))}")
    return DECODERS[name](channels, strides)
