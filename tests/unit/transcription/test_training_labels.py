"""What the model is to say of each frame: worked by hand. A frame is 32 ms."""

import numpy as np

from aeolian.music.notes import Notes
from aeolian.transcription.training.labels import FRAME, OFFSET, ONSET, WEIGHT, rolls

FRAME_S = 0.032


def column(table: np.ndarray, pitch: int, bit: int) -> list[int]:
    return np.flatnonzero(table[:, pitch - 21, 0] // bit % 2).tolist()


def test_a_note_on_the_grid_and_one_between_two_frames() -> None:
    notes = Notes.of([(5 * FRAME_S, 9 * FRAME_S, 60, 80), (5.5 * FRAME_S, 9.5 * FRAME_S, 64, 33)])
    table = rolls(notes, 12)
    assert table.shape == (12, 88, 2)
    assert column(table, 60, ONSET) == [5]
    assert column(table, 60, FRAME) == [5, 6, 7, 8]
    assert column(table, 60, OFFSET) == [9]
    assert column(table, 64, ONSET) == [5, 6]
    assert column(table, 64, OFFSET) == [9, 10]
    assert table[:, 60 - 21, 1].tolist() == [0] * 5 + [80] + [0] * 6
    assert table[5:7, 64 - 21, 1].tolist() == [33, 33]
    assert column(table, 61, FRAME) == []


def test_the_frames_of_an_onset_weigh_five_and_those_after_it_less_and_less_but_never_less_than_one() -> None:
    table = rolls(Notes.of([(2 * FRAME_S, 11 * FRAME_S, 21, 64)]), 12)
    assert (table[:, 0, 0] // WEIGHT).tolist() == [1, 1, 5, 5, 2, 1, 1, 1, 1, 1, 1, 1]
    assert (table[:, 1, 0] // WEIGHT).tolist() == [1] * 12


def test_a_key_struck_again_begins_anew_and_notes_reach_past_the_ends() -> None:
    notes = Notes.of([(0.0, 4 * FRAME_S, 108, 50), (4 * FRAME_S, 1.0, 108, 70), (3.0, 4.0, 30, 64)])
    table = rolls(notes, 8)
    assert column(table, 108, ONSET) == [0, 4]
    assert column(table, 108, FRAME) == list(range(8))
    assert column(table, 108, OFFSET) == [4]
    assert table[4, 87, 1] == 70
    assert column(table, 30, FRAME) == []


def test_a_very_short_note_is_heard_for_one_frame() -> None:
    assert column(rolls(Notes.of([(0.1, 0.105, 60, 64)]), 8), 60, FRAME) == [3]
