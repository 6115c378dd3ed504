"""Network weights on disk: one safetensors file whose header says what network it is, and no pickle."""

import json
import os
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from onedepth.errors import ModelFileError
from onedepth.networks.config import NetworkConfig
from onedepth.networks.depthnet import DepthNet

HEADER = "onedepth"  # key of the JSON text in the safetensors metadata
NETWORK, EMA = "network.", "ema."  # prefixes of the weights as trained and of their moving average


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
    header: dict[str, object] = json.loads(text)
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
    except ValidationError as error:
        raise ModelFileError(f"{path}: its network description is not valid: {error}") from error
    network = DepthNet(config)
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        prefix = EMA if averaged and any(n.startswith(EMA) for n in names) else NETWORK
        state: dict[str, Tensor] = {
            n.removeprefix(prefix): file.get_tensor(n) for n in names if n.startswith(prefix)
        }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelFileError(f"{Path(path)}: weights do not fit its network: {error}") from error
    return network.eval()
