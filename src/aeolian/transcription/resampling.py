"""A recording as the one channel at the one sample rate that a model wants, in constant memory."""

import math
from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from aeolian.transcription.transcriber import Recording

BLOCK_S = 10
MAX_BLOCK_FRAMES = 1 << 21


def mono_blocks(recording: Recording, sample_rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """The mean of the channels at `sample_rate_hz`, float32[n] at a time, ⌈frames · rate / own rate⌉ samples in all.

    Resampled by soxr's "HQ" (the quality and the length that librosa.load gives). NaN becomes 0, and infinity 1.
    """
    own_rate_hz = recording.sample_rate_hz
    block_frames = min(BLOCK_S * own_rate_hz, MAX_BLOCK_FRAMES)
    blocks = (_mono(block) for block in recording.blocks(block_frames))
    if own_rate_hz == sample_rate_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(own_rate_hz, sample_rate_hz, 1, dtype="float32", quality="HQ")
    read, given = 0, 0
    for block in blocks:
        read += len(block)
        resampled = stream.resample_chunk(block)
        given += len(resampled)
        yield resampled
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
    missing = math.ceil(read * sample_rate_hz / own_rate_hz) - given
    yield np.pad(rest, (0, max(0, missing - len(rest))))[: max(0, missing)]


def _mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    mixed: NDArray[np.float32] = block.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mixed).all():
        mixed = np.nan_to_num(mixed, nan=0.0, posinf=1.0, neginf=-1.0)
    return mixed
