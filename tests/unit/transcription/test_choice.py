"""Which model suits a recording: the excerpts that are heard, and the verdict on what was heard."""

import numpy as np
import pytest

from aeolian.transcription import choice
from aeolian.transcription.choice import excerpts, judge
from aeolian.transcription.onsets_and_frames.heard import Heard
from aeolian.transcription.transcriber import ArrayRecording


def numbered(frames, channels=1):
    return np.repeat(np.arange(frames, dtype=np.float32)[:, np.newaxis], channels, axis=1)


@pytest.mark.parametrize("seconds", [61, 100, 3_600])
def test_excerpts_are_spread_evenly_over_the_recording(seconds):
    recording = ArrayRecording(numbered(seconds * 100, 2), 100)
    found = [excerpt.samples for excerpt in excerpts(recording)]
    assert [part.shape for part in found] == [(1000, 2)] * 6
    for part in found:
        assert np.array_equal(part[:, 0], part[0, 0] + np.arange(1000))
    starts_s = [part[0, 0] / 100 for part in found]
    gaps = np.diff([-10, *starts_s, seconds]) - 10
    np.testing.assert_allclose(gaps[1:-1], gaps[1:-1].mean(), atol=0.02)
    np.testing.assert_allclose([gaps[0], gaps[-1]], gaps[1:-1].mean() / 2, atol=0.02)


@pytest.mark.parametrize("frames", [1, 999, 6_000])
def test_of_a_short_recording_everything_is_heard(frames):
    (only,) = excerpts(ArrayRecording(numbered(frames), 100))
    assert np.array_equal(only.samples[:, 0], np.arange(frames))


def test_a_recording_shorter_than_its_header_says_gives_what_there_is():
    class Optimist(ArrayRecording):
        frames = 100_000

    found = list(excerpts(Optimist(numbered(40_000), 100)))
    assert 1 <= len(found) < 6
    assert all(len(part.samples) for part in found)


def heard(*peaks):
    onset = np.zeros((100, 88), np.float32)
    for n, peak in enumerate(peaks):
        onset[3 + 4 * n, 40] = peak
    nothing = np.zeros_like(onset)
    return Heard(onset, nothing, nothing, nothing)


def test_a_model_that_is_sure_suits():
    sure = 0.9
    assert judge([heard(sure, sure, 0.21), heard(sure, sure, sure)]) == (True, 6, pytest.approx(5 / 6))
    assert judge([heard(sure, 0.5, 0.5, 0.5)] * 2) == (True, 8, pytest.approx(1 / 4))


def test_a_model_that_is_unsure_does_not():
    assert judge([heard(0.9, 0.3, 0.7, 0.4, 0.21, 0.19)]) == (False, 5, pytest.approx(1 / 5))


def test_silence_suits_nobody():
    assert judge([heard()]) == (False, 0, 0.0)
    assert judge([]) == (False, 0, 0.0)


def test_too_few_moments_are_no_reason():
    assert choice.FEWEST_MOMENTS == 5
    assert not judge([heard(0.9, 0.9)]).suits


def test_frames_next_to_each_other_are_one_moment():
    onset = np.zeros((20, 88), np.float32)
    onset[5:8, 10] = (0.4, 0.9, 0.6)
    onset[0, 3] = onset[-1, 4] = 0.7
    nothing = np.zeros_like(onset)
    assert judge([Heard(onset, nothing, nothing, nothing)])[1:] == (3, pytest.approx(1 / 3))
