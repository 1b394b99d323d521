"""Decoding in parts gives the notes of decoding at once."""

import numpy as np
import pytest

from aeolian.transcription import posteriors as module
from aeolian.transcription.note_decoding import Thresholds, decode_notes
from aeolian.transcription.posteriors import Posteriors, decode_all


def music(frames, seed=0, pause_frames=0, period_frames=600):
    """Random notes as a model would see them, with a pause of `pause_frames` in each period."""
    rng = np.random.default_rng(seed)
    sounding = (0.2 * rng.random((frames, 88))).astype(np.float32)
    onset = (0.3 * rng.random((frames, 88))).astype(np.float32)
    for start in range(5, frames - 100, 4):
        column, length = rng.integers(88), int(rng.integers(8, 80))
        sounding[start : start + length, column] = 0.35 + 0.5 * rng.random(min(length, frames - start))
        if rng.random() < 0.8:
            onset[start, column] = 0.5 + 0.5 * rng.random()
    if pause_frames:
        quiet = np.arange(frames) % period_frames < pause_frames
        sounding[quiet] = 0.1
        onset[quiet] = 0.1
    return sounding, onset


def stored(sounding, onset, step=71):
    kept = Posteriors()
    for start in range(0, len(sounding), step):
        kept.append(sounding[start : start + step], onset[start : start + step])
    return kept


def notes_of(found):
    return sorted(zip(*(array.tolist() for array in found), strict=True))


def test_what_was_appended_is_read_from_memory_and_from_disk(monkeypatch):
    for limit in (1 << 20, 1000):
        monkeypatch.setattr(module, "_BYTES_IN_MEMORY", limit)
        sounding, onset = music(500)
        with stored(sounding, onset) as kept:
            for start, end in ((0, 500), (70, 143), (499, 500), (10, 10)):
                read = kept.read(start, end)
                np.testing.assert_array_equal(read[0], sounding[start:end])
                np.testing.assert_array_equal(read[1], onset[start:end])


def test_parts_cut_in_pauses_change_nothing(monkeypatch):
    monkeypatch.setattr(module, "OVERLAP_FRAMES", 200)
    monkeypatch.setattr(module, "SEARCH_FRAMES", 400)
    sounding, onset = music(6000, pause_frames=60)
    expected = notes_of(decode_notes(sounding, onset))
    assert len(expected) > 500
    with stored(sounding, onset) as kept:
        assert notes_of(decode_all(kept, Thresholds(), part_frames=1000)) == expected
        assert notes_of(decode_all(kept, Thresholds())) == expected


def test_without_pauses_only_notes_near_a_cut_may_differ(monkeypatch):
    monkeypatch.setattr(module, "OVERLAP_FRAMES", 300)
    monkeypatch.setattr(module, "SEARCH_FRAMES", 200)
    sounding, onset = music(8000, seed=1)
    expected = notes_of(decode_notes(sounding, onset))
    cuts = []
    choose = module._quietest
    monkeypatch.setattr(module, "_quietest", lambda *a: cuts.append(choose(*a)) or cuts[-1])
    with stored(sounding, onset) as kept:
        got = notes_of(decode_all(kept, Thresholds(), part_frames=1500))
    assert len(cuts) == 4
    differing = set(got) ^ set(expected)
    assert all(min(abs(note[0] - cut) for cut in cuts) < 86 for note in differing)
    assert len(differing) <= 0.01 * len(expected)


def test_no_frames_no_notes():
    with Posteriors() as kept:
        assert len(decode_all(kept, Thresholds()).start) == 0


@pytest.mark.parametrize("step", [1, 2, 500])
def test_the_greatest_onset_and_rise_are_those_of_the_whole(step):
    sounding, onset = music(500)
    with stored(sounding, onset, step) as kept:
        whole = module.rises(sounding, sounding[:0])
        assert (kept.highest_onset, kept.highest_rise) == (float(onset.max()), float(whole.max()))
