"""Onsets and Frames in Keras: a log-mel spectrogram in, what begins, sounds and ends out.

After `model_fn` in `magenta.models.onsets_frames_transcription.model` (`convs → dense → LSTM → output` for onsets and
offsets, without the LSTM for velocities and for "activations"; the three probabilities, through another LSTM, are the
frames). In training no gradient of the frames goes into onsets and offsets. Inference does without Keras: `network.py`;
a test holds both to the same numbers.

Under a policy of mixed precision ("mixed_bfloat16") the convolutions and dense layers compute in 16 bits; the first
convolution, whose inputs are decibels, the LSTMs (cuDNN's on a GPU), the normalisation and the outputs stay in 32.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from aeolian.keras_backend import keras
from aeolian.transcription.mel import MEL_BINS
from aeolian.transcription.onsets_and_frames.config import PITCHES, STACKS, ModelConfig
from aeolian.transcription.onsets_and_frames.weights import DIRECTIONS, LSTM_PARTS, NORM_PARTS, Floats, Weights, check

ops = keras.ops
_SINGLE = "float32"
# slim.variance_scaling_initializer(factor=2, mode="FAN_AVG", uniform=True) of `conv_net`.
_HE_AVERAGE = {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform"}


class Stack(keras.layers.Layer):  # type: ignore[misc]
    """Convolutions, a dense layer, for some a bidirectional LSTM, and 88 outputs without activation."""

    def __init__(self, config: ModelConfig, lstm_units: int | None, **options: Any) -> None:
        super().__init__(**options)
        self.config, self.lstm_units = config, lstm_units
        layers = keras.layers
        self.convs, self.norms, self.dropouts = [], [], []
        for n, filters in enumerate(config.conv_filters):
            policy = self.dtype_policy if n else _SINGLE
            initializer = keras.initializers.VarianceScaling(**_HE_AVERAGE)
            self.convs.append(
                layers.Conv2D(
                    filters,
                    3,
                    padding="same",
                    use_bias=False,
                    kernel_initializer=initializer,
                    name=f"conv_{n}",
                    dtype=policy,
                )
            )
            self.norms.append(
                layers.BatchNormalization(
                    momentum=config.norm_momentum,
                    epsilon=config.norm_epsilon,
                    scale=False,
                    name=f"norm_{n}",
                    dtype=self.dtype_policy,
                )
            )
            self.dropouts.append(layers.Dropout(config.conv_dropouts[n], dtype=self.dtype_policy))
        initializer = keras.initializers.VarianceScaling(**_HE_AVERAGE)
        self.dense = layers.Dense(
            config.dense_units, activation="relu", kernel_initializer=initializer, name="dense", dtype=self.dtype_policy
        )
        self.dense_dropout = layers.Dropout(config.dense_dropout, dtype=self.dtype_policy)
        self.lstm = bidirectional_lstm(lstm_units) if lstm_units else None
        self.head = layers.Dense(PITCHES, name="output", dtype=_SINGLE)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights."""
        bins, channels = MEL_BINS, 1
        for conv, norm, pool in zip(self.convs, self.norms, self.config.conv_pools, strict=True):
            conv.build((None, None, bins, channels))
            channels = conv.filters
            norm.build((None, None, bins, channels))
            bins //= pool
        self.dense.build((None, None, self.config.flat_features))
        features = self.config.dense_units
        if self.lstm is not None and self.lstm_units:
            self.lstm.build((None, None, features))
            features = 2 * self.lstm_units
        self.head.build((None, None, features))
        self.built = True

    def call(self, mel: Any, training: bool = False) -> Any:
        """[batch, frames, 229] float32 to [batch, frames, 88] float32."""
        x = ops.expand_dims(ops.cast(mel, _SINGLE), -1)
        for n, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = ops.relu(norm(ops.cast(conv(x), self.compute_dtype), training=training))
            x = _pooled(x, self.config.conv_pools[n])
            x = self.dropouts[n](x, training=training)
        batch, frames = ops.shape(mel)[:2]
        x = ops.reshape(x, (batch, frames, self.config.flat_features))
        x = self.dense_dropout(self.dense(x), training=training)
        x = ops.cast(x, _SINGLE)
        if self.lstm is not None:
            x = self.lstm(x, training=training)
        return self.head(x)

    def named_variables(self, name: str) -> dict[str, Any]:
        """The variables by the names of `weights.expected_shapes`, below `name`."""
        named: dict[str, Any] = {}
        for n, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            named[f"{name}.conv_{n}.kernel"] = conv.kernel
            named.update({f"{name}.norm_{n}.{part}": getattr(norm, part) for part in NORM_PARTS})
        named |= {f"{name}.dense.{part}": getattr(self.dense, part) for part in ("kernel", "bias")}
        if self.lstm is not None:
            named |= _lstm_variables(self.lstm, f"{name}.lstm")
        return named | {f"{name}.output.{part}": getattr(self.head, part) for part in ("kernel", "bias")}


