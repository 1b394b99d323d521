"""Onsets and Frames without Keras: a configuration and weights as two ONNX graphs, run by onnxruntime.

The same computation as `model.OnsetsAndFrames` outside training; a test holds the two together. The "ears" are the
stacks up to their LSTMs: nearly all of the arithmetic, and what they say of a frame depends on a few frames around it.
The "memory" is the LSTMs and what follows: little work, but what it says of a frame depends on seconds around it. So a
long recording goes through the ears in short parts, and through the memory in long ones. Batch normalisation is folded
into the convolutions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from aeolian.transcription.mel import MEL_BINS
from aeolian.transcription.onsets_and_frames.config import LSTM_STACKS, PITCHES, STACKS, ModelConfig
from aeolian.transcription.onsets_and_frames.heard import Heard
from aeolian.transcription.onsets_and_frames.weights import DIRECTIONS, Weights

Floats = NDArray[np.float32]
_OPSET = 17
_IR_VERSION = 8


class Network:
    """Runs a model, each call on one core; may be called from several threads at once."""

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self.config = config
        self._ears = _session(ears(config, weights))
        self._memory = _session(memory(config, weights))

    def features(self, mel: Floats) -> Floats:
        """What the ears say of a spectrogram in dB, float32[n, 229]: float32[n, features].

        A frame depends on `config.context_frames` to each side; beyond the ends there is nothing.
        """
        features: Floats = self._ears.run(["features"], {"mel": mel})[0]
        return features

    def remember(self, features: Floats) -> Heard:
        """The outputs for features in their order, float32[n, features]; each depends on all."""
        return Heard(*self._memory.run(list(Heard._fields), {"features": features}))

    def hear(self, mel: Floats) -> Heard:
        """The outputs for a spectrogram in dB, float32[n, 229], all at once."""
        return self.remember(self.features(mel))


def _session(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _feature_widths(config: ModelConfig) -> dict[str, int]:
    """The columns of the features: of a stack with an LSTM what the LSTM hears, of the others the logits."""
    return {stack: config.dense_units if stack in LSTM_STACKS else PITCHES for stack in STACKS}


def ears(config: ModelConfig, weights: Weights) -> onnx.ModelProto:
    """`mel` [frames, 229] to `features` [frames, …], the stacks side by side."""
    graph = _Graph(weights)
    image = graph.add("Reshape", ["mel", graph.shape(1, 1, -1, MEL_BINS)])
    parts = [_stack(graph, config, stack, image) for stack in STACKS]
    graph.add("Concat", parts, output="features", axis=1)
    return graph.model(("mel", MEL_BINS), {"features": sum(_feature_widths(config).values())})


def _stack(graph: "_Graph", config: ModelConfig, stack: str, image: str) -> str:
    for n, pool in enumerate(config.conv_pools):
        image = graph.convolution(f"{stack}.conv_{n}", f"{stack}.norm_{n}", image, config.norm_epsilon)
        if pool > 1:
            image = graph.add("MaxPool", [image], kernel_shape=[1, pool], strides=[1, pool])
    rows = graph.add("Transpose", [image], perm=[0, 2, 3, 1])
    rows = graph.add("Reshape", [rows, graph.shape(-1, config.flat_features)])
    rows = graph.add("Relu", [graph.dense(f"{stack}.dense", rows)])
    return rows if stack in LSTM_STACKS else graph.dense(f"{stack}.output", rows)


def memory(config: ModelConfig, weights: Weights) -> onnx.ModelProto:
    """`features` [frames, …] to the fields of `Heard`."""
    graph = _Graph(weights)
    widths = _feature_widths(config)
    sizes = graph.constant(np.array(list(widths.values()), np.int64))
    parts = {stack: stack if stack == "velocity" else f"{stack}_features" for stack in STACKS}
    graph.split("features", sizes, list(parts.values()))
    for stack in LSTM_STACKS:
        rows = graph.lstm(f"{stack}.lstm", parts[stack], config.lstm_units(stack) or 0)
        graph.add("Sigmoid", [graph.dense(f"{stack}.output", rows)], output=stack)
    activation = graph.add("Sigmoid", [parts["frame"]])
    combined = graph.add("Concat", ["onset", activation, "offset"], axis=1)
    rows = graph.lstm("combined.lstm", combined, config.combined_units)
    graph.add("Sigmoid", [graph.dense("combined.output", rows)], output="frame")
    return graph.model(("features", sum(widths.values())), dict.fromkeys(Heard._fields, PITCHES))


class _Graph:
    """Nodes and constants as they are added."""

    def __init__(self, weights: Weights) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._weights = weights
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], *, output: str = "", **attributes: Any) -> str:
        """A node with one output, whose name, if none is given, is made up and returned."""
        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, array: NDArray[Any]) -> str:
        """An array of the graph."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def shape(self, *sizes: int) -> str:
        """A shape for Reshape."""
        return self.constant(np.array(sizes, np.int64))

    def dense(self, name: str, rows: str) -> str:
        """rows · kernel + bias."""
        kernel, bias = self._weights[f"{name}.kernel"], self._weights[f"{name}.bias"]
        return self.add("Gemm", [rows, self.constant(kernel), self.constant(bias)])

    def convolution(self, name: str, norm: str, image: str, epsilon: float) -> str:
        """Convolution, batch normalisation and ReLU of an image [1, channels, frames, bins]."""
        beta, mean, variance = (
            self._weights[f"{norm}.{part}"].astype(np.float64) for part in ("beta", "moving_mean", "moving_variance")
        )
        scale = 1 / np.sqrt(variance + epsilon)
        kernel = (self._weights[f"{name}.kernel"] * scale).transpose(3, 2, 0, 1).astype(np.float32)
        bias = (beta - mean * scale).astype(np.float32)
        inputs = [image, self.constant(kernel), self.constant(bias)]
        return self.add("Relu", [self.add("Conv", inputs, kernel_shape=[3, 3], pads=[1, 1, 1, 1])])

    def lstm(self, name: str, rows: str, units: int) -> str:
        """A bidirectional LSTM over rows [frames, features]: [frames, 2 · units]."""
        parts: dict[str, list[Floats]] = {"kernel": [], "recurrent_kernel": [], "bias": []}
        for direction in DIRECTIONS:
            for part, arrays in parts.items():
                arrays.append(_onnx_gates(self._weights[f"{name}.{direction}.{part}"]).T)
        recurrent_bias = np.zeros((2, 4 * units), np.float32)
        kernel, recurrent, bias = (np.stack(arrays) for arrays in parts.values())
        inputs = [
            self.add("Unsqueeze", [rows, self.shape(1)]),
            self.constant(kernel),
            self.constant(recurrent),
            self.constant(np.concatenate([bias, recurrent_bias], axis=1)),
        ]
        both = self.add("LSTM", inputs, direction="bidirectional", hidden_size=units)
        return self.add("Reshape", [both, self.shape(-1, 2 * units)])

    def split(self, rows: str, sizes: str, outputs: Sequence[str]) -> None:
        """Columns of `rows` side by side, as matrices of their own."""
        self.nodes.append(onnx.helper.make_node("Split", [rows, sizes], outputs, axis=1))

    def model(self, given: tuple[str, int], outputs: Mapping[str, int]) -> onnx.ModelProto:
        """Everything that was added, as a model: names and columns of its input and outputs."""

        def value(name: str, columns: int) -> onnx.ValueInfoProto:
            return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["frames", columns])

        graph = onnx.helper.make_graph(
            self.nodes,
            "onsets_and_frames",
            [value(*given)],
            [value(*output) for output in outputs.items()],
            self._constants,
        )
        return onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )


def _onnx_gates(array: Floats) -> Floats:
    """Gates in Keras's order (input, forget, candidate, output) in ONNX's (input, output, forget, candidate)."""
    first, forget, candidate, output = np.split(array, 4, axis=-1)
    return np.concatenate([first, output, forget, candidate], axis=-1)
