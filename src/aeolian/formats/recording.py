"""A recording of any kind for a model: the sound that `convert` would make of it, in blocks of float32."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aeolian.formats.closing import Closing
from aeolian.formats.sizes import cut_off_remark
from aeolian.formats.unfit import Unfit


class Reader(Protocol):
    """What reads a file: `wav.WavReader` or `ffmpeg_reader.FfmpegReader`."""

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second in each channel."""

    @property
    def channels(self) -> int:
        """Number of channels."""

    @property
    def frames(self) -> int:
        """How many samples each channel has, as far as can be known without decoding."""

    @property
    def floats(self) -> bool:
        """Whether the file holds floating-point numbers, of which some may be none, or beyond full scale."""

    @property
    def declared_s(self) -> float | None:
        """The length that the file declares, if it does."""

    @property
    def remarks(self) -> list[str]:
        """What the decoder disliked so far."""

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples, float32[≤ frames, channels] at a time."""

    def close(self) -> None:
        """Closes the file."""


class RecordingReader(Closing):
    """Reads a recording once, from its beginning, in constant memory: finite samples in [-1, 1]. A context manager.

    `read_frames`: how many have been read.
    """

    def __init__(self, reader: Reader, remark: str = "") -> None:
        self._reader, self._remark = reader, remark
        self._unfit = Unfit()
        self.sample_rate_hz, self.channels = reader.sample_rate_hz, reader.channels
        self.read_frames = 0

    @property
    def frames(self) -> int:
        """How many samples each channel has, as far as can be known without decoding."""
        return self._reader.frames

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples, float32[≤ frames, channels] at a time: 0 for what is not a number, clipped beyond full scale.

        Raises `InputError` if nothing can be read.
        """
        for block in self._reader.blocks(frames):
            self.read_frames += len(block)
            yield self._bounded(block)

    def _bounded(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        # Both are false of what is not a number.
        if not block.size or (block.min() >= -1 and block.max() <= 1):
            return block
        number = int(np.isnan(block).sum())
        # The decoder of a lossy codec may well overshoot: that is no fault of the file.
        self._unfit += Unfit(number, int((np.abs(block) > 1).sum()) if self._reader.floats else 0)
        return np.clip(np.nan_to_num(block, nan=0.0), -1, 1)

    def remarks(self) -> list[str]:
        """Say what is wrong with the recording, once it has been read to its end."""
        cut_off = cut_off_remark(self.read_frames / self.sample_rate_hz, self._reader.declared_s)
        said = [self._remark, *self._reader.remarks, cut_off, *self._unfit.remarks()]
        return [remark for remark in said if remark]

    def close(self) -> None:
        """Closes the file."""
        self._reader.close()
