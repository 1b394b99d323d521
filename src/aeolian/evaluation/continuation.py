"""How near to its seed a continuation stays, beside how near the composer stayed.

A song is cut in two stretches of equal length: the seed, and what truly follows. A continuation of the seed is measured
as what truly follows is: its distance from the seed in eight features, and how much of it was heard before. The mean
distance of what was made, divided by that of what truly follows, is 1 where a model stays as near to its seeds as
composers do. Copies of the seed would be nearer still, so runs of notes that stand in the seed are counted too.

Distances are absolute differences of scalars, and half the sum of absolute differences (0…1) of distributions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Floats, Ints, Notes

SCALARS = ("density", "mean pitch", "spread", "polyphony", "velocity")
DISTRIBUTIONS = ("pitch classes", "gaps", "register")
FEATURES = SCALARS + DISTRIBUTIONS
RUN_NOTES = 8
RESAMPLINGS = 2000
LOOPING = 0.5  # a continuation of which more than this share was heard before goes round in circles

# The mean distances of what truly follows, on the songs that settings were chosen on; by kind of song, then the mean.
USUAL = np.array([0.46, 2.6, 1.6, 0.28, 3.8, 0.19, 0.23, 0.18])
# Gaps count three times: the other features are led to the seed's while the model plays, rhythm is not.
WEIGHTS = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 1.0])
HEARD_WEIGHT = 4.0

_LONGEST_WEIGHT_S = 2.0
_GAP_BINS, _SHORTEST_GAP_LOG2 = 12, -5.0  # half octaves from 1/32 s: the last holds all from 1.4 s
_GAP_BINS_AN_OCTAVE = 2
_OCTAVES, _SEMITONES = 11, 12


@dataclass(frozen=True, eq=False)
class Portrait:
    """What a stretch of music is like.

    `scalars` [5], in the order of SCALARS: log2 of notes a second; mean pitch and its standard deviation in semitones;
    log2 of seconds of notes a second; mean velocity. NaN for what no notes have. `distributions`, in the order of
    DISTRIBUTIONS: the twelve pitch classes, weighted by seconds (2 at most a note); times between onsets that are not
    together, in twelve bins of half an octave; eleven octaves. Each sums to 1, or is all 0 where there is nothing.
    """

    scalars: Floats
    distributions: tuple[Floats, Floats, Floats]


def cut(notes: Notes, start_s: float, end_s: float) -> Notes:
    """The notes that begin within start_s ≤ t < end_s, which is then their 0; what sounds longer ends there."""
    within = notes.take((notes.onset_s >= start_s - 1e-6) & (notes.onset_s < end_s - 1e-6)).shifted(-start_s)
    return Notes(
        np.maximum(within.onset_s, 0.0), np.minimum(within.offset_s, end_s - start_s), within.pitch, within.velocity
    )


def portray(notes: Notes, seconds: float) -> Portrait:
    """The portrait of a stretch of `seconds` > 0 that holds these notes."""
    lengths_s = notes.offset_s - notes.onset_s
    pitch = notes.pitch.astype(np.float64)
    with np.errstate(divide="ignore"):
        density, polyphony = np.log2(len(notes) / seconds), np.log2(lengths_s.sum() / seconds)
    scalars = [pitch.mean(), pitch.std(), notes.velocity.mean()] if len(notes) else [np.nan] * 3
    classes = np.bincount(
        notes.pitch % _SEMITONES, np.minimum(lengths_s, _LONGEST_WEIGHT_S), minlength=_SEMITONES
    ).astype(np.float64)
    gaps_s = np.diff(np.unique(np.rint(notes.onset_s * 100))) / 100
    bins = np.floor((np.log2(gaps_s) - _SHORTEST_GAP_LOG2) * _GAP_BINS_AN_OCTAVE).astype(np.int64)
    gaps = np.bincount(np.clip(bins, 0, _GAP_BINS - 1), minlength=_GAP_BINS)
    octaves = np.bincount(notes.pitch // _SEMITONES, minlength=_OCTAVES)
    values = np.array([density, scalars[0], scalars[1], polyphony, scalars[2]])
    values[~np.isfinite(values)] = np.nan
    return Portrait(values, (_shares(classes), _shares(gaps), _shares(octaves)))


def distance(one: Portrait, other: Portrait) -> Floats:
    """[8] in the order of FEATURES; NaN where a stretch has no notes to compare."""
    apart = [0.5 * np.abs(a - b).sum() for a, b in zip(one.distributions, other.distributions, strict=True)]
    comparable = [a.any() and b.any() for a, b in zip(one.distributions, other.distributions, strict=True)]
    return np.concatenate([np.abs(one.scalars - other.scalars), np.where(comparable, apart, np.nan)])


def score(seed: "Stretch", answer: "Stretch", free: frozenset[str] = frozenset()) -> float:
    """How far an answer is from its seed, in one number: 1 where it is as far as what truly follows usually is.

    The mean over the features that are not `free`, each divided by USUAL, by WEIGHTS; and four times the share of notes
    in runs of the seed, or heard before beyond what the seed itself repeats. NaN if an answer has no notes to compare.
    """
    weights = WEIGHTS * [feature not in free for feature in FEATURES]
    apart = distance(portray(seed.notes, seed.seconds), portray(answer.notes, answer.seconds)) / USUAL
    pitches, before = in_order(answer.notes), in_order(seed.notes)
    heard = max(0.0, share_heard_before(pitches) - share_heard_before(before))
    return float(np.where(weights > 0, apart, 0.0) @ weights / max(weights.sum(), 1.0)) + HEARD_WEIGHT * (
        heard + share_from(pitches, before)
    )


def in_order(notes: Notes) -> Ints:
    """The pitches by onset, chords from below: the string in which runs are looked for."""
    return notes.sorted().pitch


def share_heard_before(pitches: Ints) -> float:
    """The share of notes within a run of eight pitches that came before, in what is given; 0 without notes."""
    runs = _runs(pitches)
    _, first, which = np.unique(runs, axis=0, return_index=True, return_inverse=True)
    return _covered(first[which.ravel()] < np.arange(len(runs)), len(pitches))


def share_from(pitches: Ints, seed: Ints) -> float:
    """The share of notes within a run of eight pitches that stands in `seed`; 0 without notes."""
    known = {run.tobytes() for run in _runs(seed)}
    return _covered(np.array([run.tobytes() in known for run in _runs(pitches)], dtype=bool), len(pitches))


@dataclass(frozen=True, eq=False)
class Answers:
    """Some way to go on from seeds, measured: a row for each song.

    `distances` [songs, 8] from the seed; `loops` [songs], the share heard before; `copies` [songs], that of the seed.
    """

    name: str
    distances: Floats
    loops: Floats
    copies: Floats


@dataclass(frozen=True, eq=False)
class Stretch:
    """Notes from 0, and how many seconds they fill."""

    notes: Notes
    seconds: float


def measure(name: str, seeds: Sequence[Stretch], answers: Sequence[Stretch]) -> Answers:
    """Each answer beside its seed."""
    distances, loops, copies = [], [], []
    for seed, answer in zip(seeds, answers, strict=True):
        pitches = in_order(answer.notes)
        distances.append(distance(portray(seed.notes, seed.seconds), portray(answer.notes, answer.seconds)))
        loops.append(share_heard_before(pitches))
        copies.append(share_from(pitches, in_order(seed.notes)))
    return Answers(name, np.array(distances).reshape(-1, len(FEATURES)), np.array(loops), np.array(copies))


@dataclass(frozen=True)
class Estimate:
    """A figure of some songs, and the range in which 95 of 100 resamplings of the songs lie; NaN without any."""

    value: float
    low: float
    high: float


def ratios(truth: Answers, made: Answers) -> list[Estimate]:
    """For each feature: the mean distance of what was made, divided by that of what truly follows.

    Songs for which either is unknown are left out. Songs are resampled in pairs.
    """
    return [_ratio(made.distances[:, n], truth.distances[:, n]) for n in range(len(FEATURES))]


def share(values: Floats) -> Estimate:
    """The mean of a share over songs."""
    return _ratio(values, np.ones(len(values)))


def worst(estimates: Sequence[Estimate]) -> float:
    """The largest ratio; NaN if none is known."""
    known = [each.value for each in estimates if np.isfinite(each.value)]
    return max(known, default=float("nan"))


def _ratio(over: Floats, under: Floats) -> Estimate:
    known = np.isfinite(over) & np.isfinite(under)
    over, under = over[known], under[known]
    if not len(over) or not under.sum():
        return Estimate(float("nan"), float("nan"), float("nan"))
    chosen = np.random.default_rng(0).integers(0, len(over), (RESAMPLINGS, len(over)))
    with np.errstate(divide="ignore", invalid="ignore"):
        resampled = over[chosen].sum(axis=1) / under[chosen].sum(axis=1)
    low, high = np.percentile(resampled[np.isfinite(resampled)], (2.5, 97.5))
    return Estimate(float(over.sum() / under.sum()), float(low), float(high))


def _shares(counts: npt.NDArray[np.float64] | Ints) -> Floats:
    total = counts.sum()
    return counts / total if total else counts.astype(np.float64)


def _runs(pitches: Ints) -> Ints:
    """Every run of eight pitches, [n - 7, 8]."""
    if len(pitches) < RUN_NOTES:
        return np.zeros((0, RUN_NOTES), np.int64)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(pitches, RUN_NOTES))


def _covered(is_known: npt.NDArray[np.bool_], notes: int) -> float:
    """The share of `notes` notes that some run which `is_known` [n - 7] marks holds."""
    if not notes:
        return 0.0
    changes = np.zeros(notes + 1, np.int64)
    starts = np.flatnonzero(is_known)
    np.add.at(changes, starts, 1)
    np.add.at(changes, starts + RUN_NOTES, -1)
    return float((np.cumsum(changes)[:notes] > 0).mean())
