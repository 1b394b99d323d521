"""Which notes of a transcription are right: mir_eval's matching, without mir_eval.

Two notes may be one and the same if they have the same pitch and their onsets lie within 50 ms; with offsets, if also
their ends lie within 50 ms or 20 % of the reference note's duration, whichever is more. Of all ways to pair notes so,
one with the most pairs is taken. Source: `mir_eval.transcription.match_notes`, `transcription_velocity.match_notes`
(0.8), which the tests compare with; distances are rounded to 0.1 ms, as there. mir_eval compares frequencies to within
50 cents, which for notes of a keyboard means the same pitch.

Where several pairings have equally many pairs, mir_eval's may pair other notes: then the velocity score may differ a
little.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Notes

ONSET_TOLERANCE_S = 0.05
OFFSET_RATIO = 0.2
LEAST_OFFSET_TOLERANCE_S = 0.05
VELOCITY_TOLERANCE = 0.1
_DECIMALS = 4

Pairs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """Shares from 0 to 1: of the found notes that are right, of the true ones that were found; harmonic mean."""

    precision: float
    recall: float
    f1: float

    @staticmethod
    def of(right: float, found: float, true: float) -> "Score":
        """From counts (or durations). No note found or none to find is 0, as in mir_eval."""
        precision = right / found if found else 0.0
        recall = right / true if true else 0.0
        both = precision + recall
        return Score(precision, recall, 2 * precision * recall / both if both else 0.0)


def match(
    reference: Notes,
    estimated: Notes,
    *,
    with_offsets: bool = False,
    onset_tolerance_s: float = ONSET_TOLERANCE_S,
) -> Pairs:
    """A largest set of pairs (index in `reference`, index in `estimated`), int64[pairs, 2], by reference index."""
    partner_of: dict[int, int] = {}  # estimated → reference
    edges = _edges(reference, estimated, with_offsets, onset_tolerance_s)
    for index in range(len(reference)):
        _augment(index, edges, partner_of)
    pairs = sorted((ref, est) for est, ref in partner_of.items())
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _augment(start: int, edges: list[list[int]], partner_of: dict[int, int]) -> None:
    """Pairs `start`, if need be by pairing others anew (Kuhn's algorithm, without recursion)."""
    seen: set[int] = set()
    path: list[tuple[int, int]] = []  # (reference, which of its edges comes next)
    stack = [(start, 0)]
    while stack:
        reference, at = stack.pop()
        if at >= len(edges[reference]):
            if path:
                path.pop()
            continue
        stack.append((reference, at + 1))
        estimated = edges[reference][at]
        if estimated in seen:
            continue
        seen.add(estimated)
        if estimated not in partner_of:
            partner_of[estimated] = reference
            for earlier, taken in reversed(path):
                partner_of[taken] = earlier
            return
        path.append((reference, estimated))
        stack.append((partner_of[estimated], 0))


def _edges(reference: Notes, estimated: Notes, with_offsets: bool, tolerance_s: float) -> list[list[int]]:
    """For each reference note the estimated notes that it may be, the nearest onset first."""
    order = np.lexsort((estimated.onset_s, estimated.pitch))
    # One sorted number for pitch and time: pitches are farther apart than any time.
    span_s = 10.0 + max(estimated.end_s, reference.end_s)
    place = estimated.pitch[order] * span_s + estimated.onset_s[order]
    wanted = reference.pitch * span_s + reference.onset_s
    reach_s = tolerance_s + 10.0**-_DECIMALS
    first = np.searchsorted(place, wanted - reach_s)
    last = np.searchsorted(place, wanted + reach_s)
    offset_tolerance_s = np.maximum(OFFSET_RATIO * (reference.offset_s - reference.onset_s), LEAST_OFFSET_TOLERANCE_S)
    edges: list[list[int]] = []
    for i in range(len(reference)):
        near = order[first[i] : last[i]]
        late_s = np.round(np.abs(estimated.onset_s[near] - reference.onset_s[i]), _DECIMALS)
        possible = (late_s <= tolerance_s) & (estimated.pitch[near] == reference.pitch[i])
        if with_offsets:
            ends_s = np.round(np.abs(estimated.offset_s[near] - reference.offset_s[i]), _DECIMALS)
            possible &= ends_s <= offset_tolerance_s[i]
        near, late_s = near[possible], late_s[possible]
        edges.append(near[np.argsort(late_s, kind="stable")].tolist())
    return edges


def with_velocity(reference: Notes, estimated: Notes, pairs: Pairs) -> Pairs:
    """Those of `pairs` whose velocities agree to within 0.1 after the line that fits them best; velocities of the
    reference span 0 to 1 (Hawthorne et al. 2018, section 4.2)."""
    if not len(pairs):
        return pairs
    low, high = int(reference.velocity.min()), int(reference.velocity.max())
    true = (reference.velocity[pairs[:, 0]] - low) / max(1, high - low)
    found = estimated.velocity[pairs[:, 1]].astype(np.float64)
    columns = np.stack([found, np.ones_like(found)], axis=1)
    slope, intercept = np.linalg.lstsq(columns, true, rcond=None)[0]
    agree: Pairs = pairs[np.abs(slope * found + intercept - true) < VELOCITY_TOLERANCE]
    return agree


def frame_score(reference: Notes, estimated: Notes, *, frames_per_s: float = 100.0) -> Score:
    """Of frames and pitches: sampled `frames_per_s` times a second, which pitches sound."""
    frames = int(np.ceil(max(reference.end_s, estimated.end_s) * frames_per_s)) + 1
    true, found = (_sounding(notes, frames, frames_per_s) for notes in (reference, estimated))
    return Score.of(float((true & found).sum()), float(found.sum()), float(true.sum()))


def _sounding(notes: Notes, frames: int, frames_per_s: float) -> npt.NDArray[np.bool_]:
    changes = np.zeros((frames + 1, 128), np.int32)
    first = np.ceil(notes.onset_s * frames_per_s).astype(np.int64)
    last = np.maximum(first, np.ceil(notes.offset_s * frames_per_s).astype(np.int64))
    np.add.at(changes, (first, notes.pitch), 1)
    np.add.at(changes, (np.minimum(last, frames), notes.pitch), -1)
    sounding: npt.NDArray[np.bool_] = np.cumsum(changes, axis=0)[:frames] > 0
    return sounding


def scores(reference: Notes, estimated: Notes) -> dict[str, Score]:
    """`onset`, `onset_offset`, `onset_velocity`, `onset_offset_velocity` and `frame`."""
    found, true = len(estimated), len(reference)
    onset = match(reference, estimated)
    offset = match(reference, estimated, with_offsets=True)
    counted = {
        "onset": onset,
        "onset_offset": offset,
        "onset_velocity": with_velocity(reference, estimated, onset),
        "onset_offset_velocity": with_velocity(reference, estimated, offset),
    }
    result = {name: Score.of(len(pairs), found, true) for name, pairs in counted.items()}
    return {**result, "frame": frame_score(reference, estimated)}
