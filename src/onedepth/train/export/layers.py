"""Which parts of a model file are calculated in 8 bits, and which stay in float.

Measured with the shipped network on images it was not trained on: with all of it in 8 bits the metres move by
1.9 % indoors and 4.6 % on KITTI, with these parts in float by 1.2 % and 2.8 %, and it is no slower:

* Before and after the network all stays in float: sizes and focal lengths are no pictures.
* The first three convolutions. Their inputs are large and their channels few, so 8 bits save nothing there.
* The head: one step of 256 of the logarithm of depth would be several percent of metres.
* Where the last fusion narrows and adds maps: their range is wide and the head follows directly. Its 3x3
  convolutions, most of its work, are in 8 bits all the same.
"""

from collections.abc import Iterable, Sequence

from onnx import GraphProto, NodeProto

from onedepth.errors import ModelFileError
from onedepth.train.export.graph import PREFIX

FIRST = 3  # convolutions that stay in float
OPERATORS = ("Conv", "Add", "Relu", "Clip", "Resize", "Concat", "MaxPool")
"""What can be in 8 bits; others get and give float."""


def int8_nodes(graph: GraphProto) -> list[str]:
    """First outputs (which name nodes) of the nodes to calculate in 8 bits, in the graph's order.

    Args:
        graph: Of a model file in float.

    Raises:
        ModelFileError: Nothing is left for 8 bits.
    """
    network = [node for node in graph.node if node.output[0].startswith(PREFIX)]
    convolutions = [place for place, node in enumerate(network) if node.op_type == "Conv"]
    if len(convolutions) <= FIRST + 1:
        raise ModelFileError(
            f"the network has {len(convolutions)} convolutions, of which {FIRST + 1} stay in float; export "
            "it without int8"
        )
    middle = network[convolutions[FIRST] : convolutions[-1]]
    kept = _last_fusion(graph, middle)
    return [node.output[0] for node in middle if node.op_type in OPERATORS and node.output[0] not in kept]


def head(graph: GraphProto) -> NodeProto:
    """The last convolution: its output is the logarithm of canonical depth, up to a constant."""
    last: NodeProto = [node for node in graph.node if node.op_type == "Conv"][-1]
    return last


def _last_fusion(graph: GraphProto, middle: Sequence[NodeProto]) -> set[str]:
    """Outputs of the narrowing and adding nodes from the last enlargement of features to the head."""
    enlargements = [node for node in middle if node.op_type == "Resize"]
    if not enlargements:
        return set()
    wide = _wide_convolutions(graph)
    after = _descendants(enlargements[-1], middle)
    inside = [node for node in middle if node.output[0] in after]
    feeding = {name for node in inside if node.op_type != "Conv" for name in node.input}
    narrow = {
        node.output[0]
        for node in middle
        if node.op_type == "Conv" and node.output[0] in feeding and node.output[0] not in wide
    }
    in_int8 = wide | {node.output[0] for node in inside if set(node.input) & wide and node.op_type == "Relu"}
    return (after | narrow) - in_int8


def _wide_convolutions(graph: GraphProto) -> set[str]:
    """Outputs of the convolutions that look at more than one pixel."""
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    return {node.output[0] for node in convolutions if max(shapes[node.input[1]][2:], default=1) > 1}


def _descendants(start: NodeProto, nodes: Iterable[NodeProto]) -> set[str]:
    """Outputs of a node and of all that depend on it; `nodes` are sorted by dependence."""
    found = set(start.output)
    for node in nodes:
        if found & set(node.input):
            found |= set(node.output)
    return found
