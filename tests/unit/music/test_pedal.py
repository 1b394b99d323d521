"""The sustain pedal: each rule by a hand-worked example, then random playing against note-seq."""

import note_seq
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import sequences_lib

from aeolian.music.notes import Notes
from aeolian.music.pedal import PedalEvents, apply_sustain

Row = tuple[float, float, int, int]


def pedal(*events: tuple[float, int]) -> PedalEvents:
    table = np.array(events, dtype=np.float64).reshape(-1, 2)
    return PedalEvents(table[:, 0], table[:, 1].astype(np.int64))


def ring(rows: list[Row], *events: tuple[float, int]) -> list[Row]:
    return apply_sustain([(Notes.of(rows), pedal(*events))])[0].rows()


def test_a_note_rings_until_the_pedal_rises() -> None:
    assert ring([(0, 1, 60, 64)], (0.5, 127), (3, 0)) == [(0, 3, 60, 64)]


def test_a_note_released_before_the_pedal_goes_down_is_left_alone() -> None:
    assert ring([(0, 1, 60, 64)], (1.5, 127), (3, 0)) == [(0, 1, 60, 64)]


def test_striking_the_pitch_again_ends_it() -> None:
    assert ring([(0, 1, 60, 64), (2, 2.5, 60, 70)], (0.5, 127), (3, 0)) == [(0, 2, 60, 64), (2, 3, 60, 70)]


def test_two_strikes_at_one_instant_leave_one_note() -> None:
    assert ring([(1, 2, 60, 64), (1, 3, 60, 70)], (0, 127), (4, 0)) == [(1, 4, 60, 70)]


def test_a_pedal_never_raised_holds_to_the_last_event() -> None:
    assert ring([(0, 1, 60, 64), (1, 5, 72, 64)], (0.5, 127)) == [(0, 5, 60, 64), (1, 5, 72, 64)]


def test_half_pedal_counts_from_64() -> None:
    assert ring([(0, 1, 60, 64)], (0.5, 63), (3, 0)) == [(0, 1, 60, 64)]
    assert ring([(0, 1, 60, 64)], (0.5, 64), (3, 63)) == [(0, 3, 60, 64)]


def test_a_pedal_moves_only_the_notes_of_its_own_part() -> None:
    left, right = Notes.of([(0, 1, 40, 64)]), Notes.of([(0, 1, 70, 64)])
    rung = apply_sustain([(left, pedal((0.5, 127), (3, 0))), (right, pedal())])
    assert [part.rows() for part in rung] == [[(0, 3, 40, 64)], [(0, 1, 70, 64)]]


grid_s = st.integers(0, 12).map(lambda quarter: quarter / 4)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(grid_s, st.integers(1, 8), st.integers(60, 62), st.integers(1, 127), st.integers(0, 1)),
        max_size=14,
    ),
    st.lists(st.tuples(grid_s, st.sampled_from([0, 63, 64, 127]), st.integers(0, 1)), max_size=8),
)
def test_it_equals_note_seq(notes: list[tuple[float, int, int, int, int]], moves: list[tuple[float, int, int]]) -> None:
    sequence = note_seq.NoteSequence()
    for onset_s, quarters, pitch, velocity, part in notes:
        sequence.notes.add(
            start_time=onset_s,
            end_time=onset_s + quarters / 4,
            pitch=pitch,
            velocity=velocity,
            instrument=part,
        )
    for time_s, value, part in moves:
        sequence.control_changes.add(time=time_s, control_number=64, control_value=value, instrument=part)
    expected = sequences_lib.apply_sustain_control_changes(sequence)

    parts = [
        (
            Notes.of([(o, o + q / 4, p, v) for o, q, p, v, i in notes if i == part]),
            pedal(*((t, v) for t, v, i in moves if i == part)),
        )
        for part in (0, 1)
    ]
    actual = [row for part in apply_sustain(parts) for row in part.rows()]
    assert sorted(actual) == sorted((n.start_time, n.end_time, n.pitch, n.velocity) for n in expected.notes)
