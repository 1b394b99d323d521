"""Probabilities to notes, as Magenta does it, block after block.

After `pianoroll_to_note_sequence` of note-seq 0.0.5, which `infer_util.predict_sequence` calls: a note begins in a
frame whose onset is predicted where none was just before, and nowhere else; it goes on while frames (or onsets) are
predicted, and ends where they stop, where an offset is predicted (if those are used), or where the pitch begins anew.
Its velocity is that of its first frame. Our own code, over whole blocks instead of one cell at a time.

A model that was taught that an onset is in each frame near it (`ModelConfig.onset_centred`) says with two frames that
it lies between them: then a note begins at the middle of the frames, weighted by their probabilities. And it ends
where the straight line from the last frame's probability to that of the first silent one crosses the threshold.
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
Doubles = NDArray[np.float64]
_Found = tuple[Ints, Doubles, Ints, Doubles, NDArray[np.float32]]
_NONE = -1
# So many frames behind its first are part of an onset at most.
_REACH = 2


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
        # Of each pitch: the frame where the note that sounds began, or none; where in it, and its velocity.
        self._open = np.full(PITCHES, _NONE, np.int64)
        self._open_shift, self._open_velocity = np.zeros(PITCHES), np.zeros(PITCHES, np.float32)
        self._was_struck, self._was_frame = np.zeros(PITCHES, bool), np.zeros(PITCHES, np.float32)
        # The last frames wait for those that follow them, where an onset may reach into these.
        self._waiting = _silence(0)
        self._found: list[_Found] = []

    def push(self, heard: Heard) -> None:
        """The next n frames, n ≥ 1."""
        joined = Heard(*(np.concatenate(pair) for pair in zip(self._waiting, heard, strict=True)))
        ready = len(joined.onset) - _REACH
        self._waiting = Heard(*(output[max(0, ready) :] for output in joined))
        if ready > 0:
            self._follow(joined, ready)

    def _predicted(self, heard: Heard) -> tuple[Flags, Flags]:
        """Whether an onset counts, and whether a pitch is active, bool[n, 88] each."""
        chosen = self._thresholds
        struck = heard.onset > np.float32(chosen.onset)
        active = (heard.frame > np.float32(chosen.frame)) | struck
        if chosen.offset:
            active &= ~(heard.offset > np.float32(chosen.offset))
            struck &= active
        return struck, active

    def _follow(self, heard: Heard, frames: int) -> None:
        """The first `frames` of the outputs: each note from its start to the next stop of its pitch, or beyond."""
        struck, active = self._predicted(heard)
        starts = struck[:frames] & ~np.concatenate([self._was_struck[np.newaxis], struck[: frames - 1]])
        self._was_struck = struck[frames - 1]
        stops = starts | ~active[:frames]
        ends = self._ends(heard.frame[:frames], starts)
        ended = _first(stops)
        pitch = np.flatnonzero((self._open != _NONE) & (ended < frames))
        self._end(pitch, self._frames + ends[ended[pitch], pitch])
        column, row = np.nonzero(starts.T)
        if len(column):
            shift = self._shifts(heard.onset, struck, row, column)
            self._begin(row, column, shift, heard.velocity[row, column], stops, ends)
        self._frames += frames

    def _ends(self, frame: NDArray[np.float32], starts: Flags) -> Doubles:
        """Where a note that stops in a frame ends, in frames of this block: float64[n, 88], within half of its row."""
        rows = np.arange(len(frame), dtype=np.float64)[:, np.newaxis]
        before = np.concatenate([self._was_frame[np.newaxis], frame[:-1]])
        self._was_frame = frame[-1]
        if not self._config.onset_centred:
            return np.broadcast_to(rows, frame.shape)
        threshold = np.float32(self._thresholds.frame)
        crosses = (before > threshold) & (frame <= threshold) & ~starts
        share = (before - threshold) / np.where(crosses, before - frame, 1)
        return rows + np.where(crosses, share - 0.5, 0)

    def _shifts(self, onset: NDArray[np.float32], struck: Flags, row: Ints, column: Ints) -> Doubles:
        """How far behind the first frame of each onset the note begins, in frames."""
        if not self._config.onset_centred:
            return np.zeros(len(row))
        rows = row[:, np.newaxis] + np.arange(1 + _REACH)
        together = np.logical_and.accumulate(struck[rows, column[:, np.newaxis]], axis=1)
        weight = np.where(together, onset[rows, column[:, np.newaxis]], 0).astype(np.float64)
        shift: Doubles = weight @ np.arange(1 + _REACH) / weight.sum(axis=1)
        return shift

    def _begin(
        self,
        row: Ints,
        column: Ints,
        shift: Doubles,
        velocity: NDArray[np.float32],
        stops: Flags,
        ends: Doubles,
    ) -> None:
        """Notes that begin; those that stop in the same block are whole."""
        stop_column, stop_row = np.nonzero(stops.T)
        height = len(stops)
        # Every start is a stop too: the next one in its column, if there is any, is the note's end.
        place = np.searchsorted(stop_column * height + stop_row, column * height + row, side="right")
        whole = np.append(stop_column, _NONE)[place] == column
        stop = np.append(stop_row, 0)[place]
        start = self._frames + row
        end = self._frames + ends[stop[whole], column[whole]]
        self._keep(start[whole], end, column[whole], shift[whole], velocity[whole])
        open_column = column[~whole]
        self._open[open_column] = start[~whole]
        self._open_shift[open_column], self._open_velocity[open_column] = shift[~whole], velocity[~whole]

    def _end(self, pitch: Ints, end: Doubles) -> None:
        self._keep(self._open[pitch], end, pitch, self._open_shift[pitch], self._open_velocity[pitch])
        self._open[pitch] = _NONE

    def _keep(self, start: Ints, end: Doubles, column: Ints, shift: Doubles, velocity: NDArray[np.float32]) -> None:
        self._found.append((start, end, column, shift, velocity))

    def notes(self) -> Notes:
        """The notes, sorted by onset; those that still sound end with the last frame. Nothing can be pushed after."""
        self.push(_silence(_REACH))
        pitch = np.flatnonzero(self._open != _NONE)
        self._end(pitch, np.full(len(pitch), self._frames, np.float64))
        start, end, column, shift, value = (np.concatenate(arrays) for arrays in zip(*self._found, strict=True))
        scaled = np.clip(np.nan_to_num(value.astype(np.float64)), 0, 1) * self._config.velocity_scale
        velocity = np.clip(np.trunc(scaled + self._config.velocity_bias), 1, 127).astype(np.int64)
        onset_s = np.maximum(0.0, (start + shift) / FRAMES_PER_S - self._config.latency_s)
        offset_s = np.maximum(onset_s + 1 / FRAMES_PER_S, end / FRAMES_PER_S - self._config.release_latency_s)
        notes = Notes(onset_s, offset_s, column + LOWEST_PITCH, velocity)
        frames = np.ceil(end - 0.5) - start
        return notes.take(frames >= self._thresholds.shortest_frames).sorted()


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


def _silence(frames: int) -> Heard:
    return Heard(*(np.zeros((frames, PITCHES), np.float32) for _ in Heard._fields))
