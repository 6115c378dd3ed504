"""Checkpoints: everything a run needs to go on as if it had never stopped, in one safetensors file.

Tensors carry the name of what they belong to (`network.`, `pose.`, `ema.`, `optimiser.`, `rng.`); the rest is
JSON in the header. The data order needs no state: it is a function of the seed and the step.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from onedepth import __version__
from onedepth.errors import ModelFileError
from onedepth.files.atomic import atomic_path
from onedepth.networks.checkpoint import EMA, HEADER, read_header
from onedepth.train.optim import MovingAverage
from onedepth.train.recipe import Recipe

_OPTIMISER, _RNG = "optimiser.", "rng."


def save_state(
    path: Path,
    *,
    step: int,
    recipe: Recipe,
    parts: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    average: MovingAverage | None,
    best: float | None,
) -> None:
    """Write a checkpoint to a temporary name, flush it to the disk, then rename it.

    Args:
        path: The file.
        step: Steps done.
        recipe: Of the run.
        parts: The networks by name; the depth network is `network`.
        optimiser: Its moments are kept.
        average: Moving average of the main network.
        best: Best value of the monitored validation number so far.
    """
    tensors: dict[str, Tensor] = {
        f"{name}.{k}": v for name, part in parts.items() for k, v in part.state_dict().items()
    }
    if average is not None:
        tensors |= {EMA + k: v for k, v in average.state.items()}
    for index, slots in optimiser.state_dict()["state"].items():
        tensors |= {f"{_OPTIMISER}{index}.{slot}": value for slot, value in slots.items()}
    tensors[_RNG + "torch"] = torch.get_rng_state()
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    header = {
        "format": 1,
        "onedepth": __version__,
        "step": step,
        "best": best,
        "network": recipe.network.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
        "checksum": _checksum(tensors),
    }
    # Not save_file: it writes to a temporary name of its own, which a killed process would leave behind.
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(save(tensors, metadata={HEADER: json.dumps(header)}))
        file.flush()
        os.fsync(file.fileno())


def restore_state(
    path: Path,
    *,
    parts: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    average: MovingAverage | None,
) -> dict[str, Any]:
    """Load a checkpoint into a freshly built run and return its header.

    A file that cannot be used changes nothing.

    Raises:
        ModelFileError: The file is damaged or belongs to another network.
    """
    header = read_header(path)
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dict)
        if header.get("checksum", _checksum(tensors)) != _checksum(tensors):
            raise ValueError("its numbers have changed since they were written")
        wanted = {f"{n}.{k}": v for n, part in parts.items() for k, v in part.state_dict().items()}
        wanted |= {EMA + k: v for k, v in (average.state if average else {}).items()}
        for name, value in wanted.items():
            if name not in tensors or tensors[name].shape != value.shape:
                raise ValueError(f"it has no {name} of shape {list(value.shape)}")
        for name, value in wanted.items():
            value.copy_(tensors[name])
        _restore_optimiser(optimiser, _under(tensors, _OPTIMISER))
        torch.set_rng_state(tensors[_RNG + "torch"])
    except (SafetensorError, OSError, RuntimeError, KeyError, ValueError) as error:
        raise ModelFileError(f"{path}: cannot be resumed from ({error})") from error
    return header


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 of all numbers: a flipped bit on a disk is no error to the file format."""
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(tensors[name].numpy().data, zlib.crc32(name.encode(), checksum))
    return checksum


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, slot = name.split(".", 1)
        state.setdefault(int(index), {})[slot] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    for parameter, slots in optimiser.state.items():
        for slot, value in slots.items():
            if value.shape == parameter.shape:
                # The fused optimiser goes through memory without looking at strides, so layouts must agree.
                slots[slot] = torch.empty_like(parameter).copy_(value)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
