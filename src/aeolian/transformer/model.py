"""The Music Transformer in Keras: tokens in, logits of the next token out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from aeolian.keras_backend import keras
from aeolian.transformer.config import ModelConfig
from aeolian.transformer.layers import Block
from aeolian.transformer.positions import sinusoids
from aeolian.transformer.weights import Floats, Weights, check

ops = keras.ops
QUERY_BLOCK = 512
EMBEDDING_DEVIATION = 0.02  # small, or tied logits would begin by betting on the token just heard


class MusicTransformer(keras.Model):  # type: ignore[misc]
    """Tokens [batch, length] int32 to logits [batch, length, vocabulary_size] float32, length ≤ max_seq.

    `query_block`: how many queries attend at once; less memory and fewer masked products when small, fewer
    operations to compile when large. It does not change the result.
    """

    def __init__(self, config: ModelConfig, *, query_block: int = QUERY_BLOCK, dtype: str = "float32") -> None:
        super().__init__(name="music_transformer", dtype=dtype)
        self.config = config
        policy = {"dtype": self.dtype_policy}
        scale = keras.initializers.RandomNormal(stddev=EMBEDDING_DEVIATION)
        self.embedding = keras.layers.Embedding(
            config.vocabulary_size, config.d_model, embeddings_initializer=scale, name="embedding", **policy
        )
        self.embedding_dropout = keras.layers.Dropout(config.dropout, **policy)
        self.blocks = [
            Block(
                d_model=config.d_model,
                num_heads=config.num_heads,
                d_ff=config.d_ff,
                max_seq=config.max_seq,
                dropout=config.dropout,
                pre_norm=config.norm == "pre",
                epsilon=config.norm_epsilon,
                query_block=query_block,
                activation=config.activation,
                convolution=config.convolution,
                name=f"block_{n}",
                **policy,
            )
            for n in range(config.num_layers)
        ]
        self.final_norm = None
        if config.norm == "pre":
            self.final_norm = keras.layers.LayerNormalization(epsilon=config.norm_epsilon, name="final_norm", **policy)
        self.output_layer = None
        if not config.tied_output:
            self.output_layer = keras.layers.Dense(config.vocabulary_size, name="output", **policy)
        self.positions = sinusoids(config.max_seq, config.d_model) if config.positions == "sinusoid" else None
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights."""
        width = (None, None, self.config.d_model)
        self.embedding.build((None, None))
        for block in self.blocks:
            block.build(width)
        if self.final_norm is not None:
            self.final_norm.build(width)
        if self.output_layer is not None:
            self.output_layer.build(width)
        else:
            shape = (self.config.vocabulary_size,)
            self.output_bias = self.add_weight(name="output_bias", shape=shape, initializer="zeros")
        self.built = True

    def call(self, tokens: Any, training: bool = False) -> Any:
        """Tokens [batch, length] to logits [batch, length, vocabulary_size]."""
        length = tokens.shape[1]
        x = self.embedding(tokens) * self.config.d_model**0.5
        if self.positions is not None:
            x = x + ops.cast(self.positions[:length], x.dtype)
        x = self.embedding_dropout(x, training=training)
        for block in self.blocks:
            x = block(x, training=training)
        if self.final_norm is not None:
            x = self.final_norm(x)
        if self.output_layer is not None:
            logits = self.output_layer(x)
        else:
            table = ops.cast(self.embedding.embeddings, x.dtype)
            logits = ops.matmul(x, ops.transpose(table)) + ops.cast(self.output_bias, x.dtype)
        return ops.cast(logits, "float32")

    def named_variables(self) -> dict[str, Any]:
        """The trainable variables by the names of `weights.expected_shapes`."""
        named = {"embedding.embeddings": self.embedding.embeddings}

        def add(name: str, layer: Any, *parts: str) -> None:
            named.update({f"{name}.{part}": getattr(layer, part) for part in parts})

        for n, block in enumerate(self.blocks):
            add(f"block_{n}.attention_norm", block.attention_norm, "gamma", "beta")
            add(f"block_{n}.attention.qkv", block.attention.qkv, "kernel", "bias")
            own = ("relative", "convolution") if self.config.convolution > 1 else ("relative",)
            add(f"block_{n}.attention", block.attention, *own)
            add(f"block_{n}.attention.output", block.attention.output_layer, "kernel", "bias")
            add(f"block_{n}.feed_forward_norm", block.feed_forward_norm, "gamma", "beta")
            add(f"block_{n}.inner", block.inner, "kernel", "bias")
            add(f"block_{n}.outer", block.outer, "kernel", "bias")
        if self.final_norm is not None:
            add("final_norm", self.final_norm, "gamma", "beta")
        if self.output_layer is not None:
            add("output", self.output_layer, "kernel", "bias")
        else:
            named["output.bias"] = self.output_bias
        return named

    def read_out(self) -> Weights:
        """The weights by name, as float32 arrays of their own."""
        return {name: np.array(v.value, dtype=np.float32) for name, v in self.named_variables().items()}

    def put_in(self, weights: Mapping[str, Floats]) -> None:
        """Sets every weight. Raises UsageError if `weights` are not those of this configuration."""
        check(weights, self.config, "the given set of weights")
        for name, variable in self.named_variables().items():
            variable.assign(weights[name])
