"""What a piece is like, in numbers: how full of notes, how wide, how tonal, how regular, how much like itself.

Definitions are those of MusPy (Dong et al. 2020, "MusPy: A Toolkit for Symbolic Music Generation") where it has the
measure, on a grid of 10 ms; groove consistency is that of Wu and Yang 2020 ("The Jazz Transformer on the Front
Line"), on a bar that is found instead of given; self-similarity compares passages as Foote 1999 does.

A piece has n notes. A statistic that a piece is too short for is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aeolian.music.codec import quantise
from aeolian.music.notes import Ints, Notes
from aeolian.music.vocabulary import STEPS_PER_SECOND

Floats = npt.NDArray[np.float64]

POSITIONS_A_BAR = 16
SHORTEST_BAR_S, LONGEST_BAR_S = 1.0, 4.0
PASSAGE_S = 4.0
MAJOR = (0, 2, 4, 5, 7, 9, 11)
SEMITONES = 12


@dataclass(frozen=True)
class Statistic:
    """A measure of a piece: its name, unit, what it means, and the function of the notes that gives it."""

    name: str
    unit: str
    meaning: str
    of: Callable[[Notes], float]


def measure(notes: Notes) -> dict[str, float]:
    """Every statistic of a piece, by name; NaN for what the piece is too short for."""
    return {statistic.name: float(statistic.of(notes)) for statistic in STATISTICS}


def entropy(counts: npt.ArrayLike) -> float:
    """Shannon entropy in bits of the distribution that counts [k] give; NaN if they are all zero."""
    values = np.asarray(counts, np.float64)
    total = values.sum()
    if not total:
        return float("nan")
    shares = values[values > 0] / total
    return max(0.0, -float((shares * np.log2(shares)).sum()))


def pitch_class_histogram(notes: Notes) -> Floats:
    """How many notes each of the 12 pitch classes has."""
    return np.bincount(notes.pitch % SEMITONES, minlength=SEMITONES).astype(np.float64)


def sounding(notes: Notes) -> tuple[Ints, Ints]:
    """(steps, pitches): from each step of 10 ms in `steps` [k], so many different pitches [k] sound."""
    if not len(notes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    onset_steps, offset_steps = quantise(notes)
    order = np.lexsort((onset_steps, notes.pitch))
    pitch, starts, ends = notes.pitch[order], onset_steps[order], offset_steps[order]
    # Notes of one pitch that overlap count once. One number for pitch and step, so that all pitches go together.
    span = int(ends.max()) + 1
    reach = np.maximum.accumulate(pitch * span + ends)
    begins_anew = np.append(True, pitch[1:] * span + starts[1:] > reach[:-1])
    starts, ends = starts[begins_anew], reach[np.append(begins_anew[1:], True)] - pitch[begins_anew] * span
    steps, index = np.unique(np.concatenate([starts, ends]), return_inverse=True)
    changes = np.zeros(len(steps), np.int64)
    np.add.at(changes, index, np.repeat([1, -1], len(starts)))
    return steps, np.cumsum(changes)


def polyphony(notes: Notes) -> float:
    """Mean number of pitches that sound at once, over the time in which any does."""
    steps, pitches = sounding(notes)
    lengths = np.diff(steps)
    heard = pitches[:-1] > 0
    return float((lengths * pitches[:-1])[heard].sum() / lengths[heard].sum()) if heard.any() else float("nan")


def longest_silence_s(notes: Notes) -> float:
    """The longest time between the first onset and the end in which nothing sounds, in seconds."""
    steps, pitches = sounding(notes)
    silent = np.diff(steps)[pitches[:-1] == 0]
    return float(silent.max()) / STEPS_PER_SECOND if len(silent) else 0.0


def scale_consistency(notes: Notes) -> float:
    """The largest share of notes that one major (or natural minor) scale holds."""
    if not len(notes):
        return float("nan")
    histogram = pitch_class_histogram(notes)
    inside = [histogram[[(root + step) % SEMITONES for step in MAJOR]].sum() for root in range(SEMITONES)]
    return float(max(inside) / histogram.sum())


def bar_s(notes: Notes) -> float:
    """The period within 1…4 s at which the onsets of a piece best repeat, in seconds; NaN if it is under 8 s long."""
    onset_steps = quantise(notes)[0]
    if not len(notes) or np.ptp(onset_steps) < 2 * LONGEST_BAR_S * STEPS_PER_SECOND:
        return float("nan")
    counts = np.bincount(onset_steps - onset_steps.min()).astype(np.float64)
    counts = np.convolve(counts, np.bartlett(9)[1:-1], "same")  # ± 30 ms
    counts -= counts.mean()
    size = 1 << int(2 * len(counts) - 1).bit_length()
    repeats = np.fft.irfft(np.abs(np.fft.rfft(counts, size)) ** 2, size)
    shortest, longest = int(SHORTEST_BAR_S * STEPS_PER_SECOND), int(LONGEST_BAR_S * STEPS_PER_SECOND)
    return float(shortest + int(np.argmax(repeats[shortest : longest + 1]))) / STEPS_PER_SECOND


def groove_consistency(notes: Notes) -> float:
    """How alike the rhythms of neighbouring bars are: 1 less the mean share of 16 positions in which they differ."""
    length_s = bar_s(notes)
    if not length_s > 0:
        return float("nan")
    onset_s = notes.onset_s - notes.onset_s.min()
    position = np.rint(onset_s / length_s * POSITIONS_A_BAR).astype(np.int64)
    bars = int(position.max()) // POSITIONS_A_BAR + 1
    grooves = np.zeros(bars * POSITIONS_A_BAR, dtype=bool)
    grooves[position] = True
    by_bar = grooves.reshape(bars, POSITIONS_A_BAR)
    return 1.0 - float((by_bar[1:] != by_bar[:-1]).mean())


def similarity(notes: Notes, passage_s: float = PASSAGE_S) -> Floats:
    """[p, p]: how alike passages of `passage_s` seconds are: the cosine of what they hold of each pitch class."""
    if not len(notes):
        return np.zeros((0, 0))
    passage = ((notes.onset_s - notes.onset_s.min()) // passage_s).astype(np.int64)
    profiles = np.zeros((int(passage.max()) + 1, SEMITONES))
    np.add.at(profiles, (passage, notes.pitch % SEMITONES), notes.offset_s - notes.onset_s)
    norms = np.linalg.norm(profiles, axis=1, keepdims=True)
    profiles = np.divide(profiles, norms, out=np.zeros_like(profiles), where=norms > 0)
    matrix: Floats = profiles @ profiles.T
    return matrix


def self_similarity(notes: Notes) -> float:
    """Mean similarity of the passages of 4 s that do not touch; NaN for a piece of fewer than three."""
    matrix = similarity(notes)
    far = np.triu(np.ones(matrix.shape, bool), k=2)
    return float(matrix[far].mean()) if far.any() else float("nan")


def longest_repeat(notes: Notes) -> float:
    """The longest run of notes, in order of onset, that are all of one pitch."""
    if not len(notes):
        return float("nan")
    changes = np.flatnonzero(np.diff(notes.sorted().pitch)) + 1
    return float(np.diff(np.concatenate([[0], changes, [len(notes)]])).max())


def _seconds(notes: Notes) -> float:
    return float(notes.end_s - notes.onset_s.min()) if len(notes) else 0.0


def _of_notes(function: Callable[[Notes], float]) -> Callable[[Notes], float]:
    """`function`, NaN for a piece without notes."""
    return lambda notes: float(function(notes)) if len(notes) else float("nan")


STATISTICS = (
    Statistic("notes", "", "notes", lambda notes: float(len(notes))),
    Statistic("length", "s", "from the first onset to the end", _seconds),
    Statistic("note_density", "1/s", "notes a second", _of_notes(lambda notes: len(notes) / _seconds(notes))),
    Statistic("polyphony", "", "pitches that sound at once, while any does", polyphony),
    Statistic(
        "pitch_range", "semitones", "from the lowest pitch to the highest", _of_notes(lambda n: float(np.ptp(n.pitch)))
    ),
    Statistic("pitch_mean", "MIDI", "mean pitch", _of_notes(lambda notes: notes.pitch.mean())),
    Statistic("pitches", "", "different pitches", _of_notes(lambda notes: len(np.unique(notes.pitch)))),
    Statistic("pitch_entropy", "bits", "entropy of pitches", _of_notes(lambda n: entropy(np.bincount(n.pitch)))),
    Statistic(
        "pitch_class_entropy",
        "bits",
        "entropy of pitch classes",
        _of_notes(lambda n: entropy(pitch_class_histogram(n))),
    ),
    Statistic("scale_consistency", "", "share of notes in the best scale", scale_consistency),
    Statistic("groove_consistency", "", "how alike the rhythms of neighbouring bars are", groove_consistency),
    Statistic("self_similarity", "", "how alike passages far apart are in their pitch classes", self_similarity),
    Statistic("note_length", "s", "median length of a note", _of_notes(lambda n: np.median(n.offset_s - n.onset_s))),
    Statistic("velocity_mean", "", "mean velocity", _of_notes(lambda notes: notes.velocity.mean())),
    Statistic("velocity_spread", "", "standard deviation of velocity", _of_notes(lambda notes: notes.velocity.std())),
    Statistic("longest_note", "s", "the longest note", _of_notes(lambda n: (n.offset_s - n.onset_s).max())),
    Statistic("longest_silence", "s", "the longest time in which nothing sounds", longest_silence_s),
    Statistic("longest_repeat", "notes", "the longest run of notes of one pitch", longest_repeat),
)


def by_position(notes: Notes, parts: int) -> list[dict[str, float]]:
    """The statistics of each of `parts` stretches of equal length in time; a note belongs to where it starts."""
    if not len(notes):
        return [measure(notes) for _ in range(parts)]
    onset_s = notes.onset_s - notes.onset_s.min()
    part = np.minimum((onset_s / max(float(onset_s.max()), 1e-9) * parts).astype(np.int64), parts - 1)
    return [measure(notes.take(part == number)) for number in range(parts)]
