"""The network: Magenta's outputs for Magenta's weights, in Keras and without it; shapes, gradients, files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from golden_weights import drawn
from small_model import TINY, drawn_weights

from aeolian.errors import UsageError
from aeolian.transcription.onsets_and_frames.config import PRESETS, ModelConfig, from_document, to_document
from aeolian.transcription.onsets_and_frames.magenta_import import converted, is_state_of_training
from aeolian.transcription.onsets_and_frames.network import Network
from aeolian.transcription.onsets_and_frames.weights import (
    WEIGHTS_NAME,
    check,
    count,
    read_model,
    write_model,
)

HERE = Path(__file__).parent
GOLDENS = np.load(HERE / "onsets_and_frames_goldens.npz")
# The issue asks for 1e-3; float32 gives this.
PROBABILITY_TOLERANCE, VELOCITY_TOLERANCE = 1e-5, 1e-4


def mel(frames, seed=0):
    return np.random.default_rng(seed).normal(-20, 20, (frames, 229)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


@pytest.fixture(scope="module")
def magentas():
    shapes = json.loads(bytes(GOLDENS["variables"]))
    return converted({n: drawn(n, tuple(s)) for n, s in shapes.items() if not is_state_of_training(n)})


def assert_is_golden(onset, offset, frame, velocity):
    for name, found in (("onset", onset), ("offset", offset), ("frame", frame)):
        np.testing.assert_allclose(found, GOLDENS[name], rtol=0, atol=PROBABILITY_TOLERANCE, err_msg=name)
    np.testing.assert_allclose(velocity, GOLDENS["velocity"], rtol=0, atol=VELOCITY_TOLERANCE)


def test_without_keras_it_is_magentas(magentas):
    assert_is_golden(*Network(*magentas).hear(GOLDENS["mel"]))


@pytest.mark.heavy
def test_in_keras_it_is_magentas(magentas):
    from aeolian.transcription.onsets_and_frames.model import OnsetsAndFrames

    config, weights = magentas
    model = OnsetsAndFrames(config)
    model.put_in(weights)
    said = {name: np.asarray(value)[0] for name, value in model(GOLDENS["mel"][np.newaxis]).items()}
    assert_is_golden(*(sigmoid(said[name]) for name in ("onset", "offset", "frame")), said["velocity"])
    activation = sigmoid(said["activation"])
    np.testing.assert_allclose(activation, GOLDENS["activation"], rtol=0, atol=PROBABILITY_TOLERANCE)


PARITY = """
import sys
import numpy as np
sys.path.insert(0, {here!r})
from small_model import TINY, drawn_weights
from aeolian.transcription.onsets_and_frames.model import OnsetsAndFrames, keras
from aeolian.transcription.onsets_and_frames.network import Network

assert keras.backend.backend() == {backend!r}
weights = drawn_weights(TINY)
mel = np.random.default_rng(3).normal(-20, 20, (2, 70, 229)).astype(np.float32)
model = OnsetsAndFrames(TINY)
model.put_in(weights)
said = {{name: np.array(value) for name, value in model(mel).items()}}
heard = [Network(TINY, weights).hear(piece) for piece in mel]
for name in ("onset", "offset", "frame", "velocity"):
    expected = said[name] if name == "velocity" else 1 / (1 + np.exp(-said[name]))
    assert expected.shape == (2, 70, 88) and expected.dtype == np.float32
    assert np.ptp(expected) > 0.1, name
    difference = np.abs(np.stack([getattr(h, name) for h in heard]) - expected).max()
    assert difference <= 1e-4, (name, difference)
