"""Our matching gives mir_eval's scores."""

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeolian.evaluation.note_matching import Score, frame_score, match, scores, with_velocity
from aeolian.music.notes import Notes


def notes(*rows: tuple[float, float, int, int]) -> Notes:
    return Notes.of(rows)


def drawn(rng: np.random.Generator, count: int, keys: int) -> Notes:
    onset_s = np.sort(rng.uniform(0, 10, count))
    lengths_s = rng.exponential(0.3, count) + 0.03
    return Notes(onset_s, onset_s + lengths_s, 60 + rng.integers(0, keys, count), rng.integers(20, 110, count))


def heard(rng: np.random.Generator, truth: Notes) -> Notes:
    onset_s = np.abs(truth.onset_s + rng.normal(0, 0.03, len(truth)))
    offset_s = np.maximum(onset_s + 0.01, truth.offset_s + rng.normal(0, 0.05, len(truth)))
    velocity = np.clip(truth.velocity + rng.integers(-20, 20, len(truth)), 1, 127)
    return Notes(onset_s, offset_s, truth.pitch, velocity).take(rng.random(len(truth)) < 0.9)


def by_mir_eval(reference: Notes, estimated: Notes, offset_ratio: float | None) -> tuple[float, float, float]:
    def of(n: Notes) -> tuple[np.ndarray, np.ndarray]:
        return np.stack([n.onset_s, n.offset_s], axis=1), 440 * 2 ** ((n.pitch - 69) / 12)

    found = mir_eval.transcription.precision_recall_f1_overlap(
        *of(reference), *of(estimated), offset_ratio=offset_ratio
    )
    return found[:3]


@given(st.integers(0, 10_000), st.integers(1, 120), st.sampled_from([2, 6, 40]))
@settings(max_examples=60, deadline=None)
def test_the_scores_of_notes_are_mir_evals(seed: int, count: int, keys: int) -> None:
    rng = np.random.default_rng(seed)
    truth = drawn(rng, count, keys)
    found = heard(rng, truth)
    if not len(found):
        return
    ours = scores(truth, found)
    for name, ratio in (("onset", None), ("onset_offset", 0.2)):
        score = ours[name]
        assert (score.precision, score.recall, score.f1) == pytest.approx(by_mir_eval(truth, found, ratio))


def test_velocities_count_as_in_mir_eval_where_the_pairing_is_clear() -> None:
    rng = np.random.default_rng(3)
    onset_s = np.arange(200) * 0.2
    truth = Notes(onset_s, onset_s + 0.15, rng.integers(40, 80, 200), rng.integers(20, 110, 200))
    found = Notes(
        onset_s + 0.01, onset_s + 0.14, truth.pitch, np.clip(truth.velocity + rng.integers(-25, 25, 200), 1, 127)
    )

    def of(n: Notes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.stack([n.onset_s, n.offset_s], axis=1), 440 * 2 ** ((n.pitch - 69) / 12), n.velocity

    expected = mir_eval.transcription_velocity.precision_recall_f1_overlap(*of(truth), *of(found), offset_ratio=None)
    score = scores(truth, found)["onset_velocity"]
    assert (score.precision, score.recall, score.f1) == pytest.approx(expected[:3])
    assert 0.3 < score.f1 < 0.95


def test_a_pairing_that_takes_turns_beats_the_nearest_one() -> None:
    """The middle note could be either's; only one pairing serves both."""
    truth = notes((1.00, 2, 60, 64), (1.06, 2, 60, 64))
    found = notes((1.04, 2, 60, 64), (1.10, 2, 60, 64))
    assert match(truth, found).tolist() == [[0, 0], [1, 1]]
    found = notes((0.96, 2, 60, 64), (1.03, 2, 60, 64))
    assert match(truth, found).tolist() == [[0, 0], [1, 1]]


def test_tolerances_are_inclusive_and_rounded_to_a_tenth_of_a_millisecond() -> None:
    truth = notes((1.0, 2.0, 60, 64))
    assert len(match(truth, notes((1.05004, 2.0, 60, 64)))) == 1
    assert len(match(truth, notes((1.0502, 2.0, 60, 64)))) == 0
    assert len(match(truth, notes((1.0, 2.2, 60, 64)), with_offsets=True)) == 1
    assert len(match(truth, notes((1.0, 2.21, 60, 64)), with_offsets=True)) == 0
    assert len(match(truth, notes((1.0, 2.0, 61, 64)))) == 0


def test_nothing_found_and_nothing_to_find() -> None:
    one = notes((1.0, 2.0, 60, 64))
    for truth, found in ((one, Notes.empty()), (Notes.empty(), one), (Notes.empty(), Notes.empty())):
        assert {score.f1 for score in scores(truth, found).values()} == {0.0}
        assert len(with_velocity(truth, found, match(truth, found))) == 0


def test_frames_are_counted_by_the_time_that_pitches_share() -> None:
    truth, found = notes((0.0, 1.0, 60, 64)), notes((0.5, 1.5, 60, 64))
    assert frame_score(truth, found) == Score(0.5, 0.5, 0.5)
    assert frame_score(truth, notes((0.0, 1.0, 61, 64))).f1 == 0.0
    assert frame_score(truth, notes((0.0, 0.6, 60, 64), (0.4, 1.0, 60, 64))).f1 == 1.0
