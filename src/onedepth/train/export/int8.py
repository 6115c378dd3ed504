"""A model file in 8 bits: weights int8 per channel, activations uint8 in the range seen on photos.

The format is QDQ: standard ONNX operators that a runtime fuses into integer ones (with QOperator the metres
of the shipped network moved four times as much). Weights take 7 of their 8 bits, because x86 processors
without VNNI add pairs of 8-bit products in 16 bits, which the full range overflows; that costs no accuracy.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from onedepth.errors import ModelFileError
from onedepth.predict.metadata import OUTPUT_DEPTH
from onedepth.train.export.calibration import CalibrationPhoto, Inputs
from onedepth.train.export.layers import OPERATORS, head, int8_nodes

_PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")  # keeps the quantiser from giving advice


def quantise(model: ModelProto, photos: Sequence[CalibrationPhoto]) -> ModelProto:
    """Make a copy of a model in 8 bits.

    Args:
        model: Of a model file in float, with batch normalisation folded.
        photos: To find the range of every activation on.

    Returns:
        A model with the same inputs, output and metadata.

    Raises:
        ModelFileError: The network has too few convolutions, or the quantiser fails.
        OneDepthError: A photo cannot be read.
    """
    prepared = _named(model)
    nodes = int8_nodes(prepared.graph)
    operators = {node.op_type for node in prepared.graph.node if node.name in nodes}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(prepared, source)
        try:
            with _quiet():
                quantize_static(
                    source,
                    target,
                    _Reader(photos),
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=[name for name in OPERATORS if name in operators],
                    nodes_to_quantize=nodes,
                    per_channel=True,
                    reduce_range=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.MinMax,
                )
        except (ValueError, TypeError, KeyError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelFileError(
                f"the network cannot be quantised ({reason}); export it without int8"
            ) from error
        quantised = _bare(onnx.load(target), model)
    _correct_scale(quantised, model, photos)
    return quantised


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Photos, one after the other, as the quantiser asks for them."""

    def __init__(self, photos: Sequence[CalibrationPhoto]) -> None:
        self._photos = iter(photos)

    def get_next(self) -> Inputs | None:
        photo = next(self._photos, None)
        return None if photo is None else photo.inputs()


def session(model: ModelProto) -> ort.InferenceSession:
    """Open a model on one core, as both sides of a comparison."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _correct_scale(quantised: ModelProto, model: ModelProto, photos: Sequence[CalibrationPhoto]) -> None:
    """Take the mean difference of the logarithm of depth out of the head's bias.

    Rounding shifts means, and the shifts add up from layer to layer (Nagel et al. 2019, "Data-free
    quantization through weight equalization and bias correction"). The last one is free to undo.
    """
    before, after = session(model), session(quantised)
    shifts = []
    for photo in photos:
        inputs = photo.inputs()
        wanted, found = (run.run([OUTPUT_DEPTH], inputs)[0] for run in (before, after))
        shifts.append(float(np.mean(np.log(found / wanted), dtype=np.float64)))
    name = head(model.graph).input[2]
    bias = next(tensor for tensor in quantised.graph.initializer if tensor.name == name)
    corrected = numpy_helper.to_array(bias) - np.float32(np.mean(shifts))
    bias.CopyFrom(numpy_helper.from_array(corrected, name))


def _named(model: ModelProto) -> ModelProto:
    """A copy whose nodes are called as their first outputs, marked as ready for the quantiser."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.name = node.output[0]
    helper.set_model_props(copy, dict([_PREPARED]))
    return copy


def _bare(quantised: ModelProto, model: ModelProto) -> ModelProto:
    """The quantiser's answer without names and remarks, and with all that the original says of itself."""
    for node in quantised.graph.node:
        node.ClearField("name")
    for field in ("value_info", "doc_string", "quantization_annotation"):
        quantised.graph.ClearField(field)
    bare = ModelProto()
    bare.CopyFrom(model)
    bare.graph.CopyFrom(quantised.graph)
    bare.graph.name = model.graph.name
    return bare


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's remarks, which go to the root logger, away from the user."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
