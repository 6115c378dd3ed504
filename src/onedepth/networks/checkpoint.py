"""Network weights on disk: one safetensors file whose header says what network it is, and no pickle."""

import json
import os
from typing import TypeVar

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from onedepth.errors import ConfigError, ModelFileError
from onedepth.files.atomic import write_bytes
from onedepth.networks.autoencoder import DepthAutoencoder
from onedepth.networks.config import NetworkConfig
from onedepth.networks.depthnet import DepthNet

HEADER = "onedepth"  # key of the JSON text in the safetensors metadata
# Prefixes of weights: as trained, their moving average, and those of a depth autoencoder.
NETWORK, EMA, AUTOENCODER = "network.", "ema.", "autoencoder."

Network = TypeVar("Network", bound=nn.Module)


def read_header(path: str | os.PathLike[str]) -> dict[str, object]:
    """The JSON header of a checkpoint.

    Raises:
        ModelFileError: Not a checkpoint of ours, truncated or unreadable.
    """
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(HEADER)
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{path}: not a readable checkpoint ({error}); expected a .safetensors file"
        ) from error
    if text is None:
        raise ModelFileError(
            f"{path}: no {HEADER!r} header; expected a checkpoint written by `onedepth train`"
        )
    try:
        header = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelFileError(
            f"{path}: its {HEADER!r} header is not JSON ({error}); the file is damaged"
        ) from error
    if not isinstance(header, dict):
        raise ModelFileError(
            f"{path}: its {HEADER!r} header is a {type(header).__name__}; expected an object"
        )
    return header


def load_checkpoint(path: str | os.PathLike[str], *, averaged: bool = True) -> DepthNet:
    """Load a trained network, in evaluation mode, ready to be called or fine-tuned.

    Args:
        path: A checkpoint written by `onedepth train`.
        averaged: Take the moving average of the weights where the checkpoint has one.

    Raises:
        ModelFileError: Not a checkpoint of ours, damaged, or its weights do not fit its own description.
    """
    header = read_header(path)
    try:
        config = NetworkConfig.model_validate(header.get("network"))
        network = DepthNet(config)
    except (ValidationError, ConfigError) as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path}: its network description is not valid: {reason}") from error
    state = (_read_part(path, EMA) if averaged else {}) or _read_part(path, NETWORK)
    return _fill(network, state, path)


def write_weights(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Write what `load_checkpoint` reads of a checkpoint, and nothing else: a quarter of it, to be published.

    The moving average takes the place of the weights; optimiser and random state are left out, so a run
    cannot be resumed from the file, but can start from it (`init`).

    Args:
        source: A checkpoint written by `onedepth train`.
        target: The file to write, whole or not at all.

    Raises:
        ModelFileError: As `load_checkpoint`.
        OneDepthError: The file cannot be written.
    """
    header = read_header(source)
    weights = load_checkpoint(source).state_dict()
    kept = {key: header[key] for key in ("format", "onedepth", "step", "network", "recipe") if key in header}
    state = {NETWORK + name: value.contiguous().clone() for name, value in weights.items()}
    write_bytes(target, save(state, {HEADER: json.dumps(kept)}))


def load_autoencoder(path: str | os.PathLike[str]) -> DepthAutoencoder:
    """Load a trained depth autoencoder, in evaluation mode.

    Raises:
        ModelFileError: Not a checkpoint of ours, damaged, or one of another network.
    """
    read_header(path)
    return _fill(DepthAutoencoder(), _read_part(path, AUTOENCODER), path)


def _read_part(path: str | os.PathLike[str], prefix: str) -> dict[str, Tensor]:
    with safe_open(path, "pt") as file:
        names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118  (no dict)
        return {name.removeprefix(prefix): file.get_tensor(name) for name in names}


def _fill(network: Network, state: dict[str, Tensor], path: str | os.PathLike[str]) -> Network:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ModelFileError(f"{path}: weights do not fit its network: {reason[:300]}") from error
    network.eval()
    return network
