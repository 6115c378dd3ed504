"""The graph of a model file: ONNX operators around an exported network, from a photo to metres.

Decisions, with what they were measured to cost on a 12-megapixel photo:

* The photo is turned channels-first and resized as uint8, not as float. Peak memory falls by 140 MB and the
  first run by 0.2 s; the rounding (at most one grey level) is that of Pillow and of torch's uint8 resize.
* Channels come first before the resize although resizing channels-last is 0.05 s faster, because that
  layout is the one which every execution provider implements.
* Both resizes filter when they shrink (antialias), also the last one: a photo smaller than the network's
  input gets averages of the metres, not samples of them.
* The last resize works on two axes and writes the output directly; with four axes, the reshape afterwards
  would copy the whole map.
* Opset 18 is the first whose Resize can filter, and the one torch exports natively.
"""

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, compose, helper, numpy_helper, parser

from onedepth.networks.config import STRIDE, NetworkConfig
from onedepth.predict.metadata import METADATA_KEY, ModelInfo

OPSET, IR_VERSION = 18, 10  # the IR of ONNX 1.16, which ONNX Runtime 1.18 reads
PREFIX = "network_"
NETWORK_INPUT, NETWORK_OUTPUT = "unit", "canonical"
RESIZED = "resized"  # the photo as the network gets it, uint8 (1, 3, h, w); not an output, but for `verify`

# How the input size is chosen. `mismatch` is exp |log(w / h) - log(width / height)|: the same order as the
# logarithms, in exact integers.
_BY_ASPECT = """
    photo_height, photo_width = Split <axis: int = 0, num_outputs: int = 2> (size)
    wide = Mul (input_widths, photo_height)
    tall = Mul (input_heights, photo_width)
    larger = Max (wide, tall)
    smaller = Min (wide, tall)
    larger_real = Cast <to: int = 11> (larger)
    smaller_real = Cast <to: int = 11> (smaller)
    mismatch = Div (larger_real, smaller_real)
    nearest = ArgMin <axis: int = 0, keepdims: int = 0> (mismatch)
    input_size = Gather <axis: int = 0> (input_sizes, nearest)
"""
# The photo's focal length becomes the canonical one, as far as the pixel budget allows.
_BY_FOCAL = """
    size_exact = Cast <to: int = 11> (size)
    focal_exact = Cast <to: int = 11> (focal)
    focal_square = ReduceProd <keepdims: int = 0> (focal_exact)
    focal_length = Sqrt (focal_square)
    canonical_exact = Cast <to: int = 11> (canonical_focal)
    wanted_ratio = Div (canonical_exact, focal_length)
    photo_area = ReduceProd <keepdims: int = 0> (size_exact)
    area_share = Div (pixel_budget, photo_area)
    largest_ratio = Sqrt (area_share)
    ratio = Min (wanted_ratio, largest_ratio)
    wanted_size = Mul (size_exact, ratio)
    strides_exact = Div (wanted_size, stride)
    strides_round = Round (strides_exact)
    strides = Max (strides_round, one_stride)
    stride_size = Mul (strides, stride)
    input_size = Cast <to: int = 7> (stride_size)
"""
_CHOICE = {"cstm_label": _BY_ASPECT, "cstm_image": _BY_FOCAL}
_TEXT = """
<ir_version: 10, opset_import: ["": 18, "onedepth": 1]>
onedepth (uint8[height, width, 3] image, float[2] focal) => (float[height, width] depth)
{{
    size = Shape <end: int = 2> (image)
{choice}
    planes = Transpose <perm: ints = [2, 0, 1]> (image)
    batch = Unsqueeze (planes, first_axis)
    batch_size = Concat <axis: int = 0> (one_rgb, input_size)
    resized = Resize <mode: string = "linear", coordinate_transformation_mode: string = "half_pixel",
                    antialias: int = 1, exclude_outside: int = 1> (batch, , , batch_size)
    resized_real = Cast <to: int = 1> (resized)
    network_unit = Div (resized_real, white)

    network_canonical = onedepth.Network (network_unit)

    size_real = Cast <to: int = 1> (size)
    input_size_real = Cast <to: int = 1> (input_size)
    zoom = Div (input_size_real, size_real)
    zoom_area = ReduceProd <keepdims: int = 0> (zoom)
    focal_area = ReduceProd <keepdims: int = 0> (focal)
    seen_area = Mul (focal_area, zoom_area)
    seen_focal = Sqrt (seen_area)
    scale = Div (seen_focal, canonical_focal)
    canonical_map = Squeeze (network_canonical, batch_axes)
    metres = Mul (canonical_map, scale)
    depth = Resize <mode: string = "linear", coordinate_transformation_mode: string = "half_pixel",
                    antialias: int = 1, exclude_outside: int = 1> (metres, , , size)
}}
"""


def build_model(network: ModelProto, config: NetworkConfig, info: ModelInfo) -> ModelProto:
    """Join the steps before and after the network to it.

    Metres are z = z_c * f / f_c (Metric3D, the inverse of its label transform), with the focal length the
    network saw, f = sqrt(fx * w / W * fy * h / H), w x h the input size and W x H the size of the photo.

    Args:
        network: What `export_network` returned; input (1, 3, h, w) in [0, 1], output (1, 1, h, w).
        config: Sizes and canonical focal length.
        info: Metadata to put into the file.

    Returns:
        A model with the inputs and output that `onedepth.predict.metadata` states.
    """
    model = parser.parse_model(graph_text(config))
    model.graph.initializer.extend(_constants(config))
    _splice(model, compose.add_prefix(network, PREFIX))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", OPSET))
    model.ir_version, model.producer_name, model.producer_version = IR_VERSION, "onedepth", info.onedepth
    helper.set_model_props(model, {METADATA_KEY: info.to_json()})
    onnx.checker.check_model(model, full_check=True)
    return model


def graph_text(config: NetworkConfig) -> str:
    """The graph around the node `onedepth.Network`, in ONNX's text form."""
    return _TEXT.format(choice=_CHOICE[config.canonical])


def _constants(config: NetworkConfig) -> list[onnx.TensorProto]:
    widths, heights = np.array(config.input_sizes, np.int64).T
    by_aspect = {
        "input_widths": widths,
        "input_heights": heights,
        "input_sizes": np.stack([heights, widths], axis=1),
    }
    by_focal = {
        "pixel_budget": np.array(config.pixel_budget, np.float64),
        "stride": np.array(STRIDE, np.float64),
        "one_stride": np.array(1, np.float64),
    }
    values = {
        **(by_aspect if config.canonical == "cstm_label" else by_focal),
        "first_axis": np.array([0], np.int64),
        "one_rgb": np.array([1, 3], np.int64),
        "batch_axes": np.array([0, 1], np.int64),
        "white": np.array(255, np.float32),
        "canonical_focal": np.array(config.canonical_focal, np.float32),
    }
    return [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in values.items()]


def _splice(model: ModelProto, network: ModelProto) -> None:
    """Put the network's nodes where `onedepth.Network` stands, without the exporter's remarks."""
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        nodes.extend(map(_bare, network.graph.node) if node.domain == "onedepth" else [node])
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for tensor in network.graph.initializer:
        bare = onnx.TensorProto()
        bare.CopyFrom(tensor)
        for field in ("doc_string", "metadata_props"):
            bare.ClearField(field)
        model.graph.initializer.append(bare)


def _bare(node: NodeProto) -> NodeProto:
    bare = NodeProto()
    bare.CopyFrom(node)
    for field in ("name", "doc_string", "metadata_props"):
        bare.ClearField(field)
    return bare
