import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aeolian.music.codec import decode, encode
from aeolian.music.notes import Notes
from aeolian.transformer.augmentation import NONE, Augmentation, augment, louder, stretch, transpose

events = st.lists(st.integers(0, 387), max_size=200).map(lambda ids: np.array(ids, dtype=np.int16))


def test_transposition_moves_onsets_and_offsets_alike() -> None:
    tokens = np.array([360, 60, 300, 128 + 60, 64], dtype=np.int16)
    assert transpose(tokens, 3).tolist() == [360, 63, 300, 128 + 63, 67]
    assert tokens.tolist() == [360, 60, 300, 128 + 60, 64]


def test_transposition_stops_at_the_keyboard_s_end() -> None:
    assert transpose(np.array([126, 128 + 20], dtype=np.int16), 3).tolist() == [127, 128 + 21]
    assert transpose(np.array([1, 40], dtype=np.int16), -3).tolist() == [0, 39]


def test_velocity_stays_within_its_32_bins() -> None:
    assert louder(np.array([356, 360, 387, 60], dtype=np.int16), 2).tolist() == [358, 362, 387, 60]
    assert louder(np.array([356, 387], dtype=np.int16), -2).tolist() == [356, 385]


def test_stretching_moves_moments_not_shifts() -> None:
    # 10 steps, three times, at 1.05: 10.5, 21, 31.5 round to 11, 21, 32: shifts of 11, 10, 11
    tokens = np.array([60, 265, 62, 265, 64, 265, 65], dtype=np.int16)
    assert stretch(tokens, 1.05).tolist() == [60, 266, 62, 265, 64, 266, 65]


def test_stretching_writes_long_shifts_as_the_encoding_does() -> None:
    tokens = np.array([355, 355, 60], dtype=np.int16)  # 200 steps
    assert stretch(tokens, 1.05).tolist() == [355, 355, 256 + 9, 60]  # 210
    assert stretch(tokens, 0.5).tolist() == [355, 60]  # 100
    assert stretch(np.array([60, 355], dtype=np.int16), 1.05).tolist() == [60, 355, 260]  # at the end too
    assert stretch(np.array([256, 60], dtype=np.int16), 0.4).tolist() == [60]  # a step that rounds away


def test_stretched_tokens_are_those_of_stretched_notes() -> None:
    rng = np.random.default_rng(0)
    onset = np.cumsum(rng.uniform(0.05, 2.5, 50))
    notes = Notes(onset, onset + rng.uniform(0.5, 4, 50), rng.permutation(50) + 30, rng.integers(1, 128, 50))
    tokens = encode(notes)
    before, after = decode(tokens).sorted(), decode(stretch(tokens, 1.04)).sorted()
    np.testing.assert_allclose(after.onset_s, before.onset_s * 1.04, atol=0.0051)
    np.testing.assert_allclose(after.offset_s, before.offset_s * 1.04, atol=0.0051)
    assert np.array_equal(after.pitch, before.pitch)


@settings(max_examples=50, deadline=None)
@given(events, st.integers(0, 5))
def test_augmentation_stays_in_the_vocabulary_and_is_seeded(tokens: np.ndarray, seed: int) -> None:
    changed = augment(tokens, Augmentation(), np.random.default_rng(seed))
    assert np.array_equal(changed, augment(tokens, Augmentation(), np.random.default_rng(seed)))
    assert changed.dtype == np.int16
    assert ((changed >= 0) & (changed < 388)).all()
    not_shift = (tokens < 256) | (tokens >= 356)
    assert ((changed < 256) | (changed >= 356)).sum() == not_shift.sum()
    assert np.array_equal(augment(tokens, NONE, np.random.default_rng(seed)), tokens)
