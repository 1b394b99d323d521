"""Convolutions of few channels, written anew for a processor that computes many at a time.

onnxruntime computes a convolution in blocks of 16 output channels (of 8 without AVX-512) and fills up what a layer
lacks with zeros: a layer of one output channel costs as much as one of 16. Here neighbouring outputs of a channel take
the free places: a kernel moved by a step is another output channel of a larger kernel, which then moves several steps
at once. The sums are the same but for their order.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

_STEPS = 4  # of an image with one channel: 4 rows and 4 columns become 16 channels


def widened(model: bytes, *, frames: int, block: int) -> bytes:
    """`model`, an ONNX file over images of `frames` rows, with its narrow convolutions made wide where that pays.

    `block`: how many output channels are computed at a time. The images' columns must be a multiple of 4.
    """
    proto = onnx.load_from_string(model)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in proto.graph.node:
        outputs = _narrow_outputs(node, constants)
        if outputs == 1 and frames % _STEPS == 0:
            nodes += _one_channel(proto.graph, node, constants)
        elif outputs and 2 * outputs <= block and frames % 2 == 0:
            nodes += _pairs_of_rows(proto.graph, node, constants)
        else:
            nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    serialised: bytes = proto.SerializeToString()
    return serialised


def channels_at_a_time() -> int:
    """16 where this processor has AVX-512, else 8."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 8
    return 16 if " avx512f " in flags else 8


def shifted_kernels(kernel: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """float32[outputs, inputs, height, width] to [rows, columns, outputs, inputs, height + rows - 1, …].

    Kernel [r, c, o] gives channel o of the output r rows and c columns further on.
    """
    outputs, inputs, height, width = kernel.shape
    wide = np.zeros((rows, columns, outputs, inputs, height + rows - 1, width + columns - 1), np.float32)
    for row in range(rows):
        for column in range(columns):
            wide[row, column, :, :, row : row + height, column : column + width] = kernel
    return wide


def _narrow_outputs(node: onnx.NodeProto, constants: dict[str, NDArray[Any]]) -> int:
    """Output channels of a convolution over an image that moves by single steps and keeps its size; 0 for others."""
    if node.op_type != "Conv" or len(node.input) != 3 or not set(node.input[1:]) <= set(constants):
        return 0
    attributes = _attributes(node)
    outputs, _, height, width = constants[node.input[1]].shape
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    keeps_size = top + bottom == height - 1 and left + right == width - 1 and height > 1
    plain = attributes.get("strides", [1, 1]) == attributes.get("dilations", [1, 1]) == [1, 1]
    return outputs if keeps_size and plain and attributes.get("group", 1) == 1 else 0


def _one_channel(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: dict[str, NDArray[Any]]
) -> list[onnx.NodeProto]:
    """4 x 4 neighbours as 16 channels, and back into their places."""
    kernel, bias = (constants[name] for name in node.input[1:])
    wide = shifted_kernels(kernel, _STEPS, _STEPS).reshape(
        _STEPS**2, *kernel.shape[1:2], *_grown(kernel, _STEPS, _STEPS)
    )
    convolution, output = _convolution(graph, node, wide, np.repeat(bias, _STEPS**2), (_STEPS, _STEPS))
    spread = onnx.helper.make_node("DepthToSpace", [output], list(node.output), blocksize=_STEPS, mode="CRD")
    return [convolution, spread]


def _pairs_of_rows(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: dict[str, NDArray[Any]]
) -> list[onnx.NodeProto]:
    """Two rows at a time: [batch, 2 · outputs, rows / 2, columns], made [batch, outputs, rows, columns] again."""
    kernel, bias = (constants[name] for name in node.input[1:])
    outputs = len(kernel)
    wide = shifted_kernels(kernel, 2, 1).reshape(2 * outputs, *kernel.shape[1:2], *_grown(kernel, 2, 1))
    convolution, output = _convolution(graph, node, wide, np.tile(bias, 2), (2, 1))
    name = node.output[0]
    shape = _constant(graph, f"{name}/rows", np.array([0, -1, outputs, 0], np.int64))
    rows_first = onnx.helper.make_node("Transpose", [output], [f"{name}/pairs"], perm=[0, 2, 1, 3])
    apart = onnx.helper.make_node("Reshape", [f"{name}/pairs", shape], [f"{name}/apart"])
    channels_first = onnx.helper.make_node("Transpose", [f"{name}/apart"], [name], perm=[0, 2, 1, 3])
    return [convolution, rows_first, apart, channels_first]


def _convolution(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
    steps: tuple[int, int],
) -> tuple[onnx.NodeProto, str]:
    name = node.output[0]
    inputs = [node.input[0], _constant(graph, f"{name}/kernel", kernel), _constant(graph, f"{name}/bias", bias)]
    pads = _attributes(node)["pads"]
    wide = onnx.helper.make_node("Conv", inputs, [f"{name}/wide"], pads=pads, strides=list(steps))
    return wide, f"{name}/wide"


def _constant(graph: onnx.GraphProto, name: str, array: NDArray[Any]) -> str:
    graph.initializer.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
    return name


def _grown(kernel: NDArray[np.float32], rows: int, columns: int) -> tuple[int, int]:
    return kernel.shape[2] + rows - 1, kernel.shape[3] + columns - 1


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
