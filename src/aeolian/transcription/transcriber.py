"""What a transcriber is: recording in, notes out; and what it needs of a recording.

A transcriber is made once and used for many recordings, so that its model is loaded once. It streams: the memory it
needs does not grow with the length of the recording, apart from the notes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aeolian.music.notes import Notes


class Report(Protocol):
    """What a transcriber calls as it advances: `done` of `total` seconds of the recording."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Takes the news."""


def silent(done: int, total: int, note: str = "") -> None:
    """The `Report` of callers who do not want any."""


class Recording(Protocol):
    """Sound that can be read once, from the beginning. `formats.wav.WavReader` is one."""

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second in each channel."""

    @property
    def channels(self) -> int:
        """Number of channels, at least 1."""

    @property
    def frames(self) -> int:
        """How many samples there are in each channel, as far as known; for progress only."""

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples in [-1, 1], float32[≤ frames, channels] at a time."""


class Transcriber(Protocol):
    """Finds the notes in recordings. `name` and `version` go to reports: the same two give the same notes."""

    @property
    def name(self) -> str:
        """The backend's slug, as in `--backend`."""

    @property
    def version(self) -> str:
        """What else the notes depend on: version of the package, of the weights."""

    @property
    def sample_rate_hz(self) -> int:
        """The rate that the model hears at; a recording of any other is resampled."""

    def transcribe(self, recording: Recording, report: Report = silent) -> Notes:
        """The notes, sorted, ends as played by the fingers or the pedal, whichever the model was taught.

        Raises `InputError` for a recording without samples.
        """


@dataclass(frozen=True)
class ArrayRecording:
    """Samples in memory as a `Recording`: float32[frames, channels] or float32[frames], in [-1, 1]."""

    samples: NDArray[np.float32]
    sample_rate_hz: int

    @property
    def channels(self) -> int:
        """Number of channels."""
        return 1 if self.samples.ndim == 1 else self.samples.shape[1]

    @property
    def frames(self) -> int:
        """Number of samples in each channel."""
        return len(self.samples)

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples, float32[≤ frames, channels] at a time."""
        table = self.samples.reshape(len(self.samples), self.channels)
        for start in range(0, len(table), frames):
            yield table[start : start + frames]
