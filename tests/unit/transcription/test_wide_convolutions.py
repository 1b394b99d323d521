"""Narrow convolutions made wide: the same numbers, from fewer and larger ones."""

import numpy as np
import onnx
import onnxruntime
import pytest

from aeolian.transcription.basic_pitch import WINDOW_FRAMES, WINDOW_SAMPLES, weights_path
from aeolian.transcription.wide_convolutions import channels_at_a_time, shifted_kernels, widened


def run(model, given):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: given})


def operators(model):
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def convolution(outputs, inputs, height, width, **attributes):
    rng = np.random.default_rng(outputs)
    kernel = rng.normal(size=(outputs, inputs, height, width)).astype(np.float32)
    bias = rng.normal(size=outputs).astype(np.float32)
    pads = [height // 2, width // 2, (height - 1) // 2, (width - 1) // 2]
    node = onnx.helper.make_node("Conv", ["x", "kernel", "bias"], ["y"], **{"pads": pads, **attributes})
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 4) for name in "xy"]
    constants = [onnx.numpy_helper.from_array(kernel, "kernel"), onnx.numpy_helper.from_array(bias, "bias")]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:], constants)
    return onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 15)], ir_version=8
    ).SerializeToString()


@pytest.mark.parametrize(("outputs", "block"), [(1, 8), (1, 16), (4, 8), (8, 16)])
@pytest.mark.parametrize(("height", "width"), [(3, 39), (5, 5), (7, 3), (4, 2)])
def test_the_numbers_are_the_same(outputs, block, height, width):
    image = np.random.default_rng(1).normal(size=(2, 3, 12, 20)).astype(np.float32)
    narrow = convolution(outputs, 3, height, width)
    wide = widened(narrow, frames=12, block=block)
    assert len(operators(wide)) > 1
    np.testing.assert_allclose(run(wide, image)[0], run(narrow, image)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("outputs", "attributes"),
    [
        (8, {"strides": [1, 3]}),
        (8, {"pads": [0, 0, 0, 0]}),
        (8, {"dilations": [1, 2]}),
        (16, {}),
    ],
)
def test_others_are_left_alone(outputs, attributes):
    narrow = convolution(outputs, 3, 3, 3, **attributes)
    assert operators(widened(narrow, frames=12, block=16)) == ["Conv"]


def test_what_does_not_divide_is_left_alone():
    assert operators(widened(convolution(1, 3, 3, 3), frames=11, block=16)) == ["Conv"]
    assert operators(widened(convolution(8, 3, 3, 3), frames=12, block=8)) == ["Conv"]


def test_a_shifted_kernel_by_hand():
    kernel = np.array([[[[1.0, 2.0]]]], np.float32)
    wide = shifted_kernels(kernel, 2, 2)
    assert wide.shape == (2, 2, 1, 1, 2, 3)
    assert wide[1, 1, 0, 0].tolist() == [[0, 0, 0], [0, 1, 2]]
    assert wide[0, 1, 0, 0].tolist() == [[0, 1, 2], [0, 0, 0]]


@pytest.mark.parametrize("block", [8, 16])
def test_basic_pitch_hears_the_same(block):
    weights = weights_path().read_bytes()
    windows = np.random.default_rng(2).normal(0, 0.1, (2, WINDOW_SAMPLES, 1)).astype(np.float32)
    wide = widened(weights, frames=WINDOW_FRAMES, block=block)
    assert operators(wide).count("DepthToSpace") == 3
    for found, expected in zip(run(wide, windows), run(weights, windows), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_this_processor_has_a_block():
    assert channels_at_a_time() in (8, 16)
