"""Distances from a seed, runs heard before, and ratios to what truly follows: worked by hand."""

import numpy as np
import pytest

from aeolian.evaluation.continuation import (
    FEATURES,
    Answers,
    Stretch,
    cut,
    distance,
    measure,
    portray,
    ratios,
    score,
    share,
    share_from,
    share_heard_before,
    worst,
)
from aeolian.music.notes import Notes

SEED = Notes.of([(0.5 * n, 0.5 * n + 0.5, 60 + 2 * (n % 2), 64) for n in range(8)])


def apart(one: Notes, other: Notes, seconds: float = 4.0) -> dict[str, float]:
    return dict(zip(FEATURES, distance(portray(one, seconds), portray(other, seconds)).tolist(), strict=True))


def test_a_stretch_is_no_distance_from_itself() -> None:
    assert set(apart(SEED, SEED).values()) == {0.0}


def test_twice_as_many_notes_are_an_octave_of_density_and_half_as_long_ones_one_of_polyphony() -> None:
    twice = Notes.of([(0.25 * n, 0.25 * n + 0.125, 60 + 2 * (n % 2), 74) for n in range(16)])
    found = apart(SEED, twice)
    assert found["density"] == pytest.approx(1.0)
    assert found["polyphony"] == pytest.approx(1.0)  # half the seconds of notes in the same time
    assert found["velocity"] == pytest.approx(10.0)
    assert found["mean pitch"] == found["spread"] == found["pitch classes"] == found["register"] == 0.0
    assert found["gaps"] == 1.0  # half seconds and quarters share no bin


def test_an_octave_higher_is_another_register_with_the_same_pitch_classes() -> None:
    higher = Notes(SEED.onset_s, SEED.offset_s, SEED.pitch + 12, SEED.velocity)
    found = apart(SEED, higher)
    assert (found["mean pitch"], found["register"], found["pitch classes"]) == (12.0, 1.0, 0.0)


def test_a_note_counts_for_two_seconds_at_most_among_pitch_classes() -> None:
    long = Notes.of([(0.0, 10.0, 60, 64), (0.0, 2.0, 67, 64)])
    even = Notes.of([(0.0, 1.0, 60, 64), (1.0, 2.0, 67, 64)])
    assert apart(long, even)["pitch classes"] == 0.0


def test_silence_is_at_no_known_distance() -> None:
    assert all(np.isnan(value) for value in apart(SEED, Notes.empty()).values())


def test_a_stretch_holds_what_begins_in_it_and_ends_what_sounds_longer() -> None:
    within = cut(Notes.of([(0.9, 3.0, 60, 1), (1.0, 1.5, 62, 2), (1.9, 9.0, 64, 3), (2.0, 2.5, 65, 4)]), 1.0, 2.0)
    assert [(row[2], pytest.approx(row[0]), pytest.approx(row[1])) for row in within.rows()] == [
        (62, 0.0, 0.5),
        (64, 0.9, 1.0),
    ]


def test_runs_of_eight_are_heard_before_where_they_come_again() -> None:
    theme = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    assert share_heard_before(np.concatenate([theme, [1, 2, 3, 4], theme])) == pytest.approx(8 / 20)
    assert share_heard_before(np.concatenate([theme, [1, 2, 3, 4], theme[:7]])) == 0.0
    assert share_heard_before(np.full(9, 60)) == pytest.approx(8 / 9)  # the second run is notes 2 to 9
    assert share_heard_before(theme[:3]) == share_heard_before(theme[:0]) == 0.0
    assert share_from(np.concatenate([[1, 2], theme]), theme) == pytest.approx(8 / 10)
    assert share_from(theme, theme[:7]) == 0.0


def test_a_copy_of_the_seed_is_nearest_and_is_seen_to_be_one() -> None:
    stretch = Stretch(SEED, 4.0)
    copied = measure("copied", [stretch], [stretch])
    assert copied.distances.tolist() == [[0.0] * 8]
    assert copied.copies.tolist() == [1.0]
    assert copied.loops.tolist() == [0.0]


def answers(distances: list[list[float]]) -> Answers:
    return Answers("", np.array(distances), np.zeros(len(distances)), np.zeros(len(distances)))


def test_ratios_are_of_means_over_songs_where_both_are_known() -> None:
    truth = answers([[1.0] * 8, [3.0] * 8, [np.nan] * 8])
    made = answers([[2.0] * 8, [4.0] * 8, [100.0] * 8])
    found = ratios(truth, made)
    assert [each.value for each in found] == [pytest.approx(6 / 4)] * 8
    assert found[0].low == pytest.approx(4 / 3) and found[0].high == pytest.approx(2.0)  # one song twice, or the other
    assert worst(found) == pytest.approx(1.5)


def test_a_share_has_a_range_that_many_songs_make_narrow() -> None:
    few, many = share(np.array([0.0, 1.0] * 4)), share(np.array([0.0, 1.0] * 400))
    assert few.value == many.value == 0.5
    assert few.low < many.low < 0.5 < many.high < few.high
    assert np.isnan(share(np.zeros(0)).value)


def test_the_score_is_a_weighted_mean_without_what_is_free_and_a_copy_is_no_good_answer() -> None:
    seed = Stretch(SEED, 4.0)
    higher = Stretch(Notes(SEED.onset_s, SEED.offset_s, SEED.pitch + 12, SEED.velocity), 4.0)
    assert score(seed, higher) == pytest.approx((12 / 2.6 + 1 / 0.18) / 10)
    assert score(seed, higher, frozenset({"mean pitch"})) == pytest.approx((1 / 0.18) / 9)
    assert score(seed, higher, frozenset(FEATURES)) == 0.0
    assert score(seed, seed) == 4.0  # all of it stands in the seed
    assert np.isnan(score(seed, Stretch(Notes.empty(), 4.0)))