read = model.read_out()
assert all(np.array_equal(read[name], weights[name]) for name in weights) and set(read) == set(weights)
half = OnsetsAndFrames(TINY, dtype="mixed_bfloat16")
half.put_in(weights)
near = half(mel)
assert {{str(np.array(v).dtype) for v in near.values()}} == {{"float32"}}
assert np.abs(np.array(near["onset"]) - said["onset"]).mean() < 0.05
assert half.stacks["onset"].convs[1].compute_dtype == "bfloat16" and half.combined_lstm.compute_dtype == "float32"
print("same")
"""


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_keras_and_onnx_say_the_same(backend):
    code = PARITY.format(here=str(HERE), backend=backend)
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "same", done.stderr[-2000:]


@pytest.mark.heavy
def test_training_changes_statistics_and_the_frames_do_not_teach_onsets():
    import tensorflow as tf

    from aeolian.transcription.onsets_and_frames.model import OnsetsAndFrames

    model = OnsetsAndFrames(TINY)
    model.put_in(drawn_weights(TINY))
    before = model.read_out()
    variables = model.named_variables()
    with tf.GradientTape() as tape:
        frame = model(mel(40)[np.newaxis], training=True)["frame"]
        loss = tf.reduce_mean(tf.square(frame))
    names = [name for name in variables if "moving" not in name]
    gradients = dict(zip(names, tape.gradient(loss, [variables[name].value for name in names]), strict=True))
    taught = {name.split(".")[0] for name, gradient in gradients.items() if gradient is not None}
    assert taught == {"frame", "combined"}
    after = model.read_out()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if "moving" in name}


def test_published_sizes():
    assert count(PRESETS["full"]) == sum(
        int(np.prod(shape))
        for name, shape in json.loads(bytes(GOLDENS["variables"])).items()
        if not name.startswith("training") and name != "global_step"
    )
    assert 2 * count(PRESETS["small"]) < 12e6
    assert count(PRESETS["small"]) < 6e6


def test_a_model_folder_round_trips(tmp_path):
    weights = drawn_weights(TINY)
    write_model(tmp_path / "single", TINY, weights, half=False, name="tiny")
    write_model(tmp_path / "half", TINY, weights, half=True)
    config, single = read_model(tmp_path / "single")
    assert config == TINY
    assert all(np.array_equal(single[name], weights[name]) for name in weights)
    _, half = read_model(tmp_path / "half")
    assert {array.dtype for array in half.values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(half[name], weights[name].astype(np.float16)) for name in weights)
    sizes = [(tmp_path / kind / WEIGHTS_NAME).stat().st_size for kind in ("single", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    again = tmp_path / "again"
    write_model(again, TINY, weights, half=True)
    assert all((again / p.name).read_bytes() == p.read_bytes() for p in (tmp_path / "half").iterdir())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda w: w.pop("onset.dense.bias"), "onset.dense.bias is missing"),
        (lambda w: w.update(extra=np.zeros(3, np.float32)), "extra is not part of the model"),
        (lambda w: w.update({"frame.output.bias": np.zeros(87, np.float32)}), r"has shape \[87\], not \[88\]"),
        (lambda w: w["frame.output.bias"].fill(np.nan), "frame.output.bias holds numbers that are not finite"),
        (lambda w: w["onset.norm_1.moving_variance"].fill(-1), "holds a negative variance"),
        (lambda w: w.update({"frame.output.bias": np.zeros(88, np.int32)}), "numbers of type int32"),
    ],
)
def test_weights_that_do_not_fit_are_named(damage, message):
    weights = drawn_weights(TINY)
    damage(weights)
    with pytest.raises(UsageError, match=message):
        check(weights, TINY, "the file")


def test_folders_that_hold_no_model_say_so(tmp_path):
    with pytest.raises(UsageError, match="no Onsets and Frames model"):
        read_model(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        read_model(tmp_path)
    (tmp_path / "config.json").write_text('{"format": "aeolian-transformer-1", "model": {}}')
    with pytest.raises(UsageError, match="not of an Onsets and Frames model"):
        read_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(to_document(TINY)))
    with pytest.raises(UsageError, match="cannot be read as weights"):
        read_model(tmp_path)
    (tmp_path / WEIGHTS_NAME).write_bytes(b"\xff" * 100)
    with pytest.raises(UsageError, match="cannot be read as weights"):
        read_model(tmp_path)


def test_configurations_round_trip_and_are_checked():
    assert from_document(json.loads(json.dumps(to_document(TINY))), "x") == TINY
    with pytest.raises(UsageError, match="unknown fields: conv_filter"):
        from_document({"format": to_document(TINY)["format"], "model": {"conv_filter": 3}}, "x")
    with pytest.raises(UsageError, match="one length"):
        ModelConfig(conv_filters=(3, 3))
    with pytest.raises(UsageError, match="integer from 1"):
        ModelConfig(dense_units=0)
    with pytest.raises(UsageError, match="leave nothing"):
        ModelConfig(conv_pools=(1, 16, 16))


def test_inference_loads_neither_keras_nor_tensorflow():
    code = (
        "import sys; from aeolian.transcription.onsets_and_frames import inference, magenta_import, transcriber;"
        "print([m for m in ('keras', 'tensorflow', 'jax', 'librosa', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
