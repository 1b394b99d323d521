"""Transcriptions against the truth: the scores of each piece, their means, and where the errors are.

Scores are those of `note_matching`. The means are over pieces, as in the papers: a short piece counts as much as a
long one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aeolian.evaluation.note_matching import Pairs, Score, match, scores
from aeolian.music.notes import Notes

MEASURES = ("onset", "onset_offset", "onset_velocity", "onset_offset_velocity", "frame")
# Registers of the piano, by their lowest pitch: sub-contra and contra, great, small, one-line, two-line, and above.
REGISTERS = {"A0-B1": 21, "C2-B2": 36, "C3-B3": 48, "C4-B4": 60, "C5-B5": 72, "C6-C8": 84}
VELOCITIES = {"1-31": 1, "32-47": 32, "48-63": 48, "64-79": 64, "80-127": 80}
POLYPHONY = {"1": 1, "2": 2, "3-4": 3, "5-7": 5, "8+": 8}
DURATIONS = {"<0.1 s": 0.0, "0.1-0.3 s": 0.1, "0.3-1 s": 0.3, "1 s+": 1.0}
TIMING_REACH_S = 0.1
TIMING_EDGES_S = np.linspace(-TIMING_REACH_S, TIMING_REACH_S, 41)
_OVERTONES = (12, 19, 24, 28, 31)


@dataclass(frozen=True)
class Piece:
    """One piece's scores, and how many notes are true and were found."""

    name: str
    scores: Mapping[str, Score]
    reference_notes: int
    estimated_notes: int


@dataclass(frozen=True)
class Share:
    """Of the notes of a kind, how many were found (or, of what was found, right)."""

    name: str
    right: int
    of: int

    @property
    def share(self) -> float:
        """right / of; 0 of none."""
        return self.right / self.of if self.of else 0.0


