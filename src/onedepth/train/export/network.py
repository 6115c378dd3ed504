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
    """Export a network with dynamic height and width, both multiples of 32, normalisation layers folded.

    The exporter proves from the shapes that one graph serves every such size, so nothing is traced for one.

    Args:
        network: In evaluation mode, on the CPU.

    Raises:
        ModelFileError: The exporter cannot express the network, for example because its encoder only takes
            one image size.
    """
    height, width = (torch.export.Dim(name, min=1, max=_LARGEST) for name in ("rows", "columns"))
    shapes = {"image": {2: STRIDE * height, 3: STRIDE * width}}
    example = torch.zeros(1, 3, 3 * STRIDE, 2 * STRIDE)
    try:
        with _quiet(), torch.inference_mode():
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                dynamic_shapes=shapes,
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
            f"any input size ({reason}); choose layers that do not depend on the image size"
        ) from error
    if program is None:
        raise ModelFileError("torch.onnx returned no model; install torch 2.6 or newer")
    return program.model_proto


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
