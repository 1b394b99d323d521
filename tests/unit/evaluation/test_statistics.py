"""Statistics worked by hand, and those of MusPy 0.5.0 on a seed."""

import math
from pathlib import Path

import numpy as np
import pytest

from aeolian.evaluation.statistics import (
    STATISTICS,
    bar_s,
    by_position,
    entropy,
    groove_consistency,
    longest_repeat,
    longest_silence_s,
    measure,
    polyphony,
    scale_consistency,
    self_similarity,
    similarity,
    sounding,
)
from aeolian.formats.midi import read_midi
from aeolian.music.codec import decode, encode
from aeolian.music.notes import Notes

# C for a second, E from its middle for a second, then a second of silence, then G for half a second.
THREE = Notes.of([(0.0, 1.0, 60, 40), (0.5, 1.5, 64, 80), (2.5, 3.0, 67, 60)])


def test_three_notes_by_hand() -> None:
    found = measure(THREE)
    assert found["notes"] == 3
    assert found["length"] == 3.0
    assert found["note_density"] == 1.0
    # 0.5 s of one pitch, 0.5 of two, 0.5 of one, 0.5 of one: 2.5 pitch-seconds in 2 seconds.
    assert found["polyphony"] == pytest.approx(1.25)
    assert (found["pitch_range"], found["pitches"], found["pitch_mean"]) == (7, 3, pytest.approx(191 / 3))
    assert found["pitch_class_entropy"] == pytest.approx(math.log2(3))
    assert (found["note_length"], found["longest_note"], found["longest_silence"]) == (1.0, 1.0, 1.0)
    assert (found["velocity_mean"], found["velocity_spread"]) == (60, pytest.approx(math.sqrt(800 / 3)))
    assert found["longest_repeat"] == 1
    assert math.isnan(found["groove_consistency"])
    assert math.isnan(found["self_similarity"])


def test_nothing_is_not_a_number() -> None:
    found = measure(Notes.empty())
    assert found.pop("notes") == found.pop("length") == found.pop("longest_silence") == 0
    assert len(found) == len(STATISTICS) - 3
    assert all(math.isnan(value) for value in found.values())


def test_entropy() -> None:
    assert entropy([1, 1, 1, 1]) == 2.0
    assert entropy([5, 0]) == 0.0
    assert entropy([2, 1, 1]) == 1.5


def test_what_sounds_twice_at_a_pitch_counts_once() -> None:
    overlapping = Notes.of([(0.0, 1.0, 60, 64), (0.5, 2.0, 60, 64), (0.2, 0.3, 60, 64), (0.0, 0.5, 72, 64)])
    steps, pitches = sounding(overlapping)
    assert steps.tolist() == [0, 50, 200]
    assert pitches.tolist() == [2, 1, 0]
    assert polyphony(overlapping) == pytest.approx((50 * 2 + 150) / 200)
    assert longest_silence_s(overlapping) == 0.0


def test_the_best_scale_is_found() -> None:
    d_major = Notes.of([(n, n + 1.0, pitch, 64) for n, pitch in enumerate([62, 64, 66, 67, 69, 71, 73, 74])])
    assert scale_consistency(d_major) == 1.0
    chromatic = Notes.of([(n, n + 1.0, 60 + n, 64) for n in range(12)])
    assert scale_consistency(chromatic) == pytest.approx(7 / 12)


def test_a_bar_is_what_repeats() -> None:
    # One bar of 1.6 s: three eighths and a quarter, eight times over; then the same with other rhythms in each bar.
    rhythm = [0.0, 0.4, 0.6, 0.8]
    steady = Notes.of([(1.6 * bar + at, 1.6 * bar + at + 0.1, 60, 64) for bar in range(8) for at in rhythm])
    assert bar_s(steady) == pytest.approx(1.6, abs=0.011)
    assert groove_consistency(steady) == 1.0
    rng = np.random.default_rng(0)
    loose = Notes.of([(at, at + 0.1, 60, 64) for at in np.sort(rng.uniform(0, 13, 60))])
    assert groove_consistency(loose) < 0.8


def test_passages_are_alike_by_what_sounds_of_each_pitch_class() -> None:
    # Four passages of 4 s: C, G, C an octave up, C and G.
    rows = [(0.0, 2.0, 60, 64), (4.0, 6.0, 67, 64), (8.0, 9.0, 72, 64), (12.0, 13.0, 60, 64), (12.0, 13.0, 67, 64)]
    matrix = similarity(Notes.of(rows))
    half = math.sqrt(0.5)
    expected = [[1, 0, 1, half], [0, 1, 0, half], [1, 0, 1, half], [half, half, half, 1]]
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    assert self_similarity(Notes.of(rows)) == pytest.approx((1 + half + half) / 3)  # passages 0-2, 0-3, 1-3


def test_the_longest_run_of_one_pitch() -> None:
    pitches = [60, 60, 62, 62, 62, 60]
    assert longest_repeat(Notes.of([(n, n + 0.5, pitch, 64) for n, pitch in enumerate(pitches)])) == 3


def test_each_part_is_measured_alone() -> None:
    # Ten seconds of C, then ten of C and G together.
    rows = [(n, n + 1.0, 60, 64) for n in range(20)] + [(n, n + 1.0, 67, 64) for n in range(10, 20)]
    first, second = by_position(Notes.of(rows), 2)
    assert (first["notes"], first["polyphony"], first["pitches"]) == (10, 1.0, 1)
    assert (second["notes"], second["polyphony"], second["pitches"]) == (20, 2.0, 2)
    assert [part["notes"] for part in by_position(Notes.empty(), 3)] == [0, 0, 0]


def test_they_are_muspys(root: Path) -> None:
    """Measured once with MusPy 0.5.0 (on a grid of 10 ms) on the first seed, and equal on twelve other files."""
    found = measure(decode(encode(read_midi(root / "samples" / "midi" / "1.mid"))))
    assert found["pitch_range"] == 48
    assert found["pitches"] == 24
    assert found["polyphony"] == pytest.approx(3.995006, abs=1e-6)
    assert found["scale_consistency"] == 1.0
    assert found["pitch_entropy"] == pytest.approx(4.125196, abs=1e-6)
    assert found["pitch_class_entropy"] == pytest.approx(2.68935, abs=1e-5)
