"""Probabilities to notes, as Magenta does it, block after block.

After `pianoroll_to_note_sequence` of note-seq 0.0.5, which `infer_util.predict_sequence` calls: a note begins in a
frame whose onset is predicted where none was just before, and nowhere else; it goes on while frames (or onsets) are
predicted, and ends where they stop, where an offset is predicted (if those are used), or where the pitch begins anew.
Its velocity is that of its first frame. Our own code, over whole blocks instead of one cell at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aeolian.music.notes import Notes
from aeolian.transcription.mel import FRAMES_PER_S
from aeolian.transcription.onsets_and_frames.config import LOWEST_PITCH, PITCHES, ModelConfig
from aeolian.transcription.onsets_and_frames.heard import Heard

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
_NONE = -1


@dataclass(frozen=True)
class Thresholds:
    """Probabilities above which an onset, a frame, an offset is predicted; `offset` 0: offsets are not used (Magenta).

    Notes of fewer than `shortest_frames` (32 ms each) are dropped.
    """

    onset: float = 0.5
    frame: float = 0.5
    offset: float = 0.0
    shortest_frames: int = 0


class Decoder:
    """Takes the outputs of the network in order and gives the notes of the whole."""

    def __init__(self, config: ModelConfig, thresholds: Thresholds) -> None:
        self._config, self._thresholds = config, thresholds
        self._frames = 0
        # Of each pitch: the frame where the note that sounds began, or none; its velocity.
        self._open = np.full(PITCHES, _NONE, np.int64)
        self._open_velocity = np.zeros(PITCHES, np.float32)
        self._was_struck = np.zeros(PITCHES, bool)
        self._found: list[tuple[Ints, Ints, Ints, NDArray[np.float32]]] = []

    def push(self, heard: Heard) -> None:
        """The next n frames, n ≥ 1."""
        struck, active = self._predicted(heard)
        before = np.concatenate([self._was_struck[np.newaxis], struck[:-1]])
        starts = struck & ~before
        self._was_struck = struck[-1]
        self._follow(starts, starts | ~active, heard.velocity)
        self._frames += len(active)

    def _predicted(self, heard: Heard) -> tuple[Flags, Flags]:
        """Whether an onset counts, and whether a pitch is active, bool[n, 88] each."""
        chosen = self._thresholds
        struck = heard.onset > np.float32(chosen.onset)
        active = (heard.frame > np.float32(chosen.frame)) | struck
        if chosen.offset:
            active &= ~(heard.offset > np.float32(chosen.offset))
            struck &= active
        return struck, active

    def _follow(self, starts: Flags, stops: Flags, velocity: NDArray[np.float32]) -> None:
        """Each note from its start to the next stop of its pitch, or into the next block."""
        ended = _first(stops)
        over = (self._open != _NONE) & (ended < len(stops))
        pitch = np.flatnonzero(over)
        self._keep(self._open[pitch], self._frames + ended[pitch], pitch, self._open_velocity[pitch])
        self._open[pitch] = _NONE
        column, row = np.nonzero(starts.T)
        if not len(column):
            return
        stop_column, stop_row = np.nonzero(stops.T)
        height = len(stops)
        # Every start is a stop too: the next one in its column, if there is any, is the note's end.
        place = np.searchsorted(stop_column * height + stop_row, column * height + row, side="right")
        following = np.append(stop_column, _NONE)[place] == column
        end = np.append(stop_row, 0)[place]
        value = velocity[row, column]
        self._keep(self._frames + row[following], self._frames + end[following], column[following], value[following])
        still = ~following
        self._open[column[still]] = self._frames + row[still]
        self._open_velocity[column[still]] = value[still]

    def _keep(self, start: Ints, end: Ints, column: Ints, velocity: NDArray[np.float32]) -> None:
        if len(start):
            self._found.append((start, end, column, velocity))

    def notes(self) -> Notes:
        """The notes, sorted by onset; those that still sound end with the last frame."""
        pitch = np.flatnonzero(self._open != _NONE)
        ends = np.full(len(pitch), self._frames, np.int64)
        found = [*self._found, (self._open[pitch], ends, pitch, self._open_velocity[pitch])]
        start, end, column, value = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        scaled = np.clip(np.nan_to_num(value.astype(np.float64)), 0, 1) * self._config.velocity_scale
        velocity = np.clip(np.trunc(scaled + self._config.velocity_bias), 1, 127).astype(np.int64)
        notes = Notes(start / FRAMES_PER_S, end / FRAMES_PER_S, column + LOWEST_PITCH, velocity)
        return notes.take(end - start >= self._thresholds.shortest_frames).sorted()


def decode(blocks: Iterator[Heard], config: ModelConfig, thresholds: Thresholds | None = None) -> Notes:
    """The notes in the network's outputs, which come in order; `thresholds`: the configuration's if not given."""
    decoder = Decoder(config, thresholds or thresholds_of(config))
    for block in blocks:
        decoder.push(block)
    return decoder.notes()


def thresholds_of(config: ModelConfig) -> Thresholds:
    """The thresholds that a model was published with."""
    return Thresholds(config.onset_threshold, config.frame_threshold, config.offset_threshold)


def _first(flags: Flags) -> Ints:
    """The first row of each column that is set; the number of rows where none is."""
    return np.where(flags.any(axis=0), flags.argmax(axis=0), len(flags))
