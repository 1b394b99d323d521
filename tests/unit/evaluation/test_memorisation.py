"""Shared passages: against brute force, and on pieces that repeat what they are known to repeat."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeolian.evaluation.memorisation import LONG_NOTES, Shared, shared_passages
from aeolian.evaluation.passages import PassageIndex
from aeolian.music.notes import Notes


def walk(seed: int, notes: int = 200) -> Notes:
    rng = np.random.default_rng(seed)
    pitch = 48 + np.cumsum(rng.integers(-7, 8, notes)) % 36
    return Notes.of([(n / 4, n / 4 + 0.2, int(p), 64) for n, p in enumerate(pitch)])


def moved(notes: Notes, *, semitones: int, tempo: float) -> Notes:
    return Notes(notes.onset_s * tempo, notes.offset_s * tempo, notes.pitch + semitones, notes.velocity)


def joined(first: Notes, second: Notes) -> Notes:
    return Notes.of(first.rows() + second.shifted(first.end_s + 0.5).rows())


def longest_by_force(corpus: list[list[int]], piece: list[int]) -> list[int]:
    best = []
    for i in range(len(piece)):
        lengths = [0]
        for song in corpus:
            for j in range(len(song)):
                n = 0
                while i + n < len(piece) and j + n < len(song) and piece[i + n] == song[j + n]:
                    n += 1
                lengths.append(n)
        best.append(max(lengths))
    return best


STRINGS = st.lists(st.lists(st.integers(0, 2), max_size=25), min_size=1, max_size=4)


@given(STRINGS, STRINGS)
def test_every_position_gets_its_longest_match(corpus: list[list[int]], pieces: list[list[int]]) -> None:
    matches = PassageIndex(
        [np.array(song, np.uint8) for song in corpus], [np.array(piece, np.uint8) for piece in pieces]
    ).matches()
    for number, piece in enumerate(pieces):
        part = slice(int(matches.starts[number]), int(matches.starts[number + 1]) - 1)
        found = matches.length[part].tolist()
        assert found == longest_by_force(corpus, piece)
        for i, (length, song, at) in enumerate(
            zip(found, matches.song[part].tolist(), matches.at[part].tolist(), strict=True)
        ):
            assert length == 0 or corpus[song][at : at + length] == piece[i : i + length]


def test_a_passage_is_found_in_another_key_and_tempo_with_its_place() -> None:
    songs = [walk(1), walk(2), walk(3)]
    stolen = songs[1].take(np.arange(50, 90))  # forty notes from 12.5 s
    piece = joined(walk(9, 60), moved(stolen.shifted(-12.5), semitones=5, tempo=0.8))
    [found] = shared_passages([piece], songs, ["a", "b", "c"])
    start_s = walk(9, 60).end_s + 0.5
    assert (found.song, found.nearest) == ("b", "b")
    assert 40 <= found.longest_notes <= 43  # by chance a note or two beyond it may fit as well
    assert found.at_s == pytest.approx(start_s, abs=0.4)
    assert found.song_at_s == pytest.approx(12.5, abs=0.5)
    assert found.lasts_s == pytest.approx(39 / 4 * 0.8, abs=0.4)
    assert found.covered == pytest.approx(0.4, abs=0.03)
    assert found.nearest_share == pytest.approx(32 / 92, abs=0.03)


def test_a_copy_is_told_as_one_and_new_music_is_not() -> None:
    songs = [walk(1), walk(2)]
    copy, new, single, none = shared_passages([songs[0], walk(7), walk(1, 1), Notes.empty()], songs, ["a", "b"])
    assert (copy.longest_notes, copy.covered, copy.nearest, copy.nearest_share) == (200, 1.0, "a", 1.0)
    assert new.longest_notes < LONG_NOTES / 2
    assert new.covered == 0.0
    assert single == none == Shared(0, 0.0, 0.0, "", 0.0, 0.0, "", 0.0)
    with pytest.raises(ValueError, match="a corpus of no songs"):
        shared_passages([walk(1)], [], [])
