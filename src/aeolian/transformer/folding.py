"""A model's weights as the decoder wants them, with everything folded in that can be.

Layer normalisation before a matrix is folded into that matrix: its gain and shift always, and its centring too, since
what is written to the residual stream can be centred at the source; of a normalisation there remains one division by
the root of the mean square. The queries' scale is in their matrix.

A matrix has a row for each channel that it makes; its last column is what is added, the bias. So a product with
tokens that are columns, a one below each, is all there is to do, and OpenBLAS makes products in that order fastest.
"""

from dataclasses import dataclass

import numpy as np

from aeolian.transformer.config import ModelConfig
from aeolian.transformer.positions import sinusoids
from aeolian.transformer.weights import Floats, Weights


@dataclass(frozen=True)
class Layer:
    """The matrices of a block."""

    qkv: Floats  # [3·d_model, d_model + 1]
    relative: Floats  # [head_dim, max_seq]
    convolution: Floats  # [convolution, 3·d_model]; of no use where that is 1
    output: Floats  # [d_model, d_model + 1]
    inner: Floats  # [d_ff, d_model + 1]
    outer: Floats  # [d_model, d_ff + 1]
    norms: tuple[Floats, Floats, Floats, Floats]  # gamma, beta, gamma, beta; used after the sublayers only


@dataclass(frozen=True)
class Folded:
    """All that decoders of a model share, also those in processes that are forked when it is there."""

    embedding: Floats  # [vocabulary, d_model]
    positions: Floats | None  # [max_seq, d_model], if the model adds any
    layers: list[Layer]
    output: Floats  # [vocabulary, d_model + 1]


def folded(weights: Weights, config: ModelConfig) -> Folded:
    """The model's matrices."""
    embedding = weights["embedding.embeddings"] * np.float32(config.d_model**0.5)
    positions = sinusoids(config.max_seq, config.d_model) if config.positions == "sinusoid" else None
    if config.norm == "pre":
        embedding, positions = centred(embedding), None if positions is None else centred(positions)
    layers = [_layer(weights, f"block_{n}", config) for n in range(config.num_layers)]
    return Folded(embedding, positions, layers, _output(weights, config))


def _layer(weights: Weights, block: str, config: ModelConfig) -> Layer:
    """The block of that name."""

    def get(name: str) -> Floats:
        return weights[f"{block}.{name}"]

    qkv, qkv_bias = get("attention.qkv.kernel"), get("attention.qkv.bias")
    inner, inner_bias = get("inner.kernel"), get("inner.bias")
    output, output_bias = get("attention.output.kernel"), get("attention.output.bias")
    outer, outer_bias = get("outer.kernel"), get("outer.bias")
    norms = tuple(get(f"{n}.{part}") for n in ("attention_norm", "feed_forward_norm") for part in ("gamma", "beta"))
    if config.norm == "pre":
        qkv, qkv_bias = norms[0][:, None] * qkv, qkv_bias + norms[1] @ qkv
        inner, inner_bias = norms[2][:, None] * inner, inner_bias + norms[3] @ inner
        output, output_bias, outer, outer_bias = map(centred, (output, output_bias, outer, outer_bias))
    scale = np.ones(3 * config.d_model, np.float32)
    scale[: config.d_model] = config.head_dim**-0.5
    return Layer(
        qkv=_joined(qkv * scale, qkv_bias * scale),
        relative=np.ascontiguousarray(get("attention.relative").T),
        convolution=weights.get(f"{block}.attention.convolution", np.ones((1, 3 * config.d_model), np.float32)),
        output=_joined(output, output_bias),
        inner=_joined(inner, inner_bias),
        outer=_joined(outer, outer_bias),
        norms=norms,  # type: ignore[arg-type]
    )


def _output(weights: Weights, config: ModelConfig) -> Floats:
    """The output's matrix [vocabulary, d_model + 1], the last normalisation folded in."""
    tied = config.tied_output
    kernel, bias = weights["embedding.embeddings"].T if tied else weights["output.kernel"], weights["output.bias"]
    if config.norm == "pre":
        gamma, beta = weights["final_norm.gamma"], weights["final_norm.beta"]
        kernel, bias = gamma[:, None] * kernel, bias + beta @ kernel
    return _joined(kernel, bias)


def _joined(kernel: Floats, bias: Floats) -> Floats:
    """Kernel [n, m] and bias [m] as one matrix [m, n + 1]."""
    return np.ascontiguousarray(np.concatenate([kernel.T, bias[:, None]], axis=1), dtype=np.float32)


def centred(matrix: Floats) -> Floats:
    """Rows minus their mean: what is written to the stream by a matrix with such rows needs no centring later."""
    centred: Floats = matrix - matrix.mean(axis=-1, keepdims=True)
    return centred
