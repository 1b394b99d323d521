"""PCM WAV, written block by block; WAV and everything else that libsndfile reads, read block by block.

Samples are float32 in [-1, 1] of shape [frames, channels]; a sample x is stored as round(32768 x), clipped to 16 bits,
so what was read as 16-bit PCM is written back bit for bit.

The writer is our own and not libsndfile's, which must be told before the first sample whether the file will
pass 4 GiB: here room for the 64-bit sizes is kept in a `JUNK` chunk and becomes the `ds64` chunk of an RF64
file only if the sizes need it (EBU Tech 3306 v2, section 3.5). The bytes depend on the samples alone.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from aeolian.errors import InputError

MAX_RIFF_BYTES = 0xFFFF_FFFF
_BYTES_PER_SAMPLE = 2
_FULL_SCALE = 32768.0
_DS64_BYTES = 28


class WavWriter:
    """Writes a 16-bit PCM WAV, block by block, in constant memory. A context manager.

    `frames_at_most` tells how long the file may become. A file that is known to stay below 4 GiB gets the
    canonical 44-byte header; otherwise 36 bytes more are kept, for RF64.
    """

    def __init__(
        self, path: Path, sample_rate_hz: int, channels: int, *, frames_at_most: int | None = None
    ) -> None:
        if sample_rate_hz < 1 or not 1 <= channels <= 0xFFFF:
            raise ValueError(f"{sample_rate_hz} Hz and {channels} channels: both must be positive")
        self.sample_rate_hz = sample_rate_hz
        self.channels = channels
        self.frames = 0
        bytes_at_most = None if frames_at_most is None else frames_at_most * channels * _BYTES_PER_SAMPLE
        self._roomy = bytes_at_most is None or bytes_at_most + 44 > MAX_RIFF_BYTES
        self._file = path.open("wb")
        self._file.write(self._header())

    def write(self, block: NDArray[np.float32] | NDArray[np.int16]) -> None:
        """Appends a block: float32[frames, channels] in [-1, 1] (NaN becomes 0), or int16 as it is to be
        stored.

        Raises `ValueError` for another shape, or when the file passes 4 GiB against the promise of
        `frames_at_most`; `OSError` when the disk is full.
        """
        samples = np.asarray(block)
        if samples.ndim == 1:
            samples = samples[:, np.newaxis]
        if samples.ndim != 2 or samples.shape[1] != self.channels:
            raise ValueError(f"block of shape {samples.shape}; expected [frames, {self.channels}]")
        pcm = samples if samples.dtype == np.int16 else quantised(samples.astype(np.float32, copy=False))
        self.frames += len(pcm)
        if not self._roomy and self._data_bytes + 44 > MAX_RIFF_BYTES:
            raise ValueError(
                f"{self.frames} frames: the WAV passes 4 GiB, more than `frames_at_most` promised"
            )
        self._file.write(np.ascontiguousarray(pcm, dtype="<i2").data)

    def close(self) -> None:
        """Fills the sizes into the header. A second call does nothing."""
        if self._file.closed:
            return
        try:
            self._file.seek(0)
            self._file.write(self._header())
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _data_bytes(self) -> int:
        return self.frames * self.channels * _BYTES_PER_SAMPLE

    def _header(self) -> bytes:
        room = 8 + _DS64_BYTES if self._roomy else 0
        riff_bytes = 36 + room + self._data_bytes
        large = riff_bytes > MAX_RIFF_BYTES
        stride = self.channels * _BYTES_PER_SAMPLE
        head = struct.pack(
            "<4sI4s", b"RF64" if large else b"RIFF", MAX_RIFF_BYTES if large else riff_bytes, b"WAVE"
        )
        if large:
            head += struct.pack(
                "<4sIQQQI", b"ds64", _DS64_BYTES, riff_bytes, self._data_bytes, self.frames, 0
            )
        elif self._roomy:
            head += struct.pack("<4sI28x", b"JUNK", _DS64_BYTES)
        rate = self.sample_rate_hz
        head += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, self.channels, rate, rate * stride, stride, 16)
        return head + struct.pack("<4sI", b"data", MAX_RIFF_BYTES if large else self._data_bytes)


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate_hz: int) -> None:
    """Writes `samples`, float32[frames, channels] or float32[frames] in [-1, 1], as a 16-bit PCM WAV."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with WavWriter(path, sample_rate_hz, channels, frames_at_most=len(samples)) as writer:
        writer.write(samples)


def quantised(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """16-bit PCM of samples in [-1, 1]: round(32768 x), clipped; NaN becomes 0."""
    scaled = np.rint(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * np.float32(_FULL_SCALE))
    pcm: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return pcm


class WavReader:
    """Reads a recording block by block, in constant memory: WAV, and FLAC, OGG, MP3, AIFF, … as libsndfile
    does.

    A context manager. `frames` is what the header says, which for a damaged file may be more than there is.
    Raises `InputError` for a file that libsndfile cannot read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
            raise InputError(f"cannot be read as audio: {_reason(error)}") from error
        self.sample_rate_hz: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self.format: str = self._file.format
        self.complaint = ""

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples from here on, float32[≤ frames, channels] at a time; the last block is shorter.

        A file that is damaged further on ends there, and `complaint` says why. Raises `InputError` if nothing
        could be read before the damage.
        """
        position = 0
        while True:
            try:
                block: NDArray[np.float32] = self._file.read(frames, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                if position:
                    self.complaint = _reason(error)
                    return
                raise InputError(f"is damaged: {_reason(error)}") from error
            if not len(block):
                return
            position += len(block)
            yield block

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _reason(error: Exception) -> str:
    """libsndfile's complaint without the path in front of it."""
    text = getattr(error, "error_string", "") or str(error)
    return text.strip().rstrip(".")
