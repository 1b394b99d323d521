"""Notes ↔ tokens: hand-worked examples, then properties, then note-seq as the oracle (in tests/contract)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeolian.music.codec import decode, encode, quantise
from aeolian.music.notes import Notes
from aeolian.music.vocabulary import END, PAD, START


def test_one_note() -> None:
    # velocity 64 is bin (64-1)//4+1 = 16, token 355+16; half a second is 50 steps, token 255+50
    assert encode(Notes.of([(0.0, 0.5, 60, 64)])).tolist() == [371, 60, 305, 188]


def test_a_gap_longer_than_a_second_takes_several_shifts() -> None:
    tokens = encode(Notes.of([(2.5, 3.5, 60, 1)])).tolist()
    assert tokens == [355, 355, 305, 356, 60, 355, 188]


def test_a_chord_is_struck_from_low_to_high_with_one_velocity_event() -> None:
    tokens = encode(Notes.of([(0, 0.01, 67, 80), (0, 0.01, 60, 80), (0, 0.01, 64, 80)])).tolist()
    assert tokens == [375, 60, 64, 67, 256, 188, 192, 195]


def test_within_a_step_order_follows_the_onset_in_seconds_not_the_pitch() -> None:
    assert encode(Notes.of([(0.004, 1, 60, 64), (0.001, 1, 72, 64)])).tolist()[:3] == [371, 72, 60]


def test_a_note_shorter_than_a_step_lasts_one() -> None:
    assert encode(Notes.of([(0.101, 0.102, 60, 64)])).tolist() == [265, 371, 60, 256, 188]


def test_seconds_round_half_up_to_steps() -> None:
    onset_steps, offset_steps = quantise(Notes.of([(0.125, 0.375, 60, 64)]))
    assert (onset_steps.tolist(), offset_steps.tolist()) == ([13], [38])


def test_no_notes_no_tokens() -> None:
    assert encode(Notes.empty()).tolist() == []
    assert len(decode([])) == 0


def test_decoding_ignores_what_note_seq_ignores() -> None:
    # A note-off without its note, a note of no length, padding and marks; a note left sounding ends with the piece.
    notes = decode([START, 188, 60, 188, 371, 64, 305, END, PAD])
    assert notes.rows() == [(0.0, 0.5, 64, 61)]


def test_a_note_before_any_velocity_has_velocity_100() -> None:
    assert decode([60, 256, 188]).rows() == [(0.0, 0.01, 60, 100)]


def test_the_oldest_of_two_equal_pitches_ends_first() -> None:
    notes = decode([371, 60, 355, 379, 60, 355, 188, 355, 188])
    assert notes.rows() == [(0.0, 2.0, 60, 61), (1.0, 3.0, 60, 93)]


@pytest.mark.parametrize(
    ("row", "message"),
    [((-0.1, 1, 60, 64), "before 0 s"), ((0, 1, 128, 64), "0…127"), ((0, 1, 60, 0), "1…127")],
)
def test_notes_out_of_range_are_refused(row: tuple[float, float, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode(Notes.of([row]))


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="share one shape"):
        Notes(np.zeros(2), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int64))


note_rows = st.lists(
    st.tuples(st.floats(0, 30, allow_nan=False), st.floats(0.001, 9), st.integers(0, 127), st.integers(1, 127)).map(
        lambda row: (row[0], row[0] + row[1], row[2], row[3])
    ),
    max_size=40,
)


@given(note_rows)
def test_what_decode_gives_encodes_to_the_same_music(rows: list[tuple[float, float, int, int]]) -> None:
    once = decode(encode(Notes.of(rows)))
    again = decode(encode(once))
    assert sorted(again.rows()) == sorted(once.rows())
    assert encode(again).tolist() == encode(once).tolist()


@given(note_rows)
def test_decoding_moves_no_note_by_more_than_a_step(rows: list[tuple[float, float, int, int]]) -> None:
    notes = Notes.of(rows)
    onset_steps, _ = quantise(notes)
    decoded_steps = np.rint(decode(encode(notes)).onset_s * 100).astype(int)
    assert sorted(decoded_steps.tolist()) == sorted(onset_steps.tolist())


@given(st.lists(st.integers(0, 390), max_size=200))
def test_any_tokens_decode_to_possible_notes(tokens: list[int]) -> None:
    notes = decode(tokens)
    assert np.all(notes.offset_s > notes.onset_s)
    assert np.all((notes.velocity >= 1) & (notes.velocity <= 127))


def test_events_until_a_time_keep_what_ends_then_and_leave_what_begins() -> None:
    from aeolian.music.codec import length_s, until

    tokens = np.array([370, 60, 255 + 50, 128 + 60, 62, 255 + 80, 128 + 62], np.int16)
    assert until(tokens, 0.5).tolist() == [370, 60, 255 + 50, 128 + 60]
    assert until(tokens, 0.9).tolist() == [370, 60, 255 + 50, 128 + 60, 62, 255 + 40]
    assert until(tokens, 5.0).tolist() == tokens.tolist()
    assert (length_s(until(tokens, 0.9)), length_s(tokens)) == (0.9, 1.3)
