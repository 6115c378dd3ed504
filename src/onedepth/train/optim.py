"""Optimiser, learning-rate schedule and moving average of the weights."""

import math

import torch
from torch import Tensor, nn

from onedepth.train.recipe import Optimiser

_PRETRAINED = ("depth.encoder.", "pose.encoder.")


def build_optimiser(system: nn.Module, config: Optimiser) -> torch.optim.AdamW:
    """AdamW with a lower rate for a pretrained encoder and no decay of biases and normalisation."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in system.named_parameters():
        peak = config.encoder_lr if name.startswith(_PRETRAINED) else config.lr
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((peak, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": peak, "peak_lr": peak, "weight_decay": decay}
            for (peak, decay), parameters in groups.items()
        ],
        fused=True,
    )


def rate(step: int, steps: int, config: Optimiser) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then half a cosine down to `final`."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    progress = (step - config.warmup) / max(1, steps - config.warmup)
    return config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def set_rate(optimiser: torch.optim.Optimizer, share: float) -> None:
    """Set every group's learning rate to this share of its peak."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak_lr"] * share


class MovingAverage:
    """Exponential moving average of a network's parameters and buffers.

    Args:
        network: Its state at this moment starts the average.
        decay: Share kept per step once warmed up; early steps use (1 + n) / (10 + n) so that the
            initial weights are forgotten soon.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network's weights after optimiser step number `step` (from 0)."""
        keep = min(self.decay, (1 + step) / (10 + step))
        ours: list[Tensor] = []
        theirs: list[Tensor] = []
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                ours.append(self.state[name])
                theirs.append(value)
            else:
                self.state[name].copy_(value)
        torch._foreach_lerp_(ours, theirs, 1.0 - keep)
