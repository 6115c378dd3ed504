"""Export the bare network: torch in, ONNX out, for every input size at once."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from onnx import ModelProto

from onedepth.errors import ModelFileError
from onedepth.networks import DepthNet
from onedepth.networks.config import STRIDE
from onedepth.train.export.graph import NETWORK_INPUT, NETWORK_OUTPUT, OPSET

_LARGEST = 128  # strides per side the exporter has to reason about: 4096 pixels


def export_network(network: DepthNet) -> ModelProto:
    """Export a network for all its input sizes, normalisation layers folded.

    With several sizes, height and width are dynamic: the exporter proves from the shapes that one graph
    serves every multiple of 32. With a single size they are constants, for encoders that take only one.

    Args:
        network: In evaluation mode, on the CPU.

    Raises:
        ModelFileError: The exporter cannot express the network, for example because its encoder only takes
            one image size and there are several.
    """
    sizes = network.config.input_sizes
    width, height = sizes[0]
    dynamic = len(set(sizes)) > 1 or network.config.canonical == "cstm_image"
    example = torch.zeros(1, 3, height, width)
    try:
        with _quiet(), torch.inference_mode():
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                dynamic_shapes=_dynamic_shapes() if dynamic else None,
                opset_version=OPSET,
                input_names=[NETWORK_INPUT],
                output_names=[NETWORK_OUTPUT],
                optimize=True,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelFileError(
            f"encoder {network.config.encoder!r}, decoder {network.config.decoder!r}: cannot be exported for "
            f"input sizes {list(sizes)} ({reason}); an encoder of one image size needs one input size"
        ) from error
    if program is None:
        raise ModelFileError("torch.onnx returned no model; install torch 2.6 or newer")
    return program.model_proto


def _dynamic_shapes() -> dict[str, dict[int, object]]:
    rows, columns = (torch.export.Dim(name, min=1, max=_LARGEST) for name in ("rows", "columns"))
    return {"image": {2: STRIDE * rows, 3: STRIDE * columns}}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's remarks about its own internals away from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
