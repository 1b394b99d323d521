import numpy as np
import pytest

from aeolian.rendering.level import CEILING, LINEAR_UP_TO, MAX_GAIN, TARGET_RMS, Meter, limited

RATE_HZ = 8_000


def sine(seconds: float, peak: float) -> np.ndarray:
    wave = peak * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def measured(*pieces: np.ndarray) -> Meter:
    meter = Meter(RATE_HZ)
    for piece in pieces:
        meter.measure(piece)
    return meter


def test_a_sine_has_the_loudness_and_gain_that_arithmetic_gives() -> None:
    meter = measured(sine(2.0, 0.5))
    assert meter.peak == pytest.approx(0.5, rel=1e-4)
    assert meter.rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)
    assert meter.gain == pytest.approx(TARGET_RMS / (0.5 / np.sqrt(2)), rel=1e-4)


def test_silence_between_and_after_does_not_count() -> None:
    gap = np.zeros((10 * RATE_HZ, 2), np.float32)
    assert measured(sine(2.0, 0.5), gap, sine(2.0, 0.5), gap).rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)


def test_how_a_recording_is_cut_into_blocks_does_not_matter() -> None:
    whole = np.concatenate([sine(1.3, 0.5), sine(1.0, 0.1), sine(0.7, 0.8)])
    assert measured(*np.array_split(whole, 7)).rms == pytest.approx(measured(whole).rms, rel=1e-9)


def test_silence_and_whispers_are_not_blown_up() -> None:
    assert measured(np.zeros((RATE_HZ, 2), np.float32)).gain == 1.0
    assert measured(np.zeros((0, 2), np.float32)).gain == 1.0
    assert measured(sine(1.0, 0.0009)).gain == MAX_GAIN


def test_the_limiter_leaves_what_is_low_and_bends_the_rest_below_its_ceiling() -> None:
    ramp = np.linspace(-4, 4, 2001, dtype=np.float32)[:, np.newaxis]
    bent = limited(ramp)
    low = np.abs(ramp) <= LINEAR_UP_TO
    assert np.array_equal(bent[low], ramp[low])
    assert np.abs(bent).max() <= CEILING + 1e-6
    assert (np.diff(bent[:, 0]) >= 0).all()
    assert bent.dtype == np.float32
