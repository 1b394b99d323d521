"""On the accelerator: the spectrogram is ours, recordings sound as drawn, losses count what they should."""

import numpy as np
import pytest

from aeolian.music.notes import Notes
from aeolian.transcription import mel
from aeolian.transcription.onsets_and_frames.config import ModelConfig
from aeolian.transcription.training.labels import rolls

pytestmark = pytest.mark.heavy
SAMPLES = 40 * 512
QUIET = {"room_share": 0.0, "colour_share": 0.0, "noise_share": 0.0, "dull_share": 0.0, "clip_share": 0.0}


@pytest.fixture(scope="module")
def pcm() -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(SAMPLES) / 16_000
    tone = np.sin(2 * np.pi * 440 * t) * (t > 0.4) * np.exp(-t)
    return np.rint(20_000 * np.stack([tone, 0.3 * rng.normal(0, 0.3, SAMPLES)])).astype(np.int16)


def recorded(pcm: np.ndarray, seed: int = 1, **shares: object) -> np.ndarray:
    from aeolian.transcription.training.recording import Studio, sounds

    made = sounds(pcm, np.array([seed, 5], np.uint32), Studio(**{**QUIET, "quietest_db": -1e-6, **shares}))
    return np.asarray(made)


def test_the_spectrogram_is_that_of_inference(pcm: np.ndarray) -> None:
    from aeolian.transcription.training.features import log_mels

    sound = pcm.astype(np.float32) / 32768
    ours = np.asarray(log_mels(sound))
    for row in range(2):
        assert np.abs(ours[row] - mel.log_mel(sound[row], normalise=False)).max() < 0.01  # dB
    raised = np.asarray(log_mels(sound, 12.0))
    assert raised.max() == pytest.approx(ours.max(), abs=1e-3)
    assert raised[0].min() >= ours[0].max() - 80 + 12 - 0.01


def test_a_studio_that_does_nothing_gives_the_sound_back(pcm: np.ndarray) -> None:
    assert np.abs(recorded(pcm) - pcm / 32768).max() < 1e-4


def test_equal_seeds_sound_alike_and_others_do_not(pcm: np.ndarray) -> None:
    shares = dict.fromkeys(QUIET, 1.0)
    first, again, other = recorded(pcm, 1, **shares), recorded(pcm, 1, **shares), recorded(pcm, 2, **shares)
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    assert np.isfinite(first).all()


def test_a_room_rings_on_but_moves_no_onset(pcm: np.ndarray) -> None:
    wet = recorded(pcm, room_share=1.0, decay_s=(1.0, 1.0), wet_db=(0.0, 0.0))
    begins = round(0.4 * 16_000)
    assert np.abs(wet[0, : begins - 8]).max() < 1e-4
    assert np.abs(wet[0, begins : begins + 400]).max() > 0.1
    gap = pcm.copy()
    gap[0, 12_000:] = 0
    ringing = recorded(gap, room_share=1.0, decay_s=(1.0, 1.0), wet_db=(0.0, 0.0))
    assert np.abs(ringing[0, 12_500:14_000]).max() > 0.005


def test_noise_dullness_and_clipping_are_as_asked(pcm: np.ndarray) -> None:
    noisy = recorded(pcm, noise_share=1.0, noise_db=(-20.0, -20.0))
    level = np.sqrt(np.mean((pcm[0] / 32768) ** 2))
    added = noisy[0] - pcm[0] / 32768
    assert np.sqrt(np.mean(added**2)) / level == pytest.approx(0.1, rel=0.25)
    dull = np.abs(np.fft.rfft(recorded(pcm, dull_share=1.0, dull_hz=(3000.0, 3000.0))[1]))
    assert dull[round(SAMPLES * 5 / 16) :].max() < 0.01 * dull[: round(SAMPLES * 2 / 16)].max()
    clipped = recorded(pcm, clip_share=1.0, clip_gain=(2.0, 2.0))[0]
    assert np.abs(clipped).max() == pytest.approx(np.abs(pcm[0] / 32768).max() / 2, rel=0.01)


def test_losses_are_near_zero_for_the_truth_and_large_for_its_opposite() -> None:
    from aeolian.transcription.training.losses import losses

    labels = rolls(Notes.of([(0.1, 0.5, 60, 90), (0.3, 0.9, 64, 30)]), 32)[np.newaxis]
    flags = labels[..., 0]
    config = ModelConfig(velocity_scale=127.0, velocity_bias=0.0)
    truth = {name: 40.0 * (flags // bit % 2) - 20.0 for name, bit in (("onset", 1), ("offset", 2), ("frame", 4))}
    truth = {name: value.astype(np.float32) for name, value in truth.items()}
    velocity = (labels[..., 1] / 127).astype(np.float32)
    good = losses({**truth, "velocity": velocity}, labels, config)
    assert {name: float(value) for name, value in good.items()} == pytest.approx(dict.fromkeys(good, 0.0), abs=1e-5)
    bad = losses({name: -value for name, value in truth.items()} | {"velocity": velocity + 0.5}, labels, config)
    assert float(bad["onset"]) == pytest.approx(20 * 88, rel=1e-3)
    struck = int((labels[..., 1] > 0).sum())
    assert float(bad["velocity"]) == pytest.approx(0.25 * struck / (struck + 1))
    weight = float((flags // 8).mean())
    assert float(bad["frame"]) == pytest.approx(20 * 88 * weight, rel=1e-3)
