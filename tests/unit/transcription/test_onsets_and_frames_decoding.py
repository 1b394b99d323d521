"""Probabilities to notes: hand-worked examples, and note-seq (Magenta's decoder) as the oracle."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import sequences_lib
from small_model import TINY

from aeolian.transcription.onsets_and_frames.decoding import Decoder, Thresholds, decode
from aeolian.transcription.onsets_and_frames.heard import Heard

FRAME_S = 0.032


def nothing(frames=50):
    return Heard(*(np.zeros((frames, 88), np.float32) for _ in range(4)))


def rows(heard, thresholds=None, config=TINY):
    return decode(iter([heard]), config, thresholds).rows()


def test_a_note_begins_at_its_onset_and_ends_with_its_frames():
    heard = nothing()
    heard.onset[10:12, 39] = 0.9
    heard.frame[10:30, 39] = 0.6
    heard.velocity[10, 39] = 0.5
    assert rows(heard) == [(pytest.approx(10 * FRAME_S), pytest.approx(30 * FRAME_S), 60, 50)]


def test_frames_without_an_onset_are_no_note():
    heard = nothing()
    heard.frame[10:30, 39] = 0.9
    assert rows(heard) == []


def test_an_onset_without_frames_is_a_note_of_its_own_length():
    heard = nothing()
    heard.onset[10:12, 0] = 0.9
    assert [row[:3] for row in rows(heard)] == [(pytest.approx(0.32), pytest.approx(0.384), 21)]


def test_a_second_onset_ends_the_first_note():
    heard = nothing()
    heard.onset[[10, 11, 20], 5] = 0.9
    heard.frame[10:30, 5] = 0.9
    assert [(round(on / FRAME_S), round(off / FRAME_S)) for on, off, *_ in rows(heard)] == [(10, 20), (20, 30)]


def test_what_still_sounds_ends_with_the_recording():
    heard = nothing(20)
    heard.onset[10, 87] = heard.frame[10:, 87] = 0.9
    assert rows(heard) == [(pytest.approx(0.32), pytest.approx(0.64), 108, 10)]


@pytest.mark.parametrize(("value", "velocity"), [(-3, 10), (0.5, 50), (2, 90), (np.nan, 10)])
def test_velocities_are_magentas(value, velocity):
    heard = nothing()
    heard.onset[3, 3] = 0.9
    heard.velocity[3, 3] = value
    assert rows(heard)[0][3] == velocity


def test_thresholds_and_the_shortest_note():
    heard = nothing()
    heard.onset[10, 3] = 0.4
    heard.frame[10:20, 3] = 0.4
    assert rows(heard) == []
    assert len(rows(heard, Thresholds(onset=0.3, frame=0.3))) == 1
    assert rows(heard, Thresholds(onset=0.3, frame=0.3, shortest_frames=11)) == []


@pytest.mark.parametrize(
    ("onsets", "begin"),
    [([0.9], 10.0), ([0.8, 0.8], 10.5), ([0.9, 0.6], 10.4), ([0.6, 0.9, 0.6], 11.0), ([0.9, 0.2, 0.9], 10.0)],
)
def test_an_onset_in_two_frames_lies_between_them(onsets, begin):
    heard = nothing()
    heard.onset[10 : 10 + len(onsets), 39] = onsets
    heard.frame[10:30, 39] = 0.9
    centred = dataclasses.replace(TINY, onset_centred=True)
    found = rows(heard, config=centred)[0]
    assert found[0] / FRAME_S == pytest.approx(begin)
    for cut in range(1, 15):
        decoder = Decoder(centred, Thresholds())
        for start, end in itertools.pairwise([0, cut, cut + 1, 50]):
            decoder.push(Heard(*(output[start:end] for output in heard)))
        assert decoder.notes().rows()[0] == found
    assert rows(heard)[0][0] / FRAME_S == pytest.approx(10)


@pytest.mark.parametrize(
    ("last", "first_silent", "end"),
    [(0.9, 0.1, 30.0), (0.9, 0.4, 30.3), (0.6, 0.1, 29.7), (0.9, 0.5, 30.5), (0.5001, 0.0, 29.5)],
)
def test_a_note_ends_where_its_probability_crosses_the_threshold(last, first_silent, end):
    heard = nothing()
    heard.onset[10, 39] = 0.9
    heard.frame[10:29, 39] = 0.9
    heard.frame[29:31, 39] = last, first_silent
    centred = dataclasses.replace(TINY, onset_centred=True)
    found = rows(heard, config=centred)[0]
    assert found[1] / FRAME_S == pytest.approx(end, abs=1e-3)
    for cut in range(28, 33):
        decoder = Decoder(centred, Thresholds())
        for part in (slice(0, cut), slice(cut, 50)):
            decoder.push(Heard(*(output[part] for output in heard)))
        assert decoder.notes().rows()[0] == found
    assert rows(heard)[0][1] / FRAME_S == pytest.approx(30)


def drawn(frames, seed, density=0.25):
    """Probabilities that change seldom, so that notes are long, and cross the thresholds often."""
    rng = np.random.default_rng(seed)

    def slow(share, stay):
        held = rng.random((frames, 88)) < stay
        values = rng.random((frames, 88)) ** (1 / max(share, 1e-3)) * 1.5
        for frame in range(1, frames):
            values[frame] = np.where(held[frame], values[frame - 1], values[frame])
        return np.clip(values, 0, 1).astype(np.float32)

    return Heard(
        slow(density, 0.3), slow(density, 0.5), slow(0.8, 0.8), rng.normal(0.5, 0.5, (frames, 88)).astype("f4")
    )


def oracle(heard, thresholds):
    sequence = sequences_lib.pianoroll_to_note_sequence(
        heard.frame > thresholds.frame,
        frames_per_second=31.25,
        min_duration_ms=0,
        min_midi_pitch=21,
        onset_predictions=heard.onset > thresholds.onset,
        offset_predictions=heard.offset > thresholds.offset if thresholds.offset else None,
        velocity_values=heard.velocity,
        velocity_scale=TINY.velocity_scale,
        velocity_bias=TINY.velocity_bias,
    )
    found = [(note.start_time, note.end_time, note.pitch, note.velocity) for note in sequence.notes]
    return sorted(found, key=lambda row: (row[0], row[2]))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    frames=st.integers(1, 60),
    cuts=st.lists(st.integers(1, 59), max_size=4),
    offset=st.sampled_from([0.0, 0.5]),
)
def test_the_notes_are_note_seqs_in_one_piece_or_in_many(seed, frames, cuts, offset):
    heard, thresholds = drawn(frames, seed), Thresholds(0.5, 0.4, offset)
    expected = oracle(heard, thresholds)
    decoder = Decoder(TINY, thresholds)
    edges = sorted({0, frames, *(cut for cut in cuts if cut < frames)})
    for start, end in itertools.pairwise(edges):
        decoder.push(Heard(*(output[start:end] for output in heard)))
    found = decoder.notes().rows()
    assert len(found) == len(expected)
    np.testing.assert_allclose(np.array(found).reshape(-1, 4), np.array(expected).reshape(-1, 4), rtol=0, atol=1e-9)


def test_the_oracle_is_asked_about_real_notes():
    assert len(oracle(drawn(60, 1), Thresholds(0.5, 0.4))) > 100


def test_notes_are_written_as_much_earlier_as_the_model_hears_them_late() -> None:
    config = dataclasses.replace(TINY, latency_s=0.02)
    onset = np.zeros((6, 88), np.float32)
    onset[0, 3], onset[3, 5] = 0.9, 0.9
    heard = Heard(onset, np.zeros_like(onset), onset.copy(), np.zeros_like(onset))
    assert decode(iter([heard]), config).onset_s.tolist() == pytest.approx([0.0, 3 * 0.032 - 0.02])
