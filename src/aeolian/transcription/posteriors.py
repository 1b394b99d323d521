"""Posteriorgrams of a whole recording, in memory while they are few and in a temporary file when they are many.

A recording of ten hours has 2.2 GB of them. They are written once, window after window, and decoded in parts; the
parts are cut where the music is quiet, so that the notes are those of decoding all at once. Only where it never is
quiet for two minutes can a part's cut be told: a note that sounds on for more than `OVERLAP_FRAMES` (a minute) past it
ends there, and what began within a second of it may differ.
"""

import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aeolian.formats.closing import Closing
from aeolian.transcription.note_decoding import (
    GAP_FRAMES,
    PITCHES,
    RISE_FRAMES,
    FrameNotes,
    Posteriorgram,
    Thresholds,
    decode_notes,
    rises,
)

PART_FRAMES = 51_680
OVERLAP_FRAMES = 5_168
SEARCH_FRAMES = 5_168
_BYTES_IN_MEMORY = 64 << 20
_ROW_BYTES = 2 * PITCHES * 4


class Posteriors(Closing):
    """Onset and sounding probabilities, appended in order and read anywhere. A context manager."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY)  # noqa: SIM115
        self._last: Posteriorgram = np.zeros((0, PITCHES), np.float32)
        self.frames = 0
        self.highest_onset = 0.0
        self.highest_rise = 0.0

    def append(self, sounding: Posteriorgram, onset: Posteriorgram) -> None:
        """The next frames, float32[n, 88] each, after those appended before."""
        if not len(sounding):
            return
        self.highest_onset = max(self.highest_onset, float(onset.max()))
        self.highest_rise = max(self.highest_rise, float(rises(sounding, self._last).max()))
        self._last = np.concatenate([self._last, sounding])[-RISE_FRAMES:]
        self._file.seek(0, 2)
        self._file.write(np.concatenate([sounding, onset], axis=1).astype("<f4", copy=False).tobytes())
        self.frames += len(sounding)

    def read(self, start: int, end: int) -> tuple[Posteriorgram, Posteriorgram]:
        """`sounding` and `onset` of the frames from `start` up to `end`, float32[end - start, 88] each."""
        self._file.seek(start * _ROW_BYTES)
        data = self._file.read((end - start) * _ROW_BYTES)
        table: NDArray[np.float32] = np.frombuffer(data, "<f4").reshape(-1, 2 * PITCHES)
        return table[:, :PITCHES], table[:, PITCHES:]

    def close(self) -> None:
        """Frees the memory or the temporary file."""
        self._file.close()


def decode_all(posteriors: Posteriors, thresholds: Thresholds, *, part_frames: int = PART_FRAMES) -> FrameNotes:
    """The notes of the whole recording, decoded in parts of about `part_frames`, each owning what begins in it."""
    found = [_decode_part(posteriors, thresholds, *part) for part in _parts(posteriors, thresholds, part_frames)]
    if not found:
        return decode_notes(*posteriors.read(0, 0), thresholds)
    return FrameNotes(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


def _parts(posteriors: Posteriors, thresholds: Thresholds, part_frames: int) -> Iterator[tuple[int, int]]:
    start = 0
    while start < posteriors.frames:
        end = posteriors.frames
        if end - start > part_frames + part_frames // 2:
            end = _quietest(posteriors, thresholds, start + part_frames)
        yield start, end
        start = end


def _quietest(posteriors: Posteriors, thresholds: Thresholds, around: int) -> int:
    """The frame near `around` with the fewest pitches sounding before and after it, for as long as a note's gap."""
    start, end = max(0, around - SEARCH_FRAMES), min(posteriors.frames, around + SEARCH_FRAMES)
    sounding, _ = posteriors.read(start, end)
    active = np.cumsum(np.concatenate([[0], (sounding >= thresholds.sounding).sum(axis=1)]))
    reach = 2 * GAP_FRAMES + RISE_FRAMES
    if len(sounding) <= 2 * reach:
        return around
    nearby = active[2 * reach :] - active[: -2 * reach]
    best = np.flatnonzero(nearby == nearby.min()) + start + reach
    return int(best[np.argmin(np.abs(best - around))])


def _decode_part(posteriors: Posteriors, thresholds: Thresholds, start: int, end: int) -> FrameNotes:
    first, last = max(0, start - OVERLAP_FRAMES), min(posteriors.frames, end + OVERLAP_FRAMES)
    sounding, onset = posteriors.read(first, last)
    peaks = posteriors.highest_onset, posteriors.highest_rise
    notes = decode_notes(sounding, onset, thresholds, peaks=peaks)
    own = (notes.start + first >= start) & (notes.start + first < end)
    return FrameNotes(notes.start[own] + first, notes.end[own] + first, notes.pitch[own], notes.amplitude[own])
