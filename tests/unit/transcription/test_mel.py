"""The log-mel front end: against Magenta's own, against librosa, and against itself in pieces."""

from pathlib import Path

import librosa
import numpy as np
import pytest
from golden_clip import RATE_HZ, clip
from hypothesis import given, settings
from hypothesis import strategies as st

from aeolian.transcription import mel
from aeolian.transcription.mel import MelPower, frame_count, log_mel, mel_filters, mel_power

GOLDENS = np.load(Path(__file__).with_name("onsets_and_frames_goldens.npz"))
TOLERANCE_DB = 0.002


def golden_samples(seconds=2.0):
    return clip().mean(axis=1)[:: RATE_HZ // 16_000][: int(16_000 * seconds)]


def librosas(samples):
    """librosa 0.7.2's defaults where today's differ: the ends reflected."""
    spectrogram = librosa.feature.melspectrogram(
        y=samples, sr=16_000, hop_length=512, fmin=30.0, n_mels=229, htk=True, pad_mode="reflect"
    )
    return librosa.power_to_db(spectrogram).T


def test_it_is_magentas():
    np.testing.assert_allclose(log_mel(golden_samples()), GOLDENS["mel"], rtol=0, atol=TOLERANCE_DB)


def test_the_filters_are_librosas():
    theirs = librosa.filters.mel(sr=16_000, n_fft=2048, n_mels=229, fmin=30.0, htk=True)
    np.testing.assert_allclose(mel_filters().T, theirs, rtol=0, atol=1e-7)


@pytest.mark.parametrize("samples", [2_048, 5_000, 16_000 * 9 + 17])
def test_a_recording_with_a_quiet_end_is_librosas(samples):
    sound = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    sound[samples // 2 :] *= 1e-3
    sound /= np.abs(sound).max()
    found, expected = log_mel(sound), librosas(sound)
    assert found.shape == (samples // 512, 229)
    np.testing.assert_allclose(found, expected[: len(found)], rtol=0, atol=TOLERANCE_DB)


def test_a_sine_is_loudest_in_its_band():
    sine = np.sin(2 * np.pi * 1000.0 * np.arange(16_000) / 16_000).astype(np.float32)
    loudest = log_mel(sine)[5:-5].argmax(axis=1)
    # The corners are evenly spaced in HTK's mels: band b is around 30 Hz's mel + (b + 1) steps.
    low, high, middle = (2595 * np.log10(1 + hz / 700) for hz in (30.0, 8000.0, 1000.0))
    assert set(loudest) == {round((middle - low) / (high - low) * 230) - 1}


def test_the_floor_is_80_db_below_the_loudest_cell():
    found = log_mel(golden_samples(8.0))
    assert found.max() - found.min() == pytest.approx(80.0, abs=1e-3)


@pytest.mark.parametrize("gain", [1e-4, 0.3, 40.0])
def test_the_level_of_a_recording_makes_no_difference(gain):
    sound = golden_samples()
    np.testing.assert_allclose(log_mel(sound * np.float32(gain)), log_mel(sound), rtol=0, atol=0.01)


@pytest.mark.parametrize("peak", [1e-7, 1e-12, 1e-30, 1e-44])
def test_next_to_nothing_gives_numbers(peak):
    sound = golden_samples() * np.float32(peak)
    found = log_mel(sound)
    assert np.isfinite(found).all()
    if peak == 1e-7:
        np.testing.assert_allclose(found, log_mel(golden_samples()), rtol=0, atol=0.02)
    else:
        assert found.max() < -99


def test_silence_is_100_db_below():
    np.testing.assert_allclose(log_mel(np.zeros(5_000, np.float32)), -100.0, atol=1e-3)


@pytest.mark.parametrize("samples", [1, 2, 511, 512, 1024, 1025, 1535])
def test_very_short_recordings_have_frames(samples):
    found = log_mel(np.full(samples, 0.5, np.float32))
    assert found.shape == (frame_count(samples), 229) == (max(1, samples // 512), 229)
    assert np.isfinite(found).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9_000), st.lists(st.integers(0, 3_000), max_size=6))
def test_pieces_give_what_the_whole_gives(samples, cuts):
    sound = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    stream = MelPower()
    rows = [row for piece in np.split(sound, sorted(cuts)) for row in stream.push(piece)]
    rows += list(stream.finish())
    np.testing.assert_allclose(np.concatenate(rows), mel_power(sound), rtol=1e-4, atol=1e-6)
    assert stream.peak == np.abs(sound).max()
    assert stream.samples == samples


def test_no_samples_are_an_error():
    with pytest.raises(ValueError, match="at least one sample"):
        list(mel.MelPower().finish())
