"""A model file small enough to be computed by hand: canonical depth is 1 + the mean of the three colours."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HEIGHT, CANONICAL_FOCAL = 64, 48, 100.0

METADATA: dict[str, Any] = {
    "format": 1,
    "name": "tiny",
    "version": "1.0",
    "kind": "metric",
    "canonical_focal": CANONICAL_FOCAL,
    "input_sizes": [[WIDTH, HEIGHT]],
    "network": {"encoder": "none"},
    "parameters": 1,
    "training_data": ["nothing"],
    "licence": "Apache-2.0",
    "depth_range": [0.1, 10.0],
    "created": "2025-01-01",
    "onedepth": "0.1.0",
}


def metres(colour: float, fx: float, fy: float, width: int, height: int) -> float:
    """What the model says of a photo all of one grey (0 to 1): canonical depth * seen / canonical focal."""
    seen = (fx * WIDTH / width * fy * HEIGHT / height) ** 0.5
    return (1 + colour) * seen / CANONICAL_FOCAL


def write_tiny_model(path: Path, metadata: dict[str, Any] | None = METADATA) -> Path:
    """Write the model; `metadata` None leaves it out, as in a model that is not ours."""
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["image"], ["shape"], end=2),
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float", "axis_2"], ["grey"], keepdims=0),
            helper.make_node(
                "Resize", ["grey", "", "", "network_size"], ["small"], mode="linear", antialias=1
            ),
            helper.make_node("Div", ["small", "255"], ["unit"]),
            helper.make_node("Add", ["unit", "1"], ["canonical"]),
            helper.make_node("Cast", ["shape"], ["height_width"], to=TensorProto.FLOAT),
            helper.make_node("ReduceProd", ["height_width"], ["area"], keepdims=0),
            helper.make_node("ReduceProd", ["focal"], ["focal_squared"], keepdims=0),
            helper.make_node("Div", ["focal_squared", "area"], ["relative_squared"]),
            helper.make_node("Sqrt", ["relative_squared"], ["relative"]),
            helper.make_node("Mul", ["relative", "scale"], ["metres_per_canonical"]),
            helper.make_node("Mul", ["canonical", "metres_per_canonical"], ["metres"]),
            helper.make_node("Resize", ["metres", "", "", "shape"], ["depth"], mode="linear"),
        ],
        "tiny",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 3]),
            helper.make_tensor_value_info("focal", TensorProto.FLOAT, [2]),
        ],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, ["height", "width"])],
        [
            numpy_helper.from_array(np.array(value, dtype), name)
            for name, value, dtype in (
                ("axis_2", [2], np.int64),
                ("network_size", [HEIGHT, WIDTH], np.int64),
                ("255", 255, np.float32),
                ("1", 1, np.float32),
                ("scale", (WIDTH * HEIGHT) ** 0.5 / CANONICAL_FOCAL, np.float32),
            )
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {"onedepth": json.dumps(metadata)})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
