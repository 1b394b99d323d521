"""The models of the Ambient Music Generator of 2020, as its own code saves them, with our names for the weights.

Such a folder holds `config.json` {debug, max_seq, num_layer, embedding_dim, vocab_size, dist} and what Keras'
`save_weights(…/ckpt, save_format="tf")` writes. The structure was read in jason9693/MusicTransformer-tensorflow2.0
(`model.py`, `custom/layers.py`), from which the Ambient Music Generator comes: a head for each 64 of the width, an
inner width of half of it, layer normalisation after each sublayer, sinusoids added, logits without softmax.
A prefix of n tokens attends with the last n rows of `emb`, as ours does with those of `relative`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aeolian.errors import InputError, UsageError
from aeolian.formats.tf_checkpoint import Checkpoint, find_prefix
from aeolian.music.vocabulary import NUM_EVENTS, VOCABULARY_SIZE
from aeolian.transformer.config import ModelConfig, preset
from aeolian.transformer.weights import Floats, Weights

HEAD_WIDTH = 64
DROPOUT = 0.2
# A logit that is never drawn and trained no further, for the tokens that a smaller vocabulary lacks.
NEVER = -1e4
_FIELDS = ("max_seq", "num_layer", "embedding_dim", "vocab_size")
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_NO_WEIGHTS = ("optimizer/", "custom_metrics/", "save_counter/", "keras_api/")
_REMEDY = "config.json and every ckpt file must come from one saving of the ancestor's code."
_LAYER = {  # ours: theirs, both below the layer
    "attention_norm.gamma": "layernorm1/gamma",
    "attention_norm.beta": "layernorm1/beta",
    "attention.relative": "rga/emb",
    "attention.output.kernel": "rga/fc/kernel",
    "attention.output.bias": "rga/fc/bias",
    "feed_forward_norm.gamma": "layernorm2/gamma",
    "feed_forward_norm.beta": "layernorm2/beta",
    "inner.kernel": "FFN_pre/kernel",
    "inner.bias": "FFN_pre/bias",
    "outer.kernel": "FFN_suf/kernel",
    "outer.bias": "FFN_suf/bias",
}
_QKV = ("Wq", "Wk", "Wv")


def is_ancestors(document: Any) -> bool:
    """Whether a parsed config.json is one that the ancestor's code writes."""
    return isinstance(document, dict) and "format" not in document and set(_FIELDS) <= set(document)


def config_of(document: dict[str, Any], where: str) -> ModelConfig:
    """Our configuration of the ancestor's model. Raises UsageError, beginning with `where`, if there can be none."""
    for name in _FIELDS:
        if not isinstance(document[name], int) or isinstance(document[name], bool):
            raise UsageError(f"{where}: {name} is {document[name]!r}; it must be a whole number.")
    width, vocabulary = document["embedding_dim"], document["vocab_size"]
    if width < HEAD_WIDTH:
        raise UsageError(f"{where}: embedding_dim is {width}; the ancestor has a head for each {HEAD_WIDTH} of it.")
    if not NUM_EVENTS <= vocabulary <= VOCABULARY_SIZE:
        raise UsageError(
            f"{where}: vocab_size is {vocabulary}; the ancestor's {NUM_EVENTS} events and up to "
            f"{VOCABULARY_SIZE - NUM_EVENTS} further tokens can be played."
        )
    try:
        return preset(
            "ancestor",
            d_model=width,
            num_layers=document["num_layer"],
            num_heads=width // HEAD_WIDTH,
            max_seq=document["max_seq"],
            dropout=DROPOUT,
            start_token=False,
        )
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def read_weights(folder: Path, config: ModelConfig, vocabulary_size: int) -> Weights:
    """The weights in the folder's checkpoint, by the names of `weights.expected_shapes`, as float32.

    `vocabulary_size`: the checkpoint's own; the tokens that it lacks get logits that are never drawn. Optimizer and
    metrics are passed over. Raises UsageError, naming the variable or file, for whatever is missing, damaged,
    unknown or of another shape.
    """
    try:
        prefix = find_prefix(folder)
        if prefix is None:
            raise UsageError(f"{folder} has a config.json of the ancestor's, but no ckpt.index.", remedy=_REMEDY)
        checkpoint = Checkpoint(prefix)
        _check(checkpoint, _expected(config, vocabulary_size), folder)
        weights = dict(_ours(checkpoint, config.num_layers))
    except InputError as error:
        raise UsageError(f"{folder}: {error}") from None
    lacking = VOCABULARY_SIZE - vocabulary_size
    table, kernel, bias = "embedding.embeddings", "output.kernel", "output.bias"
    weights[table] = np.pad(weights[table], ((0, lacking), (0, 0)))
    weights[kernel] = np.pad(weights[kernel], ((0, 0), (0, lacking)))
    weights[bias] = np.pad(weights[bias], (0, lacking), constant_values=NEVER)
    return weights


