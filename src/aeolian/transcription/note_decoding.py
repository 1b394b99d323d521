"""Notes out of posteriorgrams, as Basic Pitch does it.

After R. Bittner et al., "A Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription and Multipitch
Estimation" (ICASSP 2022), section 2.3; where the paper is silent, the notes are those of the package basic-pitch 0.4.0
for the same posteriorgrams. Our own code, over rows and runs instead of one cell at a time.

A posteriorgram is float32[frames, 88] in [0, 1]: column 0 is A0 (MIDI pitch 21), a row 256 samples at 22,050 Hz.
`sounding` says whether a pitch sounds in a frame, `onset` whether it begins there.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOWEST_PITCH = 21
PITCHES = 88
# A note goes on through a gap of fewer frames than this below the threshold.
GAP_FRAMES = 11
# A rise of `sounding` counts as an onset if it holds against each of the last two frames.
RISE_FRAMES = 2
_FIRST_LOOK_FRAMES = 128

Posteriorgram = NDArray[np.float32]


@dataclass(frozen=True)
class Thresholds:
    """When a note is a note. The defaults are those of the package.

    `onset` and `sounding` are probabilities; notes of `shortest_frames` (11.6 ms each) or fewer are dropped;
    `without_onset` also finds notes that sound but have no onset (the paper's second step, after Melodia).
    """

    onset: float = 0.5
    sounding: float = 0.3
    shortest_frames: int = 11
    without_onset: bool = True


class FrameNotes(NamedTuple):
    """n notes: first frame, frame after the last, MIDI pitch, and the mean of `sounding` over the note."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    pitch: NDArray[np.int64]
    amplitude: NDArray[np.float32]


def rises(sounding: Posteriorgram, before: Posteriorgram) -> NDArray[np.float64]:
    """How much `sounding` has risen against both frames before, float64[frames, 88], at least 0.

    `before` is the RISE_FRAMES rows in front of `sounding`; a beginning has none and rises by nothing at first.
    """
    rows = np.concatenate([before, sounding]).astype(np.float64)
    lead = len(before)
    rise = np.zeros((len(sounding), rows.shape[1]))
    first = RISE_FRAMES - lead
    if len(sounding) > first:
        now = rows[RISE_FRAMES:]
        rise[first:] = np.minimum(now - rows[1 : 1 + len(now)], now - rows[: len(now)]).clip(min=0)
    return rise


def onset_candidates(
    onset: Posteriorgram, rise: NDArray[np.float64], rise_scale: float, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames and columns of strict local maxima in time of max(onset, rise_scale · rise), last frame first."""
    strength = np.maximum(onset, rise_scale * rise)
    inner = strength[1:-1]
    peak = (inner >= threshold) & (inner > strength[:-2]) & (inner > strength[2:])
    frames, columns = np.nonzero(peak)
    return frames[::-1] + 1, columns[::-1]


def decode_notes(
    sounding: Posteriorgram,
    onset: Posteriorgram,
    thresholds: Thresholds | None = None,
    *,
    peaks: tuple[float, float] | None = None,
) -> FrameNotes:
    """The notes in a pair of posteriorgrams, in order of discovery.

    `peaks` are the greatest onset and the greatest rise of the whole recording, when this is a part of one: rises
    are scaled so that the greatest counts as much as the greatest onset.
    """
    chosen = thresholds or Thresholds()
    rise = rises(sounding, sounding[:0])
    highest_onset, highest_rise = peaks or (_maximum(onset), _maximum(rise))
    scale = highest_onset / highest_rise if highest_rise > 0 else 0.0
    tracker = _Tracker(sounding, chosen)
    for frame, column in zip(*onset_candidates(onset, rise, scale, chosen.onset), strict=True):
        tracker.follow_onset(int(frame), int(column))
    if chosen.without_onset:
        tracker.find_without_onset()
    return tracker.notes()


class _Tracker:
    """Takes notes out of the posteriorgram, one at a time, so that no energy is used twice.

    A note takes the energy of its own pitch and of the two beside it.
    """

    def __init__(self, sounding: Posteriorgram, thresholds: Thresholds) -> None:
        self._sounding = np.ascontiguousarray(sounding.T)
        self._left = self._sounding.copy()
        self._threshold = np.float64(thresholds.sounding)
        self._shortest = thresholds.shortest_frames
        self._frames = len(sounding)
        self._found: list[tuple[int, int, int]] = []

    def follow_onset(self, start: int, column: int) -> None:
        """Follows a note from its onset to where its energy is gone."""
        if start >= self._frames - 1:
            return
        active, _ = self._run(self._left[column, start + 1 : self._frames - 1])
        end = start + 1 + active
        if end - start > self._shortest:
            self._take(start, end, column)
            self._found.append((start, end, column))

    def find_without_onset(self) -> None:
        """Goes out from the strongest frame that is left, both ways, until none above the threshold is left.

        Taking energy never makes any frame stronger, so one sort gives the order.
        """
        columns, frames = np.nonzero(self._left > self._threshold)
        order = np.lexsort((columns, frames, -self._left[columns, frames]))
        for middle, column in zip(frames[order].tolist(), columns[order].tolist(), strict=True):
            if self._left[column, middle] == 0:
                continue
            self._left[column, middle] = 0
            ahead, looked = self._run(self._left[column, middle + 1 : self._frames - 1])
            self._take(middle + 1, middle + 1 + looked, column)
            behind, looked = self._run(self._left[column, 1 : max(1, middle)][::-1])
            self._take(middle - looked, middle, column)
            # The package counts the last sounding frame out here, unlike after an onset.
            start, end = middle - behind, middle + ahead
            if end - start > self._shortest:
                self._found.append((start, end, column))

    def notes(self) -> FrameNotes:
        """What was found so far."""
        table = np.array(self._found, np.int64).reshape(-1, 3)
        amplitude = [self._sounding[column, start:end].mean() for start, end, column in self._found]
        return FrameNotes(table[:, 0], table[:, 1], table[:, 2] + LOWEST_PITCH, np.array(amplitude, np.float32))

    def _take(self, start: int, end: int, column: int) -> None:
        self._left[max(0, column - 1) : column + 2, start:end] = 0

    def _run(self, energy: NDArray[np.float32]) -> tuple[int, int]:
        """How far a note goes into `energy`: frames up to the last above the threshold, and frames looked at."""
        look = _FIRST_LOOK_FRAMES
        while True:
            above = np.flatnonzero(energy[:look] >= self._threshold)
            ends = np.concatenate([[0], above + 1])
            gaps = np.flatnonzero(np.diff(ends) > GAP_FRAMES)
            if len(gaps):
                active = int(ends[gaps[0]])
                return active, active + GAP_FRAMES
            active = int(ends[-1])
            seen = min(look, len(energy))
            if seen - active >= GAP_FRAMES:
                return active, active + GAP_FRAMES
            if seen == len(energy):
                return active, seen
            look *= 2


def _maximum(values: NDArray[np.float32] | NDArray[np.float64]) -> float:
    return float(values.max()) if values.size else 0.0
