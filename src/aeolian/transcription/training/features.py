"""The log-mel spectrogram of `aeolian.transcription.mel` for batches, on the accelerator; a test compares both."""

from typing import Any

from aeolian.keras_backend import keras
from aeolian.transcription.mel import (
    HOP_SAMPLES,
    LEAST_POWER,
    RANGE_DB,
    WINDOW_SAMPLES,
    hann_window,
    mel_filters,
)

ops = keras.ops
_HALF = WINDOW_SAMPLES // 2
_DB_PER_NEPER = 4.342944819032518  # 10 / ln 10


def log_mels(sounds: Any, headroom_db: Any = 0.0) -> Any:
    """float32[batch, frames · 512] to float32[batch, frames, 229] in dB.

    The lowest level is 80 dB below the loudest cell of the segment, or of a recording that is louder by `headroom_db`
    (float32[batch, 1, 1]) somewhere else.
    """
    frames = sounds.shape[1] // HOP_SAMPLES
    padded = ops.pad(sounds, [[0, 0], [_HALF, _HALF]], mode="reflect")
    windows = ops.extract_sequences(padded, WINDOW_SAMPLES, HOP_SAMPLES)[:, :frames]
    real, imaginary = ops.rfft(windows * hann_window())
    power = ops.matmul(ops.square(real) + ops.square(imaginary), mel_filters())
    highest = ops.max(power, axis=(1, 2), keepdims=True) * ops.power(10.0, headroom_db / 10)
    floor = ops.maximum(highest * 10 ** (-RANGE_DB / 10), LEAST_POWER)
    return _DB_PER_NEPER * ops.log(ops.maximum(power, floor))