def _ours(checkpoint: Checkpoint, num_layers: int) -> Iterator[tuple[str, Floats]]:
    """Their variables under our names, the queries', keys' and values' dense layers side by side."""

    def get(name: str) -> Floats:
        values = checkpoint.array(name + _VALUE).astype(np.float32)
        if not np.isfinite(values).all():
            raise InputError(f"{name} has values that are not finite; the training went wrong.")
        return values

    yield "embedding.embeddings", get("Decoder/embedding/embeddings")
    for part in ("kernel", "bias"):
        yield f"output.{part}", get(f"fc/{part}")
    for n in range(num_layers):
        layer = f"Decoder/enc_layers/{n}"
        for part in ("kernel", "bias"):
            joined = [get(f"{layer}/rga/{name}/{part}") for name in _QKV]
            yield f"block_{n}.attention.qkv.{part}", np.concatenate(joined, axis=-1)
        for ours, theirs in _LAYER.items():
            yield f"block_{n}.{ours}", get(f"{layer}/{theirs}")


def _expected(config: ModelConfig, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every variable of the ancestor's decoder."""
    d, inner = config.d_model, config.d_ff
    shapes: dict[str, tuple[int, ...]] = {"Decoder/embedding/embeddings": (vocabulary_size, d)}
    dense = {"fc": (d, vocabulary_size)}
    for n in range(config.num_layers):
        layer = f"Decoder/enc_layers/{n}"
        dense |= {f"{layer}/rga/{name}": (d, d) for name in (*_QKV, "fc")}
        dense |= {f"{layer}/FFN_pre": (d, inner), f"{layer}/FFN_suf": (inner, d)}
        shapes |= {f"{layer}/layernorm{k}/{part}": (d,) for k in (1, 2) for part in ("gamma", "beta")}
        shapes[f"{layer}/rga/emb"] = (config.max_seq, config.head_dim)
    for name, shape in dense.items():
        shapes |= {f"{name}/kernel": shape, f"{name}/bias": shape[-1:]}
    return shapes


def _check(checkpoint: Checkpoint, expected: dict[str, tuple[int, ...]], folder: Path) -> None:
    there = {
        name.removesuffix(_VALUE): variable.shape
        for name, variable in checkpoint.variables.items()
        if not (variable.is_string or name.startswith(_NO_WEIGHTS) or "/.OPTIMIZER_SLOT/" in name)
    }
    if any(name.startswith("Encoder/") for name in there):
        raise UsageError(
            f"{folder} holds the ancestor's encoder with its decoder.",
            remedy="The model that it plays with, and that can be loaded here, is MusicTransformerDecoder.",
        )
    missing, strange = sorted(set(expected) - set(there)), sorted(set(there) - set(expected))
    if missing:
        raise UsageError(
            f"{folder}: the checkpoint lacks {len(missing)} variables, such as {missing[0]}.", remedy=_REMEDY
        )
    if strange:
        raise UsageError(
            f"{folder}: the checkpoint has {len(strange)} variables that config.json knows nothing of, such as "
            f"{strange[0]}.",
            remedy=_REMEDY,
        )
    for name, shape in expected.items():
        if there[name] != shape:
            raise UsageError(
                f"{folder}: {name} has the shape {list(there[name])}, config.json wants {list(shape)}.", remedy=_REMEDY
            )
