"""Magenta's checkpoint: every variable has its place, nothing is missing, nothing is left over."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden_weights import drawn

from aeolian.errors import InputError, UsageError
from aeolian.stages.import_checkpoint import Config, run
from aeolian.transcription.onsets_and_frames.config import PRESETS
from aeolian.transcription.onsets_and_frames.loading import find_checkpoint, load_model, read_checkpoint
from aeolian.transcription.onsets_and_frames.magenta_import import (
    config_of,
    converted,
    is_magenta,
    is_state_of_training,
)
from aeolian.transcription.onsets_and_frames.weights import read_model

SHAPES = {
    name: tuple(shape)
    for name, shape in json.loads(
        bytes(np.load(Path(__file__).with_name("onsets_and_frames_goldens.npz"))["variables"])
    ).items()
}
# Magenta's sizes over eight, so that a checkpoint is quickly written.
SMALLER = {768: 96, 5472: 57 * 12, 1024: 128, 512: 64, 520: 264 + 32, 48: 6, 96: 12}


def smaller(name, shape):
    if "cudnn_lstm" in name and "kernel" in name and not name.startswith("frame"):
        return (96 + 32, 128)
    return tuple(SMALLER.get(size, size) for size in shape)


@pytest.fixture
def variables():
    return {name: drawn(name, smaller(name, shape)) for name, shape in SHAPES.items() if not is_state_of_training(name)}


def write_checkpoint(prefix, arrays):
    """A checkpoint by TensorFlow's own writer, as `tf.train.Saver` calls it."""
    import tensorflow as tf

    prefix.parent.mkdir(parents=True, exist_ok=True)
    tensors = [tf.constant(array) for array in arrays.values()]
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=list(arrays), shape_and_slices=[""] * len(arrays), tensors=tensors
    )


def test_the_published_shapes_are_the_full_preset():
    assert is_magenta(SHAPES)
    assert config_of(SHAPES) == PRESETS["full"]


def test_gates_and_kernels_come_apart(variables):
    config, weights = converted(variables)
    name = "onsets/cudnn_lstm/stack_bidirectional_rnn/cell_0/bidirectional_rnn/bw/cudnn_compatible_lstm_cell"
    kernel, units = variables[f"{name}/kernel"], config.onset_units
    candidate = slice(units, 2 * units)
    assert np.array_equal(weights["onset.lstm.backward.kernel"][:, 2 * units : 3 * units], kernel[:-units, candidate])
    assert np.array_equal(
        weights["onset.lstm.backward.recurrent_kernel"][:, 2 * units : 3 * units], kernel[-units:, candidate]
    )
    bias = variables[f"{name}/bias"]
    forget = weights["onset.lstm.backward.bias"][units : 2 * units]
    assert np.array_equal(forget, bias[2 * units : 3 * units])
    assert np.array_equal(weights["velocity.output.kernel"], variables["velocity/onset_velocities/weights"])


@pytest.mark.parametrize("name", sorted(name for name in SHAPES if not is_state_of_training(name)))
def test_nothing_may_be_missing(variables, name):
    del variables[name]
    with pytest.raises(InputError, match=r"lacks the variable|convolutions a stack"):
        converted(variables)


def test_nothing_may_be_left_over(variables):
    with pytest.raises(InputError, match="no part of the model: frame/conv3/weights"):
        converted({**variables, "frame/conv3/weights": np.zeros((3, 3, 12, 12), np.float32)})


def test_shapes_and_numbers_are_checked(variables):
    with pytest.raises(InputError, match=r"offset.output.bias has shape \[87\], not \[88\]"):
        converted({**variables, "offsets/offset_probs/biases": np.zeros(87, np.float32)})
    with pytest.raises(InputError, match="not finite"):
        converted({**variables, "offsets/offset_probs/biases": np.full(88, np.inf, np.float32)})


@pytest.mark.heavy
@pytest.mark.parametrize("place", ["", "train"])
def test_a_checkpoint_with_the_state_of_training_becomes_a_model_folder(variables, tmp_path, place):
    slots = {f"training/{name}/Adam": array for name, array in variables.items()}
    clock = {"global_step": np.array(7, np.int64), "training/beta1_power": np.array(0.9, np.float32)}
    folder = tmp_path / "maestro_checkpoint"
    write_checkpoint(folder / place / "model.ckpt", {**variables, **slots, **clock})
    run(Config(folder, tmp_path / "model"))
    config, weights = read_model(tmp_path / "model")
    expected_config, expected = converted(variables)
    assert config == expected_config
    assert all(np.array_equal(weights[name], expected[name]) for name in expected) and set(weights) == set(expected)
    assert "imported from Magenta" in (tmp_path / "model" / "README.md").read_text()
    direct, direct_weights, version = load_model(folder)
    assert direct == config
    assert all(np.array_equal(direct_weights[name], weights[name]) for name in weights)
    assert version.startswith("model.ckpt.index sha256 ")


@pytest.mark.heavy
def test_checkpoints_that_cannot_be_used_say_why(variables, tmp_path):
    del variables["velocity/fc_end/biases"]
    write_checkpoint(tmp_path / "short" / "model.ckpt", variables)
    with pytest.raises(UsageError, match="lacks the variable velocity/fc_end/biases"):
        read_checkpoint(find_checkpoint(tmp_path / "short"))
    write_checkpoint(tmp_path / "other" / "ckpt", {"something/else": np.zeros(3, np.float32)})
    assert find_checkpoint(tmp_path / "other") is None
    for data in (tmp_path / "short").glob("*.data-*"):
        data.unlink()
    with pytest.raises(UsageError, match="data files are missing"):
        find_checkpoint(tmp_path / "short")


@pytest.mark.heavy
def test_without_a_place_the_model_lies_beside_the_checkpoint(variables, tmp_path):
    write_checkpoint(tmp_path / "maestro_checkpoint" / "model.ckpt", variables)
    run(Config(tmp_path / "maestro_checkpoint"))
    assert read_model(tmp_path / "maestro_checkpoint-imported")[0] == converted(variables)[0]
