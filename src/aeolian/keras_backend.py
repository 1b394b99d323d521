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

__all__ = ["keras"]
