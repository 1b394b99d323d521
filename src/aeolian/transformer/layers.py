"""Causal self-attention with relative positions, computed block by block (Huang et al. 2018, "Music Transformer").

Logits are (Q Kᵀ + S_rel) / sqrt(head_dim), where S_rel[i, j] = Q_i · E[max_seq - 1 - (i - j)]. The paper obtains S_rel
from Q Eᵀ by skewing, without the O(L² d) tensor of gathered embeddings; here each block of queries is skewed against
just the keys that it may see, so the masked half is never computed, and never stored, but for the diagonal blocks.
"""

import math
from typing import Any

import numpy as np

from aeolian.keras_backend import keras

ops = keras.ops
MASKED = -1e9


def skew(products: Any) -> Any:
    """Q Eᵀ to S_rel, for the last rows of a triangle.

    `products` [..., m, n]: row r is the query at position n - m + r, column c the embedding of distance n - 1 - c.
    Returns [..., m, n] with the distance n - m + r - j in column j. Columns of negative distance hold other rows'
    values; the causal mask must hide them.
    """
    shape = ops.shape(products)
    *lead, m, n = shape
    padded = ops.pad(products, [[0, 0]] * len(lead) + [[0, 0], [1, 0]])
    flat = ops.reshape(padded, (*lead, m * (n + 1)))
    return ops.reshape(flat[..., m:], (*lead, m, n))


class RelativeAttention(keras.layers.Layer):  # type: ignore[misc]
    """Multi-head causal self-attention with a relative embedding that the heads share.

    Inputs and outputs are [batch, length, d_model], length ≤ max_seq. Padding is expected at the end, where causality
    hides it from every real token, so there is no padding mask to carry.
    """

    def __init__(
        self, d_model: int, num_heads: int, max_seq: int, query_block: int, convolution: int = 1, **options: Any
    ) -> None:
        super().__init__(**options)
        self.num_heads, self.head_dim = num_heads, d_model // num_heads
        self.max_seq, self.query_block, self.width = max_seq, query_block, convolution
        self.qkv = keras.layers.Dense(3 * d_model, name="qkv", dtype=self.dtype_policy)
        self.output_layer = keras.layers.Dense(d_model, name="output", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        """Makes the weights."""
        d_model = self.num_heads * self.head_dim
        self.qkv.build((None, None, d_model))
        self.output_layer.build((None, None, d_model))
        if self.width > 1:  # at first it changes nothing
            kernel = np.eye(self.width, dtype=np.float32)[:, -1:].repeat(3 * d_model, axis=1)
            shape, initial = kernel.shape, keras.initializers.Constant(kernel)
            self.convolution = self.add_weight(name="convolution", shape=shape, initializer=initial)
        self.relative = self.add_weight(
            name="relative",
            shape=(self.max_seq, self.head_dim),
            initializer=keras.initializers.RandomNormal(stddev=self.head_dim**-0.5),
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """[batch, length, d_model] to the same."""
        batch, length, d_model = ops.shape(inputs)
        qkv = self.qkv(inputs)
        if self.width > 1:
            padded = ops.pad(qkv, [[0, 0], [self.width - 1, 0], [0, 0]])
            kernel = ops.cast(self.convolution, self.compute_dtype)
            qkv = sum(padded[:, tap : tap + length] * kernel[tap] for tap in range(self.width))
        qkv = ops.reshape(qkv, (batch, length, 3, self.num_heads, self.head_dim))
        query, key, value = (ops.transpose(qkv[:, :, i], (0, 2, 1, 3)) for i in range(3))
        query = query * (1.0 / math.sqrt(self.head_dim))
        relative = ops.cast(self.relative, self.compute_dtype)
        blocks = [
            self._attend(query[:, :, start:end], key[:, :, :end], value[:, :, :end], relative)
            for start, end in ((s, min(s + self.query_block, length)) for s in range(0, length, self.query_block))
        ]
        mixed = blocks[0] if len(blocks) == 1 else ops.concatenate(blocks, axis=2)
        mixed = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (batch, length, d_model))
        return self.output_layer(mixed)

    def _attend(self, query: Any, key: Any, value: Any, relative: Any) -> Any:
        """Queries [batch, heads, m, head_dim], the last of the n positions of `key` and `value`, to their mixes."""
        m, n = query.shape[2], key.shape[2]
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        logits = logits + skew(ops.matmul(query, ops.transpose(relative[self.max_seq - n :])))
        hidden = np.triu(np.full((m, n), MASKED, np.float32), k=n - m + 1)
        weights = ops.softmax(ops.cast(logits, "float32") + hidden, axis=-1)
        return ops.matmul(ops.cast(weights, self.compute_dtype), value)


class Block(keras.layers.Layer):  # type: ignore[misc]
    """One layer of the transformer: attention, then two dense layers, each with normalisation and a residual."""

    def __init__(
        self,
        *,
        d_model: int,
        num_heads: int,
        d_ff: int,
        max_seq: int,
        dropout: float,
        pre_norm: bool,
        epsilon: float,
        query_block: int,
        activation: str = "relu",
        convolution: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        policy = {"dtype": self.dtype_policy}
        self.activation = activation
        self.pre_norm, self.width, self.inner_width = pre_norm, d_model, d_ff
        self.attention_norm = keras.layers.LayerNormalization(epsilon=epsilon, name="attention_norm", **policy)
        self.attention = RelativeAttention(
            d_model, num_heads, max_seq, query_block, convolution, name="attention", **policy
        )
        self.feed_forward_norm = keras.layers.LayerNormalization(epsilon=epsilon, name="feed_forward_norm", **policy)
        self.inner = keras.layers.Dense(d_ff, name="inner", **policy)
        self.outer = keras.layers.Dense(d_model, name="outer", **policy)
        self.dropouts = [keras.layers.Dropout(dropout, **policy) for _ in range(2)]

    def build(self, input_shape: Any) -> None:
        """Makes the weights."""
        shape = (None, None, self.width)
        for layer in (self.attention_norm, self.attention, self.feed_forward_norm, self.inner):
            layer.build(shape)
        self.outer.build((None, None, self.inner_width))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """[batch, length, d_model] to the same."""
        x = self._residual(inputs, self.attention, self.attention_norm, self.dropouts[0], training)
        return self._residual(
            x, lambda h: self.outer(self._activate(self.inner(h))), self.feed_forward_norm, self.dropouts[1], training
        )

    def _activate(self, inner: Any) -> Any:
        positive = ops.relu(inner)
        return positive * positive if self.activation == "squared_relu" else positive

    def _residual(self, x: Any, sublayer: Any, norm: Any, dropout: Any, training: bool) -> Any:
        if self.pre_norm:
            return x + dropout(sublayer(norm(x)), training=training)
        return norm(x + dropout(sublayer(x), training=training))