def _pooled(x: Any, bins: int) -> Any:
    """The loudest of each `bins` bins of [batch, frames, bins, channels]; those that fill no pool are dropped.

    As `MaxPooling2D` does, whose gradient TensorFlow cannot compute deterministically under XLA. (And not as `ops.max`:
    its gradient asks which inputs equal the output, and may divide by none where XLA rounds one of them otherwise.)
    """
    count = x.shape[2] // bins
    parts = [x[:, :, n : count * bins : bins] for n in range(bins)]
    return functools.reduce(ops.maximum, parts)


class OnsetsAndFrames(keras.Model):  # type: ignore[misc]
    """Mel [batch, frames, 229] float32 in dB to a dict of float32 [batch, frames, 88].

    `onset`, `offset` and `frame` are logits; `velocity` is a value (see `ModelConfig`); `activation`, too, are logits:
    the opinion of the frame stack alone, which Magenta's `activation_loss` would teach. Column 0 is A0.
    """

    def __init__(self, config: ModelConfig, *, dtype: str = "float32") -> None:
        super().__init__(name="onsets_and_frames", dtype=dtype)
        self.config = config
        self.stacks = {
            stack: Stack(config, config.lstm_units(stack), name=stack, dtype=self.dtype_policy) for stack in STACKS
        }
        self.combined_lstm = bidirectional_lstm(config.combined_units, name="combined_lstm")
        self.combined_output = keras.layers.Dense(PITCHES, name="combined_output", dtype=_SINGLE)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights."""
        for stack in self.stacks.values():
            stack.build()
        self.combined_lstm.build((None, None, 3 * PITCHES))
        self.combined_output.build((None, None, 2 * self.config.combined_units))
        self.built = True

    def call(self, mel: Any, training: bool = False) -> dict[str, Any]:
        """See the class."""
        onset, offset, velocity, activation = (self.stacks[name](mel, training=training) for name in STACKS)
        # The order of `model_fn`: onsets, activations, offsets.
        probabilities = ops.concatenate(
            [
                ops.stop_gradient(ops.sigmoid(onset)),
                ops.sigmoid(activation),
                ops.stop_gradient(ops.sigmoid(offset)),
            ],
            axis=-1,
        )
        frame = self.combined_output(self.combined_lstm(probabilities, training=training))
        return {"onset": onset, "offset": offset, "frame": frame, "velocity": velocity, "activation": activation}

    def named_variables(self) -> dict[str, Any]:
        """All variables, batch statistics too, by the names of `weights.expected_shapes`."""
        named: dict[str, Any] = {}
        for name, stack in self.stacks.items():
            named |= stack.named_variables(name)
        named |= _lstm_variables(self.combined_lstm, "combined.lstm")
        return named | {f"combined.output.{part}": getattr(self.combined_output, part) for part in ("kernel", "bias")}

    def read_out(self) -> Weights:
        """The weights by name, as float32 arrays of their own."""
        return {name: np.array(v.value, dtype=np.float32) for name, v in self.named_variables().items()}

    def put_in(self, weights: Mapping[str, Floats]) -> None:
        """Sets every weight. Raises UsageError if `weights` are not those of this configuration."""
        check(weights, self.config, "the given set of weights")
        for name, variable in self.named_variables().items():
            variable.assign(weights[name])


def bidirectional_lstm(units: int, name: str = "lstm") -> Any:
    """[batch, frames, features] to [batch, frames, 2 · units]; in 32 bits, by cuDNN where there is one."""
    return keras.layers.Bidirectional(
        keras.layers.LSTM(units, return_sequences=True, dtype=_SINGLE), name=name, dtype=_SINGLE
    )


def _lstm_variables(layer: Any, name: str) -> dict[str, Any]:
    halves = zip(DIRECTIONS, (layer.forward_layer, layer.backward_layer), strict=True)
    return {f"{name}.{which}.{part}": getattr(half.cell, part) for which, half in halves for part in LSTM_PARTS}
