"""Keras, on the backend that is there: `$KERAS_BACKEND` if set, else TensorFlow if installed, else JAX.

Keras reads the choice once, when it is first imported, so every module here takes `keras` from this one.
"""

import importlib.util
import logging
import os


def _choose() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # else TensorFlow says at each start that it is on
    logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)  # else JAX says which accelerators are not there
    if "KERAS_BACKEND" not in os.environ:
        has_tensorflow = importlib.util.find_spec("tensorflow") is not None
        os.environ["KERAS_BACKEND"] = "tensorflow" if has_tensorflow else "jax"


_choose()

import keras  # noqa: E402

__all__ = ["keras", "share_among_devices"]


def share_among_devices() -> int:
    """Every batch of this process is shared among all its accelerators (data parallelism); how many there are.

    Call it before a model is made. Keras does this on JAX; on TensorFlow one device does the work.
    """
    devices = keras.distribution.list_devices()
    if keras.backend.backend() != "jax" or len(devices) < 2:
        return 1
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    return len(devices)
