"""A model's weights by name: which there are, of what shape, and their folder.

Kernels are [inputs, outputs] or, of convolutions, [time, frequency, inputs, outputs]. An LSTM's four gates lie side by
side in the order input, forget, candidate, output (Keras's). Stored as safetensors, in 32 or 16 bits a number; 32 in
memory.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from aeolian.errors import UsageError
from aeolian.transcription.onsets_and_frames.config import PITCHES, STACKS, ModelConfig, from_document, to_document

Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]
Shape = tuple[int, ...]

WEIGHTS_NAME = "model.safetensors"
CONFIG_NAME = "config.json"
DIRECTIONS = ("forward", "backward")
# Batch normalisation without a scale, as slim.batch_norm's default; ReLU follows.
NORM_PARTS = ("beta", "moving_mean", "moving_variance")
LSTM_PARTS = ("kernel", "recurrent_kernel", "bias")


def expected_shapes(config: ModelConfig) -> dict[str, Shape]:
    """Name and shape of every weight of a model of this configuration."""
    shapes: dict[str, Shape] = {}

    def dense(name: str, inputs: int, outputs: int) -> None:
        shapes[f"{name}.kernel"] = (inputs, outputs)
        shapes[f"{name}.bias"] = (outputs,)

    def lstm(name: str, inputs: int, units: int) -> None:
        for direction in DIRECTIONS:
            shapes[f"{name}.{direction}.kernel"] = (inputs, 4 * units)
            shapes[f"{name}.{direction}.recurrent_kernel"] = (units, 4 * units)
            shapes[f"{name}.{direction}.bias"] = (4 * units,)

    for stack in STACKS:
        channels = 1
        for n, filters in enumerate(config.conv_filters):
            shapes[f"{stack}.conv_{n}.kernel"] = (3, 3, channels, filters)
            shapes.update({f"{stack}.norm_{n}.{part}": (filters,) for part in NORM_PARTS})
            channels = filters
        dense(f"{stack}.dense", config.flat_features, config.dense_units)
        features = config.dense_units
        if units := config.lstm_units(stack):
            lstm(f"{stack}.lstm", features, units)
            features = 2 * units
        dense(f"{stack}.output", features, PITCHES)
    lstm("combined.lstm", 3 * PITCHES, config.combined_units)
    dense("combined.output", 2 * config.combined_units, PITCHES)
    return shapes


def count(config: ModelConfig) -> int:
    """How many numbers the model has."""
    return sum(int(np.prod(shape)) for shape in expected_shapes(config).values())


def check(weights: Mapping[str, npt.NDArray[Any]], config: ModelConfig, where: str) -> None:
    """Raises UsageError, naming `where`, unless `weights` are exactly those of `config`, and finite numbers."""
    expected = expected_shapes(config)
    problems = [f"{name} is missing" for name in sorted(set(expected) - set(weights))]
    problems += [f"{name} is not part of the model" for name in sorted(set(weights) - set(expected))]
    for name in sorted(set(expected) & set(weights)):
        array = weights[name]
        if array.shape != expected[name]:
            problems.append(f"{name} has shape {list(array.shape)}, not {list(expected[name])}")
        elif array.dtype not in (np.float32, np.float16):
            problems.append(f"{name} has numbers of type {array.dtype}, not float32 or float16")
        elif not np.isfinite(array).all():
            problems.append(f"{name} holds numbers that are not finite")
        elif name.endswith("moving_variance") and array.min() < 0:
            problems.append(f"{name} holds a negative variance")
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UsageError(
            f"{where} does not fit its configuration: {'; '.join(problems[:3])}{more}.",
            remedy="The weights and the config.json must be of the same model.",
        )


def write_model(folder: Path, config: ModelConfig, weights: Mapping[str, Floats], *, half: bool, **more: Any) -> None:
    """Writes `config.json` (with `more` beside the model) and the weights, in 16 bits if `half`, each file whole."""
    check(weights, config, "the given set of weights")
    folder.mkdir(parents=True, exist_ok=True)
    dtype = np.float16 if half else np.float32
    stored = {name: np.ascontiguousarray(weights[name], dtype) for name in sorted(weights)}
    check(stored, config, "the set of weights in 16 bits")
    partial = folder / f".{WEIGHTS_NAME}.partial"
    partial.write_bytes(save(stored))
    partial.replace(folder / WEIGHTS_NAME)
    text = json.dumps(to_document(config, **more), indent=2, sort_keys=True) + "\n"
    partial = folder / f".{CONFIG_NAME}.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / CONFIG_NAME)


def read_config(folder: Path) -> ModelConfig:
    """The configuration of the model in `folder`. Raises UsageError if there is none that can be read."""
    path = folder / CONFIG_NAME
    if not path.is_file():
        raise UsageError(
            f"There is no Onsets and Frames model in {folder}: {CONFIG_NAME} is missing.",
            remedy=f"Give the folder that holds {CONFIG_NAME} and {WEIGHTS_NAME}.",
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from None
    return from_document(document, str(path))


def read_model(folder: Path) -> tuple[ModelConfig, Weights]:
    """The model in `folder`, its weights in 32 bits. Raises UsageError if it is missing, damaged or of another kind."""
    config, path = read_config(folder), folder / WEIGHTS_NAME
    try:
        stored = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as weights: {error}.") from None
    check(stored, config, str(path))
    return config, {name: array.astype(np.float32) for name, array in stored.items()}