@dataclass(frozen=True, eq=False)
class Errors:
    """Where the errors are, over all pieces.

    `recall_by`: kind of note → shares found. `extra`: what the notes too many are, by count. `timing_s`: found onset
    less true onset of every pair within 100 ms. `late_ends_s`: the same of ends, of the pairs whose onsets agree.
    """

    recall_by: Mapping[str, list[Share]]
    precision_by_register: list[Share]
    extra: Mapping[str, int]
    timing_s: npt.NDArray[np.float64]
    late_ends_s: npt.NDArray[np.float64]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: shares, counts, and the histogram of the timing in 5 ms."""

        def rows(shares: list[Share]) -> dict[str, Any]:
            return {s.name: {"right": s.right, "of": s.of, "share": round(s.share, 4)} for s in shares}

        counts, _ = np.histogram(self.timing_s, TIMING_EDGES_S)
        return {
            "recall": {kind: rows(shares) for kind, shares in self.recall_by.items()},
            "precision": {"register": rows(self.precision_by_register)},
            "extra_notes": dict(self.extra),
            "onset_error_ms": _quantiles_ms(self.timing_s),
            "onset_error_histogram_5ms": counts.tolist(),
            "offset_error_ms": _quantiles_ms(self.late_ends_s),
        }


def _quantiles_ms(seconds: npt.NDArray[np.float64]) -> dict[str, float]:
    if not len(seconds):
        return {}
    names, shares = ("p05", "p25", "median", "p75", "p95"), (5, 25, 50, 75, 95)
    return {name: round(float(np.percentile(seconds, q)) * 1000, 1) for name, q in zip(names, shares, strict=True)}


def piece(name: str, reference: Notes, estimated: Notes) -> Piece:
    """The scores of one piece."""
    return Piece(name, scores(reference, estimated), len(reference), len(estimated))


def means(pieces: Sequence[Piece]) -> dict[str, Score]:
    """Mean precision, recall and F1 over pieces, for each measure. Raises ValueError without pieces."""
    if not pieces:
        raise ValueError("no piece, no mean")
    result = {}
    for measure in MEASURES:
        rows = [(p.scores[measure].precision, p.scores[measure].recall, p.scores[measure].f1) for p in pieces]
        result[measure] = Score(*(float(value) for value in np.mean(rows, axis=0)))
    return result


def errors(pairs_of_pieces: Sequence[tuple[Notes, Notes]]) -> Errors:
    """What the errors of (reference, estimated) pairs have in common; a hit is a pitch with its onset within 50 ms."""
    found: list[dict[str, npt.NDArray[np.float64]]] = []
    hits: list[npt.NDArray[np.bool_]] = []
    right_by_pitch, of_by_pitch = np.zeros(128, np.int64), np.zeros(128, np.int64)
    extra = {"octave or overtone": 0, "same key again": 0, "neighbour key": 0, "other": 0}
    timing, ends = [], []
    for reference, estimated in pairs_of_pieces:
        pairs = match(reference, estimated)
        found.append(_described(reference))
        hits.append(np.isin(np.arange(len(reference)), pairs[:, 0]))
        right = np.isin(np.arange(len(estimated)), pairs[:, 1])
        np.add.at(of_by_pitch, estimated.pitch, 1)
        np.add.at(right_by_pitch, estimated.pitch[right], 1)
        for kind, count in _kinds_of_extra(reference, estimated.take(~right)).items():
            extra[kind] += count
        timing.append(_differences(reference, estimated, match(reference, estimated, onset_tolerance_s=TIMING_REACH_S)))
        ends.append(estimated.offset_s[pairs[:, 1]] - reference.offset_s[pairs[:, 0]])
    hit = np.concatenate(hits)
    bounds: dict[str, Mapping[str, float]] = {
        "register": REGISTERS,
        "velocity": VELOCITIES,
        "polyphony": POLYPHONY,
        "duration": DURATIONS,
    }
    recall = {
        kind: _shares(np.concatenate([row[kind] for row in found]), hit, limits) for kind, limits in bounds.items()
    }
    pitches = np.arange(128)
    precision = [
        Share(name, int(right_by_pitch[inside].sum()), int(of_by_pitch[inside].sum()))
        for name, inside in _intervals(pitches.astype(np.float64), REGISTERS)
    ]
    return Errors(recall, precision, extra, np.concatenate(timing), np.concatenate(ends))


def _differences(reference: Notes, estimated: Notes, pairs: Pairs) -> npt.NDArray[np.float64]:
    return estimated.onset_s[pairs[:, 1]] - reference.onset_s[pairs[:, 0]]


def _described(notes: Notes) -> dict[str, npt.NDArray[np.float64]]:
    """Of each note: pitch, velocity, duration in seconds, and how many notes sound as it begins, itself included."""
    begun = np.searchsorted(np.sort(notes.onset_s), notes.onset_s + 0.03, side="right")
    ended = np.searchsorted(np.sort(notes.offset_s), notes.onset_s + 0.03, side="right")
    return {
        "register": notes.pitch.astype(np.float64),
        "velocity": notes.velocity.astype(np.float64),
        "polyphony": np.maximum(1, begun - ended).astype(np.float64),
        "duration": notes.offset_s - notes.onset_s,
    }


def _intervals(values: npt.NDArray[np.float64], limits: Mapping[str, float]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """For each name the values from its limit up to the next one."""
    lows = list(limits.values())
    which = np.searchsorted(lows, values, side="right") - 1
    return [(name, which == i) for i, name in enumerate(limits)]


def _shares(values: npt.NDArray[np.float64], hit: npt.NDArray[np.bool_], limits: Mapping[str, float]) -> list[Share]:
    return [Share(name, int(hit[inside].sum()), int(inside.sum())) for name, inside in _intervals(values, limits)]


def _kinds_of_extra(reference: Notes, extra: Notes) -> dict[str, int]:
    """What notes too many may have come from: a true note that sounds, or begins within 50 ms, at that time."""
    kinds = {"octave or overtone": 0, "same key again": 0, "neighbour key": 0, "other": 0}
    order = np.argsort(reference.onset_s, kind="stable")
    sorted_reference = reference.take(order)
    longest_s = float((reference.offset_s - reference.onset_s).max()) if len(reference) else 0.0
    for onset_s, pitch in zip(extra.onset_s.tolist(), extra.pitch.tolist(), strict=True):
        low, high = np.searchsorted(sorted_reference.onset_s, [onset_s - longest_s - 0.05, onset_s + 0.05])
        near = sorted_reference.take(np.arange(low, high))
        apart = set((pitch - near.pitch[near.offset_s > onset_s - 0.05]).tolist())
        if 0 in apart:
            kinds["same key again"] += 1
        elif apart & {step for overtone in _OVERTONES for step in (overtone, -overtone)}:
            kinds["octave or overtone"] += 1
        elif apart & {1, -1}:
            kinds["neighbour key"] += 1
        else:
            kinds["other"] += 1
    return kinds
