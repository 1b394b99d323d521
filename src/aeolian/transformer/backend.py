"""Keras for the modules of this package (see `aeolian.keras_backend`)."""

from aeolian.keras_backend import keras

__all__ = ["keras"]
