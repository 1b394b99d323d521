"""Keras, on the backend that is there: `$KERAS_BACKEND` if set, else TensorFlow if installed, else JAX.

Keras reads the choice once, when it is first imported, so every module here takes `keras` from this one.
"""

import importlib.util
import os


def _choose() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # else TensorFlow says at each start that it is on
    if "KERAS_BACKEND" not in os.environ:
        os.environ["KERAS_BACKEND"] = "tensorflow" if _installed("tensorflow") else "jax"


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # what find_spec says of a module that was set to None in sys.modules
        return False


_choose()

import keras  # noqa: E402

__all__ = ["keras"]
