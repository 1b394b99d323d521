"""Songs played anew: what may change and what may not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeolian.music.notes import Notes
from aeolian.music.pedal import PedalEvents
from aeolian.transcription.training.performance import Action, Play, excerpt, foot, perform, separated, sounded
from aeolian.transcription.training.textures import texture

SONG = Notes.of([(i * 0.25, i * 0.25 + 0.2, 55 + i % 17, 40 + i % 60) for i in range(120)])
NO_PEDAL = PedalEvents(np.zeros(0), np.zeros(0, np.int64))
STRICT = Play(
    **{
        "semitones": 0,
        "octave_share": 0,
        "slowest": 1.0,
        "fastest": 1.0,
        "largest_spread_s": 0,
        "shortest_touch": 1.05,
    },
    **{"add_pedal_share": 0, "double_octave_share": 0},
)


def is_playable(notes: Notes) -> bool:
    order = np.lexsort((notes.onset_s, notes.pitch))
    same = np.diff(notes.pitch[order]) == 0
    apart = notes.onset_s[order][1:] >= notes.offset_s[order][:-1]
    in_range = np.all((notes.pitch >= 21) & (notes.pitch <= 108) & (notes.velocity >= 1) & (notes.velocity <= 127))
    return bool(in_range and np.all(apart[same]) and np.all(notes.offset_s > notes.onset_s))


@given(st.integers(0, 1_000_000))
@settings(max_examples=50, deadline=None)
def test_a_performance_can_be_played_on_a_piano_and_follows_from_its_seed(seed: int) -> None:
    pedal = PedalEvents(np.array([1.0, 4.0, 9.0]), np.array([127, 0, 90]))
    played = perform(SONG, pedal, np.random.default_rng(seed))
    assert is_playable(played)
    assert len(played) >= 0.9 * len(SONG)
    assert np.all(np.diff(played.onset_s) >= 0)
    assert played.rows() == perform(SONG, pedal, np.random.default_rng(seed)).rows()
    textured = perform(*texture(np.random.default_rng(seed), 30.0), np.random.default_rng(seed))
    assert is_playable(textured)


def test_a_performance_without_freedom_is_the_song_but_for_its_loudness() -> None:
    played = perform(SONG, NO_PEDAL, np.random.default_rng(1), STRICT)
    assert played.pitch.tolist() == SONG.pitch.tolist()
    assert played.onset_s == pytest.approx(SONG.onset_s)
    assert played.offset_s == pytest.approx(SONG.offset_s, abs=0.011)


def test_performances_differ_in_key_tempo_and_pedal() -> None:
    played = [perform(SONG, NO_PEDAL, np.random.default_rng(seed)) for seed in range(40)]
    assert len({int(p.pitch[0]) for p in played}) > 10
    assert min(p.end_s for p in played) < 0.8 * SONG.end_s < 1.2 * SONG.end_s < max(p.end_s for p in played)
    lengths = [float(np.mean(p.offset_s - p.onset_s)) for p in played]
    assert sum(length > 0.3 for length in lengths) >= 5, "with the pedal notes ring on"
    assert sum(length < 0.22 for length in lengths) >= 8, "and some performances are dry"


def test_the_pedal_holds_notes_until_it_rises() -> None:
    pedal = PedalEvents(np.array([0.1, 2.0]), np.array([127, 0]))
    always = Play(**{**STRICT.__dict__, "keep_pedal_share": 1.0})
    played = perform(Notes.of([(0.0, 0.2, 60, 64), (0.5, 0.6, 64, 64)]), pedal, np.random.default_rng(0), always)
    assert played.offset_s == pytest.approx([2.0, 2.0])


def test_feet_come_down_after_onsets_and_up_before_they_come_down_again() -> None:
    for seed in range(20):
        moves = foot(SONG.onset_s, np.random.default_rng(seed))
        assert set(moves.value.tolist()) <= {0, 127}
        assert moves.value.tolist() == [127, 0] * (len(moves.value) // 2)


def test_keys_struck_too_soon_again_or_off_the_piano_are_left_out() -> None:
    notes = Notes.of(
        [(0.0, 1.0, 60, 64), (0.01, 1.0, 60, 64), (0.5, 0.9, 60, 64), (0.0, 1.0, 20, 64), (0.0, 0.001, 70, 9)]
    )
    assert separated(notes).rows() == [(0.0, 0.03, 70, 9), (0.01, 0.5, 60, 64), (0.5, 0.9, 60, 64)]


def test_an_excerpt_begins_at_its_start_with_the_pedal_as_it_was() -> None:
    pedal = PedalEvents(np.array([1.0, 12.0]), np.array([100, 0]))
    notes, moves = excerpt(SONG, pedal, 10.0, 5.0)
    assert (notes.onset_s[0], notes.onset_s[-1], len(notes)) == (0.0, 4.75, 20)
    assert moves.time_s.tolist() == [0.0, 2.0]
    assert moves.value.tolist() == [100, 0]


def test_a_piano_sounds_late_soft_notes_later_and_dampers_latest() -> None:
    notes = separated(Notes.of([(0.5, 1.0, 60, 127), (0.5, 1.0, 64, 1), (1.02, 1.5, 60, 127)]))
    action = Action(latest_s=0.02, softest_s=0.02, longest_release_s=0.12, jitter_s=0.0)
    for seed in range(30):
        played = sounded(notes, np.random.default_rng(seed), action)
        late_s = {int(p): s for s, p in zip(played.onset_s - 0.5, played.pitch, strict=True) if s < 0.3}
        assert 0 <= late_s[60] <= 0.02
        assert 0 <= late_s[64] - late_s[60] <= 0.02
        first = played.offset_s[(played.pitch == 60) & (played.onset_s < 1)][0]
        assert 1.0 <= first <= 1.12
        assert first <= played.onset_s[played.onset_s > 1.0][0], "the key struck again ends it"
