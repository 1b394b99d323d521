"""Posteriorgrams to notes, by hand-worked examples."""

import numpy as np
import pytest

from aeolian.transcription.note_decoding import Thresholds, decode_notes, onset_candidates, rises

ONSETS_ONLY = Thresholds(without_onset=False)


def grams(frames=100):
    return np.zeros((frames, 88), np.float32), np.zeros((frames, 88), np.float32)


def found(sounding, onset, thresholds=ONSETS_ONLY, **options):
    notes = decode_notes(sounding, onset, thresholds, **options)
    return sorted(zip(notes.start.tolist(), notes.end.tolist(), notes.pitch.tolist(), strict=True))


def test_a_note_goes_from_its_onset_to_its_last_sounding_frame():
    sounding, onset = grams()
    sounding[10:40, 39] = 0.6
    onset[10, 39] = 0.9
    assert found(sounding, onset) == [(10, 40, 60)]
    np.testing.assert_allclose(decode_notes(sounding, onset).amplitude, [0.6], rtol=1e-6)


def test_a_gap_of_ten_frames_is_bridged_and_one_of_eleven_is_not():
    for gap, end in ((10, 60), (11, 30)):
        sounding, onset = grams()
        sounding[10:30, 5] = sounding[30 + gap : 60, 5] = 0.6
        onset[10, 5] = 0.9
        # The rise after the gap must not count as an onset of its own.
        assert (10, end, 26) in found(sounding, onset, peaks=(0.9, 100.0))


def test_a_note_as_short_as_the_shortest_is_dropped():
    for length, kept in ((11, 0), (12, 1)):
        sounding, onset = grams()
        sounding[20 : 20 + length, 5] = 0.6
        onset[20, 5] = 0.9
        assert len(found(sounding, onset)) == kept


def test_a_repeated_note_ends_the_one_before():
    sounding, onset = grams()
    sounding[10:70, 50] = 0.6
    onset[10, 50] = onset[40, 50] = 0.9
    assert found(sounding, onset) == [(10, 40, 71), (40, 70, 71)]


def test_a_note_takes_the_energy_of_its_neighbours():
    sounding, onset = grams()
    sounding[10:40, 49:52] = 0.6
    onset[10, 50] = 0.9
    onset[9, 51] = 0.8
    assert found(sounding, onset, peaks=(0.9, 100.0)) == [(10, 40, 71)]


def test_a_rise_of_sounding_is_an_onset_as_strong_as_the_strongest():
    sounding, onset = grams()
    sounding[30:60, 20] = 0.6
    onset[5, 80] = 0.8
    assert found(sounding, onset) == [(30, 60, 41)]
    assert found(sounding, onset, peaks=(0.8, 2.0)) == []


def test_rises_hold_against_both_frames_before_and_go_on_across_a_cut():
    sounding, _ = grams(6)
    sounding[:, 0] = [0.0, 0.5, 0.2, 0.4, 0.9, 0.8]
    whole = rises(sounding, sounding[:0])
    np.testing.assert_allclose(whole[:, 0], [0, 0, 0, 0, 0.5, 0], atol=1e-6)
    for cut in range(7):
        parts = [rises(sounding[:cut], sounding[:0]), rises(sounding[cut:], sounding[max(0, cut - 2) : cut])]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_onset_candidates_are_strict_maxima_last_first():
    onset = np.zeros((8, 88), np.float32)
    onset[:, 3] = [0.9, 0.1, 0.6, 0.2, 0.7, 0.7, 0.1, 0.9]
    onset[4, 1] = 0.5
    frames, columns = onset_candidates(onset, np.zeros((8, 88)), 1.0, 0.5)
    assert list(zip(frames.tolist(), columns.tolist(), strict=True)) == [(4, 1), (2, 3)]


def test_what_sounds_without_an_onset_is_found_from_its_strongest_frame():
    sounding, onset = grams()
    sounding[20:61, 30] = 0.4 + 0.3 * np.sin(np.linspace(0, np.pi, 41))
    assert found(sounding, onset, ONSETS_ONLY, peaks=(0.1, 1.0)) == []
    ((start, end, pitch),) = found(sounding, onset, Thresholds(), peaks=(0.1, 1.0))
    # The package leaves the last sounding frame out.
    assert (start, end, pitch) == (20, 60, 51)


@pytest.mark.parametrize("column", [0, 87])
def test_the_lowest_and_the_highest_pitch(column):
    sounding, onset = grams()
    sounding[10:40, column] = 0.6
    onset[10, column] = 0.9
    assert found(sounding, onset, Thresholds()) == [(10, 40, 21 + column)]


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_next_to_nothing_has_no_notes(frames):
    sounding, onset = grams(frames)
    assert found(sounding + 1, onset + 1, Thresholds()) == []


def test_a_very_long_note_is_followed_to_its_end():
    sounding, onset = grams(3000)
    sounding[100:2900, 40] = 0.6
    onset[100, 40] = 0.9
    assert found(sounding, onset) == [(100, 2900, 61)]
