"""Strings of intervals, and families of near-duplicates."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from aeolian.music import melodies
from aeolian.music.codec import encode, onsets
from aeolian.music.melodies import near_duplicates, passages, symbols
from aeolian.music.notes import Notes


def walk(seed: int, notes: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A melody: onsets in seconds and pitches."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.choice([0.25, 0.5], notes)), 60 + np.cumsum(rng.integers(-4, 5, notes)) % 24


def test_a_string_holds_intervals_and_what_is_struck_together() -> None:
    # C and E together (E first in the list), then G: up a third, together; up a third, apart.
    assert symbols(np.array([0.02, 0.0, 1.0]), np.array([60, 64, 67])).tolist() == [2 * (4 + 63) + 1, 2 * (3 + 63)]
    assert symbols(np.array([0.0]), np.array([60])).tolist() == []
    assert symbols(np.array([0.0, 1.0]), np.array([0, 127])).tolist() == [2 * 126]


def test_key_tempo_and_the_spread_of_chords_do_not_change_it() -> None:
    onset_s, pitch = np.repeat(np.arange(20) / 2, 3), np.tile([48, 64, 67], 20) + np.repeat(np.arange(20), 3)
    spread = onset_s + np.tile([0.02, 0.0, 0.01], 20)
    assert np.array_equal(symbols(onset_s, pitch), symbols(spread * 1.1, pitch + 5))


def test_passages_are_of_nine_notes_and_counted_once() -> None:
    assert len(passages(symbols(np.arange(8.0), np.arange(60, 68)))) == 0
    assert len(passages(symbols(np.arange(9.0), np.arange(60, 69)))) == 1
    assert len(passages(symbols(np.arange(60.0), np.arange(60, 120)))) == 1
    assert len(passages(symbols(*walk(0)))) == 400 - 8


def test_versions_of_a_piece_are_one_family() -> None:
    onset_s, pitch = walk(1)
    dropped = np.random.default_rng(0).random(400) > 0.1
    first_half, second_half = slice(0, 220), slice(180, 400)
    strings = [
        symbols(*walk(2)),
        symbols(onset_s, pitch),
        symbols(onset_s[dropped] * 0.9, pitch[dropped] + 3),  # another key and tempo, a tenth of the notes missing
        symbols(onset_s[first_half], pitch[first_half]),
        symbols(*walk(3)),
        symbols(onset_s[second_half], pitch[second_half]),
        np.zeros(0, np.uint8),
        np.zeros(0, np.uint8),
    ]
    assert near_duplicates(strings).tolist() == [0, 1, 1, 1, 4, 1, 6, 7]
    assert near_duplicates([]).tolist() == []


def test_many_songs_are_judged_by_some_of_their_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melodies, "MOST_PASSAGES", 2000)
    strings = [symbols(*walk(n, 2000)) for n in range(10)]
    onset_s, pitch = walk(3, 2000)
    strings.append(symbols(onset_s * 1.1, pitch - 7))
    drawn = [len(found) for found in melodies._sampled([passages(string) for string in strings])]
    assert 1400 < sum(drawn) < 2600
    assert drawn[3] == drawn[10]
    assert near_duplicates(strings).tolist() == [*range(10), 3]


def test_a_commonplace_joins_nothing() -> None:
    scale = (np.arange(20.0), np.arange(60, 80))
    pieces = [symbols(*(np.concatenate(pair) for pair in zip(walk(n, 60), scale, strict=True))) for n in range(30)]
    assert near_duplicates(pieces).tolist() == list(range(30))


def test_onsets_come_from_the_tokens() -> None:
    rows = [(0.0, 2.5, 60, 80), (1.25, 2.5, 64, 80), (3.0, 3.5, 59, 20)]
    onset_s, pitch = onsets(encode(Notes.of(rows)))
    assert onset_s.tolist() == [0.0, 1.25, 3.0]
    assert pitch.tolist() == [60, 64, 59]


@pytest.mark.data
def test_performances_of_a_piece_are_one_family_and_different_songs_are_not(shared_data: Path, tmp_path: Path) -> None:
    from aeolian.formats.midi import read_midi

    with tarfile.open(shared_data / "midi" / "giantmidi-eval.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    with tarfile.open(shared_data / "midi" / "pop909.tar.xz") as tar:
        members = sorted((m for m in tar.getmembers() if m.name.endswith(".mid")), key=lambda m: m.name)
        tar.extractall(tmp_path, members=members[:200], filter="data")
    paths = sorted(tmp_path.rglob("*.mid"))
    family = near_duplicates([symbols(*onsets(encode(read_midi(path)))) for path in paths])
    named = {path.stem: int(number) for path, number in zip(paths, family, strict=True)}
    sonata = [number for name, number in named.items() if "XVI_49" in name or "xvi_49" in name]
    assert len(sonata) >= 2
    assert len(set(sonata)) == 1
    # POP909 has one song twice, as 017 and 018; all others are songs of their own.
    songs = [number for name, number in named.items() if len(name) == 3]
    assert named["017"] == named["018"]
    assert len(set(songs)) == 199
    classical = [number for name, number in named.items() if len(name) > 3]
    assert len(classical) == 156
    assert len(set(classical)) <= 70  # 156 recordings of 52 pieces, some in movements
