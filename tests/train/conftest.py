"""Checkpoints of small random networks, written as training writes them."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import ModelProto
from safetensors.torch import save_file

from onedepth.networks import DepthNet, NetworkConfig, load_checkpoint
from train_cases import write_world

logging.getLogger("torch.__trace").disabled = True  # else pytest records each step of the exporter

SIZES = ((96, 64), (64, 96), (64, 64), (160, 64))
RECIPE = {"name": "small", "licence": "CC0-1.0", "sources": [{"name": "rooms"}, {"name": "streets"}]}


@pytest.fixture(scope="session")
def write_checkpoint() -> Callable[..., Path]:
    """Write a random network; keyword arguments go to `NetworkConfig`."""

    def write(path: Path, recipe: dict[str, Any] | None = None, **config: Any) -> Path:
        torch.manual_seed(5)
        network = DepthNet(NetworkConfig(**{"encoder": "test_resnet", "input_sizes": SIZES, **config}))
        with torch.no_grad():
            network.decoder.head.weight.mul_(2)  # an untrained network says nearly the same everywhere
        header = {"format": 1, "network": network.config.model_dump(mode="json")}
        header |= {"recipe": RECIPE if recipe is None else recipe}
        tensors = {f"ema.{name}": value.contiguous() for name, value in network.state_dict().items()}
        save_file(tensors, path, metadata={"onedepth": json.dumps(header)})
        return path

    return write


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small scene folders for every kind of supervision."""
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def checkpoint(write_checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of four input sizes."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "small.safetensors", canonical_focal=50.0)


@pytest.fixture(scope="session")
def exported(checkpoint: Path) -> ModelProto:
    """Its bare network; exporting is slow, so it is done once."""
    from onedepth.train.export.network import export_network

    return export_network(load_checkpoint(checkpoint))
