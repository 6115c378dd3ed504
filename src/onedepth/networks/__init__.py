"""Networks: encoders from timm, decoders of our own, and the depth network that joins them."""

from onedepth.networks.checkpoint import load_checkpoint
from onedepth.networks.config import NetworkConfig
from onedepth.networks.depthnet import DepthNet

__all__ = ["DepthNet", "NetworkConfig", "load_checkpoint"]
