"""16-bit PCM WAV from samples that are bytes already, written block by block; the standard library is all it needs.

The writer is our own and not libsndfile's, which must be told before the first sample whether the file will
pass 4 GiB. Here every file begins as a canonical WAV with its header of 44 bytes, and one that has passed
4 GiB when it is closed becomes RF64 (EBU Tech 3306 v2, section 3.5). The bytes depend on the samples alone.
"""

import struct
from pathlib import Path

from aeolian.formats.closing import Closing

MAX_RIFF_BYTES = 0xFFFF_FFFF
_IN_DS64 = 0xFFFF_FFFF
_SMALL_HEADER_BYTES = 44
_MOVED_BYTES = 1 << 24
_BYTES_PER_SAMPLE = 2
_DS64_BYTES = 28


class PcmWriter(Closing):
    """Writes a 16-bit PCM WAV, block by block, in constant memory. A context manager."""

    def __init__(self, path: Path, sample_rate_hz: int, channels: int) -> None:
        if sample_rate_hz < 1 or not 1 <= channels <= 0xFFFF:
            raise ValueError(f"{sample_rate_hz} Hz and {channels} channels: both must be positive")
        self.sample_rate_hz = sample_rate_hz
        self.channels = channels
        self.frames = 0
        self._file = path.open("w+b")
        self._file.write(self._header())

    def write_pcm(self, pcm: bytes | memoryview) -> None:
        """Appends whole frames of 16-bit little-endian samples, channel by channel.

        Raises `ValueError` for a part of a frame and `OSError` when the disk is full.
        """
        frames, rest = divmod(len(pcm), self.channels * _BYTES_PER_SAMPLE)
        if rest:
            raise ValueError(f"{len(pcm)} bytes are no whole frames of {self.channels} channels of 16 bits")
        self.frames += frames
        self._file.write(pcm)

    def close(self) -> None:
        """Fills the sizes into the header. A second call does nothing."""
        if self._file.closed:
            return
        try:
            if self._large:
                self._move_data(_SMALL_HEADER_BYTES, len(self._header()))
            self._file.seek(0)
            self._file.write(self._header())
        finally:
            self._file.close()

    @property
    def _data_bytes(self) -> int:
        return self.frames * self.channels * _BYTES_PER_SAMPLE

    @property
    def _large(self) -> bool:
        return self._data_bytes + _SMALL_HEADER_BYTES - 8 > MAX_RIFF_BYTES

    def _header(self) -> bytes:
        rate, stride = self.sample_rate_hz, self.channels * _BYTES_PER_SAMPLE
        bytes_per_s = min(rate * stride, 0xFFFF_FFFF)
        fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, self.channels, rate, bytes_per_s, stride, 16)
        if not self._large:
            riff = struct.pack("<4sI4s", b"RIFF", _SMALL_HEADER_BYTES - 8 + self._data_bytes, b"WAVE")
            return riff + fmt + struct.pack("<4sI", b"data", self._data_bytes)
        riff_bytes = _SMALL_HEADER_BYTES + _DS64_BYTES + self._data_bytes
        sizes = struct.pack("<4sIQQQI", b"ds64", _DS64_BYTES, riff_bytes, self._data_bytes, self.frames, 0)
        riff = struct.pack("<4sI4s", b"RF64", _IN_DS64, b"WAVE")
        return riff + sizes + fmt + struct.pack("<4sI", b"data", _IN_DS64)

    def _move_data(self, old: int, new: int) -> None:
        """Moves the samples from byte `old` to the later byte `new`, the last ones first."""
        left = self._data_bytes
        while left:
            size = min(left, _MOVED_BYTES)
            left -= size
            self._file.seek(old + left)
            block = self._file.read(size)
            self._file.seek(new + left)
            self._file.write(block)
