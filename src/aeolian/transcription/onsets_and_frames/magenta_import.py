"""Magenta's checkpoints of Onsets and Frames, by the names of their variables, as our weights.

The names are those of `magenta.models.onsets_frames_transcription.model` under TensorFlow 1. Sizes are read from the
shapes, so that a checkpoint of other hyper-parameters loads as well; what the shapes do not tell is Magenta's default.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.errors import InputError, UsageError
from aeolian.transcription.onsets_and_frames.config import ModelConfig
from aeolian.transcription.onsets_and_frames.weights import NORM_PARTS, Weights, check

# Our stack: Magenta's scope, and the scope of its last layer.
_SCOPES = {
    "onset": ("onsets", "onset_probs"),
    "offset": ("offsets", "offset_probs"),
    "velocity": ("velocity", "onset_velocities"),
    "frame": ("frame", "activation_probs"),
}
_CELL = "cudnn_lstm/stack_bidirectional_rnn/cell_0/bidirectional_rnn/{}/cudnn_compatible_lstm_cell"
_DIRECTIONS = {"forward": "fw", "backward": "bw"}
_POOLS, _DROPOUTS = (1, 2, 2), (0.0, 0.25, 0.25)
# What training keeps beside the model: the optimiser's scope (`slim.optimize_loss(name="training")`) and the clock.
_TRAINING_SCOPE, _STEP = "training/", "global_step"


def is_magenta(names: Iterable[str]) -> bool:
    """Whether variables of these names are those of Magenta's Onsets and Frames."""
    return {"onsets/onset_probs/weights", "frame/frame_probs/weights"} <= set(names)


def is_state_of_training(name: str) -> bool:
    """Whether a variable belongs to the optimiser or counts steps, and is no part of the model."""
    return name == _STEP or name.startswith(_TRAINING_SCOPE)


def config_of(shapes: Mapping[str, tuple[int, ...]]) -> ModelConfig:
    """The sizes of the model whose variables have these shapes. Raises `InputError` where they make none of ours."""
    filters: list[int] = []
    while (shape := shapes.get(f"onsets/conv{len(filters)}/weights")) is not None:
        filters.append(shape[-1])
    if len(filters) != len(_POOLS):
        raise InputError(
            f"has {len(filters)} convolutions a stack where Magenta's piano model has {len(_POOLS)}",
            remedy="Aeolian reads the piano model (its drum model is another).",
        )

    def units(scope: str) -> int:
        name = f"{scope}/{_CELL.format('fw')}/bias"
        if len(shapes.get(name, ())) != 1:
            raise InputError(f"lacks the variable {name}, a vector")
        return shapes[name][0] // 4

    dense = shapes.get("onsets/fc_end/biases", ())
    if len(dense) != 1:
        raise InputError("lacks the variable onsets/fc_end/biases, a vector")
    try:
        return ModelConfig(
            conv_filters=tuple(filters),
            conv_pools=_POOLS,
            conv_dropouts=_DROPOUTS,
            dense_units=dense[0],
            onset_units=units("onsets"),
            offset_units=units("offsets"),
            combined_units=units("frame"),
        )
    except UsageError as error:
        raise InputError(f"has sizes that are none of Onsets and Frames: {error}") from None


def converted(variables: Mapping[str, npt.NDArray[Any]]) -> tuple[ModelConfig, Weights]:
    """The configuration and the weights in a checkpoint's variables, each by its name.

    Strict: every weight must be there, and every variable must be a weight or part of the state of training. Raises
    `InputError` otherwise.
    """
    left = {name: array for name, array in variables.items() if not is_state_of_training(name)}
    config = config_of({name: array.shape for name, array in left.items()})

    def take(name: str) -> npt.NDArray[np.float32]:
        if name not in left:
            raise InputError(f"lacks the variable {name}")
        return np.asarray(left.pop(name), np.float32)

    weights: Weights = {}
    for stack, (scope, head) in _SCOPES.items():
        for n in range(len(config.conv_filters)):
            weights[f"{stack}.conv_{n}.kernel"] = take(f"{scope}/conv{n}/weights")
            for part in NORM_PARTS:
                weights[f"{stack}.norm_{n}.{part}"] = take(f"{scope}/conv{n}/BatchNorm/{part}")
        for ours, theirs in (("dense", "fc_end"), ("output", head)):
            weights[f"{stack}.{ours}.kernel"] = take(f"{scope}/{theirs}/weights")
            weights[f"{stack}.{ours}.bias"] = take(f"{scope}/{theirs}/biases")
        if config.lstm_units(stack):
            _take_lstm(weights, f"{stack}.lstm", scope, take)
    _take_lstm(weights, "combined.lstm", "frame", take)
    weights["combined.output.kernel"] = take("frame/frame_probs/weights")
    weights["combined.output.bias"] = take("frame/frame_probs/biases")
    if left:
        names = sorted(left)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise InputError(f"holds variables that are no part of the model: {', '.join(names[:3])}{more}")
    try:
        check(weights, config, "The checkpoint")
    except UsageError as error:
        raise InputError(str(error)) from None
    return config, weights


def _take_lstm(weights: Weights, name: str, scope: str, take: Any) -> None:
    """One variable holds a cell's two kernels, inputs above, in the order input, candidate, forget, output."""
    for direction, theirs in _DIRECTIONS.items():
        cell = f"{scope}/{_CELL.format(theirs)}"
        kernel, bias = _ordered(take(f"{cell}/kernel")), _ordered(take(f"{cell}/bias"))
        units = bias.shape[-1] // 4
        weights[f"{name}.{direction}.kernel"] = kernel[:-units]
        weights[f"{name}.{direction}.recurrent_kernel"] = kernel[-units:]
        weights[f"{name}.{direction}.bias"] = bias


def _ordered(gates: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The gates of TensorFlow's LSTMBlockCell (input, candidate, forget, output) in Keras's order."""
    if gates.shape[-1] % 4:
        raise InputError(f"has an LSTM of {gates.shape[-1]} gates, which is no multiple of 4")
    first, candidate, forget, output = np.split(gates, 4, axis=-1)
    return np.concatenate([first, forget, candidate, output], axis=-1)
