"""One optimizer step, and one measurement, compiled by XLA on whichever backend Keras runs.

Both work on batches of token windows [batch, length + 1] int32: each token is predicted from those before it, and
padding is predicted by nobody. The loss is the mean negative log-likelihood in nats a token.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.music.vocabulary import PAD
from aeolian.transformer.backend import keras
from aeolian.transformer.model import MusicTransformer

ops = keras.ops
Batch = npt.NDArray[np.int32]
Step = Callable[[Batch], float]


def negative_log_likelihood(logits: Any, targets: Any) -> Any:
    """Sum in nats over the targets [batch, length] that are not padding, of logits [batch, length, vocabulary]."""
    losses = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    return ops.sum(losses * ops.cast(ops.not_equal(targets, PAD), losses.dtype))


def compiled_steps(model: MusicTransformer, optimizer: Any) -> tuple[Step, Step]:
    """(train, measure): each takes a batch and returns its summed NLL in nats; `train` also updates the weights.

    With dropout in `train`, its figure is that of the model in training. Compiles at the first call.
    """
    optimizer.build(model.trainable_variables)
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_steps(model, optimizer)
    return _jax_steps(model, optimizer)


def _loss(logits: Any, windows: Any) -> tuple[Any, Any]:
    targets = windows[:, 1:]
    total = negative_log_likelihood(logits, targets)
    tokens = ops.sum(ops.cast(ops.not_equal(targets, PAD), "float32"))
    return total / ops.maximum(tokens, 1.0), total


def _tensorflow_steps(model: MusicTransformer, optimizer: Any) -> tuple[Step, Step]:
    import tensorflow as tf  # noqa: PLC0415  (the one of two backends that is installed)

    tf.config.experimental.enable_op_determinism()

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def train(windows: Any) -> Any:
        with tf.GradientTape() as tape:
            mean, total = _loss(model(windows[:, :-1], training=True), windows)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(mean, variables), variables)
        return total

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def measure(windows: Any) -> Any:
        return _loss(model(windows[:, :-1], training=False), windows)[1]

    return lambda batch: float(train(tf.constant(batch))), lambda batch: float(measure(tf.constant(batch)))


def _jax_steps(model: MusicTransformer, optimizer: Any) -> tuple[Step, Step]:
    import jax  # noqa: PLC0415  (the one of two backends that is installed)

    def loss(trainable: Any, other: Any, windows: Any) -> Any:
        logits, other = model.stateless_call(trainable, other, windows[:, :-1], training=True)
        mean, total = _loss(logits, windows)
        return mean, (total, other)

    def update(trainable: Any, other: Any, state: Any, windows: Any) -> Any:
        (_, (total, other)), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, other, windows)
        trainable, state = optimizer.stateless_apply(state, gradients, trainable)
        return trainable, other, state, total

    def look(trainable: Any, other: Any, windows: Any) -> Any:
        logits, _ = model.stateless_call(trainable, other, windows[:, :-1], training=False)
        return _loss(logits, windows)[1]

    update_compiled, look_compiled = jax.jit(update), jax.jit(look)

    def train(batch: Batch) -> float:
        groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        values = [[variable.value for variable in group] for group in groups]
        *updated, total = update_compiled(*values, batch)
        for group, new in zip(groups, updated, strict=True):
            for variable, value in zip(group, new, strict=True):
                variable.assign(value)
        return float(total)

    def measure(batch: Batch) -> float:
        groups = (model.trainable_variables, model.non_trainable_variables)
        return float(look_compiled(*([variable.value for variable in group] for group in groups), batch))

    return train, measure
