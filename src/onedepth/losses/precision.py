"""Losses are computed in full precision, whatever precision the network ran in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

_HALF = (torch.float16, torch.bfloat16)


def _widen(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in _HALF else value


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` outside autocast, with half-precision tensor arguments widened to float32.

    Sums over 200,000 pixels overflow float16 and lose everything below 1/256 in bfloat16; float32 and
    float64 arguments pass unchanged, so that gradients can be checked in float64.

    Args:
        function: any function on tensors.

    Returns:
        The same function with the guard around it.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        tensors = [v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)]
        device = tensors[0].device.type if tensors else "cpu"
        wide_args: Any = tuple(_widen(v) for v in args)
        wide_kwargs: Any = {k: _widen(v) for k, v in kwargs.items()}
        if not torch.is_autocast_enabled(device):
            return function(*wide_args, **wide_kwargs)
        with torch.autocast(device, enabled=False):
            return function(*wide_args, **wide_kwargs)

    return guarded
