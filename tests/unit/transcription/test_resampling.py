"""Blocks of any recording as mono at the model's rate."""

import math

import numpy as np
import pytest
import soxr

from aeolian.transcription import resampling
from aeolian.transcription.resampling import mono_blocks
from aeolian.transcription.transcriber import ArrayRecording


def noise(frames, channels):
    return np.random.default_rng(0).uniform(-1, 1, (frames, channels)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000, 96_000, 11_111])
@pytest.mark.parametrize("frames", [1, 1000, 30_001])
def test_streaming_equals_resampling_at_once(rate, frames, monkeypatch):
    monkeypatch.setattr(resampling, "MAX_BLOCK_FRAMES", 777)
    samples = noise(frames, 2)
    got = np.concatenate(list(mono_blocks(ArrayRecording(samples, rate), 22_050)))
    length = math.ceil(frames * 22_050 / rate)
    expected = soxr.resample(samples.mean(axis=1), rate, 22_050, quality="HQ")[:length]
    assert len(got) == length
    np.testing.assert_allclose(got[: len(expected)], expected, atol=1e-5)


def test_the_same_rate_passes_through():
    samples = noise(1000, 3)
    got = np.concatenate(list(mono_blocks(ArrayRecording(samples, 22_050), 22_050)))
    np.testing.assert_array_equal(got, samples.mean(axis=1, dtype=np.float32))


def test_not_a_number_and_infinity_do_no_harm():
    samples = np.array([np.nan, np.inf, -np.inf, 0.5], np.float32)
    got = np.concatenate(list(mono_blocks(ArrayRecording(samples, 22_050), 22_050)))
    assert got.tolist() == [0.0, 1.0, -1.0, 0.5]


def test_no_samples():
    empty = ArrayRecording(np.zeros((0, 2), np.float32), 44_100)
    assert sum(len(block) for block in mono_blocks(empty, 22_050)) == 0
