"""One optimizer step, and one measurement, compiled by XLA on whichever backend Keras runs.

Both work on batches of token windows [batch, length + 1] int32: each token is predicted from those before it, and
padding is predicted by nobody. Figures are sums of the negative log-likelihood in nats; what is minimised is their
mean, with label smoothing where that is asked for.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.keras_backend import keras
from aeolian.music.vocabulary import PAD
from aeolian.transformer.model import MusicTransformer

ops = keras.ops
Batch = npt.NDArray[np.int32]
Step = Callable[[Batch], Any]


def compiled_steps(model: MusicTransformer, optimizer: Any, label_smoothing: float = 0.0) -> tuple[Step, Step]:
    """(train, measure): each takes a batch and returns its summed NLL in nats; `train` also updates the weights.

    What they return is a number once `float` is called on it: an accelerator works on meanwhile. With dropout in
    `train`, its figure is that of the model in training. Compiles at the first call.
    """
    optimizer.build(model.trainable_variables)
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_steps(model, optimizer, label_smoothing)
    return _jax_steps(model, optimizer, label_smoothing)


def negative_log_likelihood(logits: Any, targets: Any) -> Any:
    """Sum in nats over the targets [batch, length] that are not padding, of logits [batch, length, vocabulary]."""
    losses = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    return ops.sum(losses * ops.cast(ops.not_equal(targets, PAD), losses.dtype))


def _losses(logits: Any, windows: Any, label_smoothing: float) -> tuple[Any, Any]:
    """(what to minimise, summed NLL). Smoothing (Szegedy et al. 2016) gives that share of the target to all tokens."""
    targets = windows[:, 1:]
    real = ops.cast(ops.not_equal(targets, PAD), "float32")
    total = negative_log_likelihood(logits, targets)
    smoothed = total
    if label_smoothing:
        to_all = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
        smoothed = (1.0 - label_smoothing) * total + label_smoothing * ops.sum(to_all * real)
    return smoothed / ops.maximum(ops.sum(real), 1.0), total


def _tensorflow_steps(model: MusicTransformer, optimizer: Any, label_smoothing: float) -> tuple[Step, Step]:
    import tensorflow as tf  # noqa: PLC0415  (the one of two backends that is installed)

    tf.config.experimental.enable_op_determinism()

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def train(windows: Any) -> Any:
        with tf.GradientTape() as tape:
            loss, total = _losses(model(windows[:, :-1], training=True), windows, label_smoothing)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return total

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def measure(windows: Any) -> Any:
        return negative_log_likelihood(model(windows[:, :-1], training=False), windows[:, 1:])

    return lambda batch: train(tf.constant(batch)), lambda batch: measure(tf.constant(batch))


def _jax_steps(model: MusicTransformer, optimizer: Any, label_smoothing: float) -> tuple[Step, Step]:
    import jax  # noqa: PLC0415  (the one of two backends that is installed)

    def loss(trainable: Any, other: Any, windows: Any) -> Any:
        logits, other = model.stateless_call(trainable, other, windows[:, :-1], training=True)
        value, total = _losses(logits, windows, label_smoothing)
        return value, (total, other)

    def update(trainable: Any, other: Any, state: Any, windows: Any) -> Any:
        (_, (total, other)), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, other, windows)
        trainable, state = optimizer.stateless_apply(state, gradients, trainable)
        return trainable, other, state, total

    def look(trainable: Any, other: Any, windows: Any) -> Any:
        logits, _ = model.stateless_call(trainable, other, windows[:, :-1], training=False)
        return negative_log_likelihood(logits, windows[:, 1:])

    update_compiled, look_compiled = jax.jit(update), jax.jit(look)
    placed = _placement()

    def train(batch: Batch) -> Any:
        groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        values = [[variable.value for variable in group] for group in groups]
        *updated, total = update_compiled(*values, placed(batch))
        for group, new in zip(groups, updated, strict=True):
            for variable, value in zip(group, new, strict=True):
                variable.assign(value)
        return total

    def measure(batch: Batch) -> Any:
        groups = (model.trainable_variables, model.non_trainable_variables)
        return look_compiled(*([variable.value for variable in group] for group in groups), placed(batch))

    return train, measure


def _placement() -> Callable[[Batch], Any]:
    """Where a batch goes: to the device, or, under Keras' data parallelism, a part of its rows to each of them."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return lambda batch: batch
    return lambda batch: keras.distribution.distribute_tensor(batch, distribution.get_data_layout(batch.shape))
