"""What a sound is here: float32[frames, channels], finite, as `formats` reads and writes it.

Within, effects work on planar blocks, float32[channels, frames], whose channels lie in one piece.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from aeolian.errors import InputError

Samples = npt.NDArray[np.float32]
Planar = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

BLOCK_FRAMES = 16_384
LOUDEST = 1e6
"""More than this is no sound, and a chain of effects could make infinity of it."""
_LARGEST = np.finfo(np.float32).max
MAX_CHANNELS = 64
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000


def check_format(sample_rate_hz: int, channels: int) -> None:
    """Refuse a sample rate or a number of channels that no sound has. Raises `InputError`."""
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"has a sample rate of {sample_rate_hz:g} Hz; effects take {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,} Hz."
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"has {channels} channels; effects take 1 to {MAX_CHANNELS}.")


def check_samples(samples: npt.ArrayLike, channels: int, first_frame: int = 0) -> npt.NDArray[np.floating]:
    """Give samples of shape [frames, channels] as they are; their frames count from `first_frame` in errors.

    Raises `InputError` for another shape, for integers, and for a sample that is not a number or beyond ±1e6.
    """
    array = np.asarray(samples)
    if array.dtype.kind != "f":
        raise InputError(
            f"holds samples of type {array.dtype}; expected floats in [-1, 1].", remedy="Divide 16-bit PCM by 32768."
        )
    if array.ndim != 2 or array.shape[1] != channels:
        raise InputError(f"has the shape {list(array.shape)}; expected [frames, {channels}].")
    # Two comparisons, both false of what is not a number.
    if array.size and not (array.min() >= -LOUDEST and array.max() <= LOUDEST):
        frame, channel = np.argwhere(~(np.abs(array) <= LOUDEST))[0]
        raise InputError(
            f"holds {array[frame, channel]:g} at frame {first_frame + frame} of channel {channel + 1}; "
            "expected finite samples in [-1, 1].",
            remedy="Replace what is not a number by 0, and divide PCM by its full scale.",
        )
    return array


def check_finite(block: Planar) -> Planar:
    """Give a block that effects made. Raises `InputError` if they made it louder than float32 can say."""
    if block.size and not (block.min() >= -_LARGEST and block.max() <= _LARGEST):
        raise InputError(
            "becomes louder within the chain than a number can say.", remedy="Lower the gains of its effects."
        )
    return block


def to_planar(samples: npt.NDArray[np.floating]) -> Planar:
    """Copy samples of shape [frames, channels] into a planar block, so that the caller may use the memory again."""
    return np.array(samples.T, dtype=np.float32, order="C")


def to_samples(pieces: Iterable[Planar], channels: int) -> Samples:
    """Join planar blocks to samples of shape [frames, channels]."""
    blocks = list(pieces)
    samples = np.empty((sum(block.shape[1] for block in blocks), channels), np.float32)
    start = 0
    for block in blocks:
        samples[start : start + block.shape[1]] = block.T
        start += block.shape[1]
    return samples


def cut(planar: Planar) -> Iterator[Planar]:
    """Cut a planar sound into blocks of `BLOCK_FRAMES`; the last is shorter."""
    for start in range(0, planar.shape[1], BLOCK_FRAMES):
        yield np.ascontiguousarray(planar[:, start : start + BLOCK_FRAMES])


def join(blocks: Iterable[Planar], channels: int) -> Planar:
    """Join planar blocks to one."""
    found = list(blocks)
    if len(found) == 1:
        return found[0]
    return np.concatenate([np.empty((channels, 0), np.float32), *found], axis=1)


class Queue:
    """Planar blocks that wait, taken out in other sizes than they were put in."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._blocks: deque[Planar] = deque()
        self.frames = 0

    def put(self, block: Planar) -> None:
        """Add a block at the end."""
        if block.shape[1]:
            self._blocks.append(block)
            self.frames += block.shape[1]

    def take(self, frames: int) -> Planar:
        """Take the first `frames`, or what there is if that is less."""
        taken, left = [], min(frames, self.frames)
        self.frames -= left
        while left:
            block = self._blocks.popleft()
            if block.shape[1] > left:
                self._blocks.appendleft(block[:, left:])
                block = block[:, :left]
            taken.append(block)
            left -= block.shape[1]
        return np.ascontiguousarray(join(taken, self._channels))
