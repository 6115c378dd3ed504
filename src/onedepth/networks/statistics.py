"""Frozen normalisation statistics: all views alike, and no dependence on how a batch is split."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze_statistics(module: nn.Module) -> None:
    """Put every batch normalisation in evaluation mode; to be called after each `train()`."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.eval()
