"""Many channels as one: the mean, but where the channels cancel each other."""

import numpy as np
import pytest

from aeolian.transcription.downmix import Downmix, Mono
from aeolian.transcription.transcriber import ArrayRecording

RATE = 16_000


def noise(seconds=4.0, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)


def tones(*pitches_hz, seconds=4.0):
    t = np.arange(round(seconds * RATE)) / RATE
    return sum(0.2 * np.sin(2 * np.pi * hz * t + hz) for hz in pitches_hz).astype(np.float32)


def mixed(*channels, block_s=10):
    downmix = Downmix(RATE)
    table = np.stack(channels, axis=1)
    size = block_s * RATE
    return np.concatenate([downmix.mix(table[i : i + size]) for i in range(0, len(table), size)]), downmix.alone_s


BASS, MELODY = tones(110, 165), tones(880, 1320, 660)


@pytest.mark.parametrize(
    "channels",
    [
        (noise(), noise()),
        (noise(), noise(seed=1)),
        (noise(), 0 * noise()),
        (BASS + 0.3 * MELODY, 0.3 * BASS + MELODY),
        (BASS, MELODY),
        (MELODY, np.roll(MELODY, 7)),
        (noise(), -0.3 * noise()),
        (noise(), noise(seed=1), noise(seed=2), noise(seed=3), noise(seed=4), noise(seed=5)),
        (0 * noise(), 0 * noise(), 0 * noise(), 0 * noise(), 0 * noise(), noise()),
        (np.zeros(RATE, np.float32),) * 2,
        (np.float32([0.5]), np.float32([-0.5])),
    ],
    ids=[
        "equal",
        "apart",
        "left only",
        "panned",
        "hard panned",
        "late",
        "a little",
        "six",
        "one of six",
        "none",
        "short",
    ],
)
def test_the_mean_is_heard_where_it_has_lost_nothing(channels):
    mono, alone_s = mixed(*channels)
    np.testing.assert_array_equal(mono, np.stack(channels, axis=1).mean(axis=1, dtype=np.float32))
    assert alone_s == 0


@pytest.mark.parametrize("gain", [-1.0, -0.95, -0.7, -1.3])
def test_of_a_channel_and_its_opposite_the_louder_is_heard(gain):
    mono, alone_s = mixed(noise(), (gain * noise()).astype(np.float32))
    np.testing.assert_array_equal(mono, noise() if abs(gain) <= 1 else (gain * noise()).astype(np.float32))
    assert alone_s == 4.0


def test_what_rounding_or_a_lossy_codec_leaves_of_the_mean_is_not_taken_for_it():
    left = noise()
    mono, alone_s = mixed(left, -left + 0.02 * noise(seed=1))
    assert alone_s == 4.0
    assert min(np.abs(mono - left).max(), np.abs(mono + left - 0.02 * noise(seed=1)).max()) < 1e-6


@pytest.mark.parametrize("loudness", [1.0, 0.5, 0.3])
def test_a_part_of_the_music_that_is_inverted_in_one_channel_is_heard(loudness):
    left, right = BASS + loudness * MELODY, BASS - loudness * MELODY
    mono, alone_s = mixed(left, right)
    assert alone_s == 4.0
    assert any(np.array_equal(mono, channel) for channel in (left, right))


def test_a_channel_that_is_inverted_for_a_while_is_heard_alone_for_that_while():
    left = noise(12.0)
    right = left.copy()
    right[5 * RATE : 8 * RATE] *= -1
    mono, alone_s = mixed(left, right, block_s=4)
    assert alone_s == 3.0
    fade = slice(5 * RATE, 5 * RATE + RATE // 200)  # from one to the other in 5 ms, so that there is no click
    np.testing.assert_array_equal(np.delete(mono, fade), np.delete(left, fade))
    assert (np.abs(mono[fade]) <= np.abs(left[fade])).all()


@pytest.mark.parametrize(("inverted", "others"), [((0, 1), 0.0), ((4, 5), 0.0), ((0, 1), 0.02)])
def test_two_of_six_channels_that_cancel_are_heard(inverted, others):
    channels = [(others * noise(seed=n)).astype(np.float32) for n in range(6)]
    channels[inverted[0]] = channels[inverted[0]] + noise(seed=9)
    channels[inverted[1]] = channels[inverted[1]] - noise(seed=9)
    mono, alone_s = mixed(*channels)
    assert alone_s == 4.0
    assert any(np.array_equal(mono, channels[n]) for n in inverted)


def test_a_channel_is_left_for_one_that_is_much_louder():
    left = noise(4.0)
    left[2 * RATE :] *= 0.01
    right = -left
    right[2 * RATE :] *= 50
    centre = (-left - right).astype(np.float32)
    mono, alone_s = mixed(left, right, centre)
    assert alone_s == 4.0
    np.testing.assert_array_equal(mono[2 * RATE + 100 :], right[2 * RATE + 100 :])


def test_mono_says_for_how_long_it_took_one_channel():
    recording = Mono(ArrayRecording(np.stack([noise(2.5), -noise(2.5)], axis=1), RATE))
    assert (recording.sample_rate_hz, recording.channels, recording.frames) == (RATE, 1, 40_000)
    np.testing.assert_array_equal(np.concatenate(list(recording.blocks(RATE)))[:, 0], noise(2.5))
    assert recording.remarks() == ["the channels cancel each other: for 2.5 s the louder one was heard alone"]
    quiet = Mono(ArrayRecording(noise(2.5), RATE))
    assert len(list(quiet.blocks(RATE))) == 3
    assert quiet.remarks() == []
