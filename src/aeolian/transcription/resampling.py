"""A recording as the one channel at the one sample rate that a model wants, in constant memory."""

import math
from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from aeolian.transcription.downmix import Downmix
from aeolian.transcription.transcriber import Recording

BLOCK_S = 10
MAX_BLOCK_FRAMES = 1 << 21


def mono_blocks(recording: Recording, sample_rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """The channels as one at `sample_rate_hz`, float32[n] at a time, ⌈frames · rate / own rate⌉ samples in all.

    One channel as `Downmix` makes it; NaN becomes 0, and infinity 1. Resampled by soxr's "HQ" (the quality and the
    length that librosa.load gives).
    """
    own_rate_hz = recording.sample_rate_hz
    block_frames = min(BLOCK_S * own_rate_hz, MAX_BLOCK_FRAMES)
    downmix = Downmix(own_rate_hz)
    blocks = (downmix.mix(_finite(block)) for block in recording.blocks(block_frames))
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


def _finite(block: NDArray[np.float32]) -> NDArray[np.float32]:
    # A sum tells at once, unless it overflows; then a closer look does no harm.
    return block if np.isfinite(block.sum()) else np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
