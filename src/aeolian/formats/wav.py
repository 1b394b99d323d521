"""PCM WAV, written block by block; WAV and everything else that libsndfile reads, read block by block.

`recording.open_recording` chooses between this reader and ffmpeg.

Samples are float32 in [-1, 1] of shape [frames, channels]; a sample x is stored as round(32768 x), clipped to
16 bits, so what was read as 16-bit PCM is written back bit for bit. `pcm_wav` tells of the file itself.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from aeolian.errors import InputError
from aeolian.formats.closing import Closing
from aeolian.formats.opened import opened
from aeolian.formats.pcm_wav import PcmWriter
from aeolian.formats.sizes import find_sound

_PIECE_FRAMES = 1 << 14
_FULL_SCALE = 32768.0
_UNKNOWN_FRAMES = 1 << 40


class WavWriter(PcmWriter):
    """Writes samples as a 16-bit PCM WAV, block by block, in constant memory. A context manager."""

    def write(self, block: NDArray[np.float32] | NDArray[np.int16]) -> None:
        """Appends a block: float32[frames, channels] in [-1, 1] (NaN becomes 0), or int16 as it is.

        Raises `ValueError` for another shape and `OSError` when the disk is full.
        """
        samples = np.asarray(block)
        if samples.ndim == 1:
            samples = samples[:, np.newaxis]
        if samples.ndim != 2 or samples.shape[1] != self.channels:
            raise ValueError(f"block of shape {samples.shape}; expected [frames, {self.channels}]")
        pcm = samples if samples.dtype == np.int16 else quantised(samples.astype(np.float32, copy=False))
        self.write_pcm(np.ascontiguousarray(pcm, dtype="<i2").tobytes())


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate_hz: int) -> None:
    """Writes `samples`, float32[frames, channels] or float32[frames] in [-1, 1], as a 16-bit PCM WAV."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with WavWriter(path, sample_rate_hz, channels) as writer:
        writer.write(samples)


def quantised(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """16-bit PCM of samples in [-1, 1]: round(32768 x), clipped; NaN becomes 0."""
    scaled = np.rint(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * np.float32(_FULL_SCALE))
    pcm: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return pcm


class WavReader(Closing):
    """Reads a recording block by block, in constant memory: WAV, and FLAC, OGG, MP3, AIFF, … as libsndfile
    does.

    A context manager. `frames` is what the header says, which for a damaged file may be more than there is;
    `read_frames` is how many have been read. Raises `InputError` for a file that libsndfile cannot read.
    """

    def __init__(self, path: Path) -> None:
        with opened(path) as file:
            sound = find_sound(file)
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
            raise InputError(f"cannot be read as audio: {_reason(error)}") from error
        self.sample_rate_hz: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self.format: str = self._file.format
        self.floats: bool = self._file.subtype in ("FLOAT", "DOUBLE")
        self.declared_s = sound.declared_s if sound is not None else None
        # libsndfile trusts the length that an MP3 or the first link of an Ogg seems to have.
        counted = sound is not None or (self.format == "FLAC" and self.frames < _UNKNOWN_FRAMES)
        self.sure_of_end = counted and self.frames > 0
        self.read_frames = 0
        self.complaint = ""

    @property
    def remarks(self) -> list[str]:
        """What is wrong with the file, as far as it has been read."""
        return [f"the recording is damaged: {self.complaint}"] if self.complaint else []

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples from here on, float32[≤ frames, channels] at a time; the last block is shorter.

        A file that is damaged further on ends there, and `complaint` says why. Raises `InputError` if nothing
        could be read before the damage.
        """
        while not self.complaint:
            pieces = [piece for piece in self._pieces(frames) if len(piece)]
            if not pieces:
                return
            self.read_frames += sum(map(len, pieces))
            yield pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _pieces(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """`frames` in pieces: when libsndfile meets damage, it keeps back the whole of what was asked for."""
        for start in range(0, frames, _PIECE_FRAMES):
            wanted = min(_PIECE_FRAMES, frames - start)
            try:
                piece: NDArray[np.float32] = self._file.read(wanted, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                if start + self.read_frames == 0:
                    raise InputError(f"is damaged: {_reason(error)}") from error
                self.complaint = _reason(error)
                return
            yield piece
            if len(piece) < wanted:
                return

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _reason(error: Exception) -> str:
    """libsndfile's complaint without the path in front of it."""
    text = getattr(error, "error_string", "") or str(error)
    return text.strip().removeprefix("Error :").strip().rstrip(".")
