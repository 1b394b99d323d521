"""A model's weights by name: which there are, of what shape, and their file.

The names are the same in training and in decoding, whatever Keras calls its variables. Weights are stored as
safetensors: data only, nothing in the file is ever executed.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from aeolian.errors import UsageError
from aeolian.transformer.config import ModelConfig

Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]
Shape = tuple[int, ...]

WEIGHTS_NAME = "model.safetensors"


def expected_shapes(config: ModelConfig) -> dict[str, Shape]:
    """Name and shape of every weight of a model of this configuration; kernels are [inputs, outputs].

    `attention.qkv` yields queries, keys and values side by side, each split into heads. `attention.relative`
    [max_seq, head_dim] is shared by the heads; its last row is distance 0, the row before it distance 1, …
    `attention.convolution` [convolution, 3·d_model], too, ends with the newest token's row.
    """
    d = config.d_model
    shapes: dict[str, Shape] = {"embedding.embeddings": (config.vocabulary_size, d)}

    def dense(name: str, inputs: int, outputs: int) -> None:
        shapes[f"{name}.kernel"] = (inputs, outputs)
        shapes[f"{name}.bias"] = (outputs,)

    def norm(name: str) -> None:
        shapes[f"{name}.gamma"] = shapes[f"{name}.beta"] = (d,)

    for n in range(config.num_layers):
        block = f"block_{n}"
        norm(f"{block}.attention_norm")
        dense(f"{block}.attention.qkv", d, 3 * d)
        shapes[f"{block}.attention.relative"] = (config.max_seq, config.head_dim)
        if config.convolution > 1:
            shapes[f"{block}.attention.convolution"] = (config.convolution, 3 * d)
        dense(f"{block}.attention.output", d, d)
        norm(f"{block}.feed_forward_norm")
        dense(f"{block}.inner", d, config.d_ff)
        dense(f"{block}.outer", config.d_ff, d)
    if config.norm == "pre":
        norm("final_norm")
    if config.tied_output:
        shapes["output.bias"] = (config.vocabulary_size,)
    else:
        dense("output", d, config.vocabulary_size)
    return shapes


def with_convolution(weights: Weights, config: ModelConfig) -> Weights:
    """`weights`, with convolutions that as yet change nothing where `config` has some and `weights` have not."""
    grown = dict(weights)
    for name, shape in expected_shapes(config).items():
        if name.endswith(".attention.convolution") and name not in weights:
            grown[name] = np.zeros(shape, np.float32)
            grown[name][-1] = 1.0
    return grown


def count(config: ModelConfig) -> int:
    """How many numbers the model has."""
    return sum(int(np.prod(shape)) for shape in expected_shapes(config).values())


def check(weights: Mapping[str, Floats], config: ModelConfig, where: str) -> None:
    """Raises UsageError, naming them, if weights are missing, strange, of another shape or not finite."""
    expected = expected_shapes(config)
    missing, strange = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    remedy = "Weights and config.json must come from one training run."
    if missing:
        raise UsageError(
            f"{where} lacks {len(missing)} of the configured weights, such as {missing[0]}.", remedy=remedy
        )
    if strange:
        raise UsageError(f"{where} has weights that config.json knows nothing of, such as {strange[0]}.", remedy=remedy)
    for name, shape in expected.items():
        there, wanted = list(weights[name].shape), list(shape)
        if there != wanted:
            raise UsageError(f"{where}: {name} has the shape {there}, config.json wants {wanted}.", remedy=remedy)
        if not np.isfinite(weights[name]).all():
            raise UsageError(f"{where}: {name} has values that are not finite; the training went wrong.")


def read_weights(folder: Path, config: ModelConfig) -> Weights:
    """The weights in `folder/model.safetensors` as float32. Raises UsageError if absent, damaged or unfitting."""
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise UsageError(f"{folder} has no {WEIGHTS_NAME}.", remedy="Train a model first, or copy the whole folder.")
    try:
        weights = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except (SafetensorError, ValueError, OSError) as error:
        raise UsageError(f"{path} is damaged: {error}.", remedy="Copy or train it again.") from None
    check(weights, config, str(path))
    return weights


def write_weights(path: Path, weights: Mapping[str, Floats], storage: str = "float32") -> None:
    """Writes a safetensors file whose bytes depend on the weights alone. `storage` `float16` halves it."""
    save_file({name: np.asarray(weights[name], dtype=storage, order="C") for name in sorted(weights)}, path)
