"""Random arrays inside compiled steps, from seeds that are data: Keras's own functions take those under JAX alone."""

from typing import Any

import numpy as np

from aeolian.keras_backend import keras

ops = keras.ops
_STRIDE = 7919


def derived(seeds: Any, number: int) -> Any:
    """Other seeds, uint32[2], for the `number`-th draw."""
    return ops.cast(seeds, "uint32") + ops.cast(np.array([number * _STRIDE, number]), "uint32")


def uniform(shape: tuple[int, ...], low: float, high: float, seeds: Any) -> Any:
    """float32 of `shape` in [low, high), from uint32[2]."""
    if keras.backend.backend() == "jax":
        return keras.random.uniform(shape, low, high, seed=seeds)
    import tensorflow as tf  # noqa: PLC0415  (the one of two backends that is installed)

    return tf.random.stateless_uniform(shape, tf.bitcast(seeds, tf.int32)) * (high - low) + low


def normal(shape: tuple[int, ...], seeds: Any) -> Any:
    """float32 of `shape`, standard normal, from uint32[2]."""
    if keras.backend.backend() == "jax":
        return keras.random.normal(shape, seed=seeds)
    import tensorflow as tf  # noqa: PLC0415  (the one of two backends that is installed)

    return tf.random.stateless_normal(shape, tf.bitcast(seeds, tf.int32))
