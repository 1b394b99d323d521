"""What each effect does to a sound, against values worked out by hand, by theory, or by a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import RATE_HZ, level_at, noise, power, sine

from aeolian.effects import parse_chain

RATE = 44_100


def through(chain: str, sound: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    return parse_chain(chain).process(sound, rate_hz)


def impulse(frames: int, channels: int = 1, at: int = 0) -> np.ndarray:
    sound = np.zeros((frames, channels), np.float32)
    sound[at] = 1
    return sound


def test_gain_is_a_factor_of_decibels() -> None:
    assert np.allclose(through("gain -20", np.float32([0.5, -1.0])), [0.05, -0.1], atol=1e-8)


def test_distortion_is_a_hyperbolic_tangent_and_stays_within_full_scale() -> None:
    made = through("distort 20", np.float32([0.05, -0.05, 100.0]))
    assert made == pytest.approx([0.46211716, -0.46211716, 1.0], abs=1e-7)


def test_a_delay_gives_echoes_that_were_worked_out_by_hand() -> None:
    made = through("delay 0.002 0.25 0.5", impulse(50, at=1), 1_000)[:, 0]
    expected = np.zeros(50, np.float32)
    expected[1], expected[3::2] = 0.75, [0.25 * 0.5**i for i in range(24)]
    assert np.array_equal(made, expected.astype(np.float32))


@pytest.mark.parametrize("word", ["highpass", "lowpass"])
@pytest.mark.parametrize("order", [1, 2, 3, 8])
def test_a_pass_is_butterworths(word: str, order: int) -> None:
    response = np.abs(np.fft.rfft(through(f"{word} 1000 {order}", impulse(RATE), RATE)[:, 0]))
    assert 20 * np.log10(response[1000]) == pytest.approx(-3.01, abs=0.01)
    bins_hz = np.array([100, 250, 500, 900, 2000, 4000, 15_000])
    ratio = np.tan(np.pi * bins_hz / RATE) / np.tan(np.pi * 1000 / RATE)
    expected = 1 / np.sqrt(1 + ratio ** (2 * order * (1 if word == "lowpass" else -1)))
    assert np.abs(response[bins_hz] - expected).max() < 1e-5
    audible = expected > 1e-3
    assert np.allclose(response[bins_hz][audible], expected[audible], rtol=0.005)


@pytest.mark.parametrize(
    ("chain", "levels_db"),
    [
        ("lowshelf 1000 6", {20: 6, 1000: 3, 20_000: 0}),
        ("highshelf 1000 -12", {20: 0, 1000: -6, 20_000: -12}),
        ("bell 1000 9 2", {20: 0, 1000: 9, 20_000: 0}),
    ],
)
def test_shelves_and_bells_raise_what_they_should(chain: str, levels_db: dict[int, float]) -> None:
    response = np.fft.rfft(through(chain, impulse(RATE), RATE)[:, 0])
    for frequency_hz, level_db in levels_db.items():
        assert 20 * np.log10(abs(response[frequency_hz])) == pytest.approx(level_db, abs=0.05)


def test_a_shelf_and_its_opposite_undo_each_other() -> None:
    sound = noise(5_000)
    assert (
        np.abs(through("bell 800 9 2 | bell 800 -9 2 | lowshelf 300 6 | lowshelf 300 -6", sound) - sound).max() < 1e-5
    )


def test_compression_of_a_steady_tone_leaves_one_decibel_of_four() -> None:
    tone = sine(1000, 2, RATE, peak=1.0)
    made = through("compress -20 4 1 500", tone, RATE)
    assert 20 * np.log10(level_at(made[RATE:], 1000, RATE)) == pytest.approx(-20 + 20 / 4, abs=0.15)


def test_compression_below_the_threshold_changes_nothing() -> None:
    tone = sine(1000, 0.5, RATE, peak=0.09)
    assert np.array_equal(through("compress -20 4", tone, RATE), tone)


def test_compression_comes_and_goes_with_its_time_constants() -> None:
    loud = np.concatenate([np.full(RATE, 0.01), np.full(RATE, 1.0), np.full(RATE, 0.01)]).astype(np.float32)
    gain_db = 20 * np.log10(through("compress -40 2 10 100", loud, RATE) / loud)
    assert gain_db[RATE - 1] == pytest.approx(0, abs=1e-4)
    assert gain_db[RATE + round(0.010 * RATE)] == pytest.approx(-20 * (1 - np.exp(-1)), abs=0.1)
    assert gain_db[2 * RATE - 1] == pytest.approx(-20, abs=1e-3)
    # 40 dB above the threshold, released by 8.69 dB each 100 ms: after 230 ms 20 dB are left, of which half is taken.
    assert gain_db[2 * RATE + round(0.2303 * RATE)] == pytest.approx(-10, abs=0.5)


def test_channels_are_compressed_together() -> None:
    sound = noise(RATE_HZ, 2, level=0.5)
    sound[:, 1] *= 0.1
    made = through("compress -30 8", sound)
    assert np.allclose(made[:, 1], made[:, 0] * (sound[:, 1] / sound[:, 0]), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    level=st.floats(0.01, 100),
    ceiling_db=st.floats(-60, 0),
    release_ms=st.floats(1, 500),
    ahead_ms=st.floats(0.1, 50),
)
def test_nothing_passes_the_limiter_and_nothing_below_its_ceiling_is_touched(
    seed: int, level: float, ceiling_db: float, release_ms: float, ahead_ms: float
) -> None:
    sound = noise(9_000, seed=seed, level=level)
    limited = through(f"limit {ceiling_db} {release_ms} {ahead_ms}", sound)
    assert np.abs(limited).max() <= np.float32(10 ** (ceiling_db / 20))
    assert (np.abs(limited) <= np.abs(sound) * np.float32(1 + 1e-6)).all()
    assert (limited * sound >= 0).all()
    soft = sound * np.float32(0.999 * 10 ** (ceiling_db / 20) / np.abs(sound).max())
    assert np.allclose(through(f"limit {ceiling_db} {release_ms} {ahead_ms}", soft), soft, rtol=1e-6)


def test_the_limiter_turns_down_rather_than_clips() -> None:
    tone = sine(100, 1, RATE, peak=2.0)
    limited = through("limit -6 1000 5", tone, RATE)
    level, ceiling = level_at(limited[RATE // 2 :], 100, RATE), 10 ** (-6 / 20)
    assert level == pytest.approx(ceiling, rel=0.02)
    harmonics = [level_at(limited[RATE // 2 :], 100 * n, RATE) for n in (3, 5, 7)]
    assert max(harmonics) < 0.02 * level  # a clipped sine of that size has a third harmonic of a quarter


def test_a_limiter_begins_before_a_peak_and_moves_nothing() -> None:
    sound = np.full(RATE, 0.1, np.float32)
    sound[20_000] = 1.0
    limited = through("limit -6 50 5", sound, RATE)
    assert limited[20_000] == pytest.approx(10 ** (-6 / 20), abs=1e-6)
    ahead = round(0.005 * RATE)
    assert np.array_equal(limited[: 20_000 - 2 * ahead], sound[: 20_000 - 2 * ahead])
    assert limited[20_000 - 1] < 0.06


def test_the_chorus_is_the_delay_line_that_a_plain_loop_makes() -> None:
    sound = noise(3_000, 2)
    made = through("chorus 2 3 5 0.4", sound)
    for channel in range(2):
        for n in (0, 1, 100, 1_234, 2_999):
            delay = RATE_HZ / 1000 * (5 + 3 * np.sin(2 * np.pi * 2 * n / RATE_HZ + channel * np.pi / 2))
            place = n - delay
            before = int(np.floor(place))
            line = [float(sound[i, channel]) if i >= 0 else 0.0 for i in (before, before + 1)]
            copy = line[0] + (place - before) * (line[1] - line[0])
            assert made[n, channel] == pytest.approx(0.6 * sound[n, channel] + 0.4 * copy, abs=1e-5)


def freeverb(sound: np.ndarray, room: float, damping: float, wet: float, dry: float) -> np.ndarray:
    """Jezar's loop, sample by sample, for one channel at 44.1 kHz."""
    combs = [np.zeros(length) for length in (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)]
    last, passes = np.zeros(8), [np.zeros(length) for length in (556, 441, 341, 225)]
    output = np.zeros(len(sound))
    for n, value in enumerate(sound):
        total = 0.0
        for i, line in enumerate(combs):
            out = line[n % len(line)]
            last[i] = out * (1 - 0.4 * damping) + last[i] * 0.4 * damping
            line[n % len(line)] = value * 0.015 + last[i] * (0.28 * room + 0.7)
            total += out
        for line in passes:
            held = line[n % len(line)]
            line[n % len(line)] = total + held * 0.5
            total = held - total
        output[n] = 3 * wet * total + 2 * dry * value
    return output


def test_the_reverb_is_freeverb_sample_by_sample() -> None:
    sound = noise(12_000, 1)[:, 0]
    made = through("reverb 0.7 0.3 0.5 0.2", sound, RATE)
    assert np.abs(made - freeverb(sound, 0.7, 0.3, 0.5, 0.2)).max() < 2e-6


def test_a_larger_room_rings_for_longer_and_a_narrow_one_sounds_alike_in_all_channels() -> None:
    def end(room: float) -> float:
        return power(through(f"reverb {room} 0.5 1 0", impulse(2 * RATE, 2), RATE)[RATE:])

    assert end(0.9) > 10 * end(0.5) > 0
    stereo = through("reverb 0.5 0.5 1 0 0", noise(RATE, 2), RATE)
    assert np.abs(stereo[:, 0] - stereo[:, 1]).max() < 1e-6


@pytest.mark.parametrize("semitones", [-12, -5, 7, 12])
def test_pitch_moves_a_tone_and_keeps_its_time(semitones: int) -> None:
    tone = sine(440, 2, RATE, peak=0.5)
    made = through(f"pitch {semitones}", tone, RATE)[:, 0]
    middle = made[RATE // 2 : -RATE // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * len(middle)))
    found_hz = np.argmax(spectrum) * RATE / (8 * len(middle))
    assert found_hz == pytest.approx(440 * 2 ** (semitones / 12), rel=0.004)
    assert len(made) == len(tone)


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.25, 2])
def test_stretch_moves_a_click_and_keeps_a_tone(ratio: float) -> None:
    tone = through(f"stretch {ratio}", sine(440, 2, RATE, peak=0.5), RATE)
    assert len(tone) == round(2 * RATE * ratio)
    middle = tone[len(tone) // 4 : -len(tone) // 4, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * len(middle)))
    assert np.argmax(spectrum) * RATE / (8 * len(middle)) == pytest.approx(440, rel=0.005)
    click = through(f"stretch {ratio}", impulse(2 * RATE, at=RATE), RATE)
    assert np.argmax(np.abs(click)) == pytest.approx(RATE * ratio, abs=0.02 * RATE)


def test_tones_and_strokes_are_told_apart_and_add_up_to_the_sound() -> None:
    tone, strokes = sine(440, 2, RATE, peak=0.2), np.zeros((2 * RATE, 1), np.float32)
    strokes[RATE // 4 :: RATE // 4] = 0.9
    both = tone + strokes
    tones, rest = through("harmonic", both, RATE), through("percussive", both, RATE)
    assert np.abs(tones + rest - both).max() < 1e-5
    middle = slice(RATE // 2, 3 * RATE // 2)
    assert power(tones[middle] - tone[middle]) < 0.02 * power(tone)
    assert power(rest[middle] - strokes[middle]) < 0.1 * power(strokes[middle])


def test_fades_rise_from_silence_and_fall_back() -> None:
    made = through("fade 0.5 0.25", np.ones(RATE_HZ, np.float32))
    assert made[0] == 0 == made[-1]
    assert made[RATE_HZ // 4] == pytest.approx(np.sin(np.pi / 4), abs=1e-3)
    assert (made[RATE_HZ // 2 : RATE_HZ * 3 // 4 - 1] == 1).all()
    assert made[-RATE_HZ // 8] == pytest.approx(np.sin(np.pi / 4), abs=1e-3)


def test_a_tail_makes_room_for_an_echo() -> None:
    made = through("tail 0.5 | delay 0.25 1", impulse(100), 1_000)
    assert len(made) == 600
    assert list(np.flatnonzero(made)) == [250]


def test_a_mix_adds_up_its_chains_and_the_longest_decides() -> None:
    sound = noise(10_000)
    made = through("mix(dry, -0.5: gain 0, 2: tail 0.5)", sound)
    assert len(made) == 14_000
    assert np.allclose(made[:10_000], 2.5 * sound, atol=1e-6)
    assert not made[10_000:].any()


def test_a_branch_that_comes_late_is_in_time() -> None:
    sound = noise(20_000)
    made = through("mix(dry, -1: limit 0 | peak -0.1 no)", np.clip(sound, -0.5, 0.5))
    peak = np.float32(10 ** (-0.1 / 20) / 0.5)
    assert np.allclose(made, np.clip(sound, -0.5, 0.5) * (1 - peak), atol=1e-6)


LINEAR = [
    "gain -6",
    "highpass 300 2",
    "bell 900 6",
    "delay 0.01 0.5 0.5",
    "chorus 2",
    "reverb 0.6",
    "fade 0.2 0.2",
    "tail",
]


@pytest.mark.parametrize("chain", [*LINEAR, f"mix({', 0.5: '.join(LINEAR)})"])
@settings(max_examples=10, deadline=None)
@given(a=st.floats(-2, 2), b=st.floats(-2, 2), seed=st.integers(0, 1000))
def test_linear_effects_are_linear(chain: str, a: float, b: float, seed: int) -> None:
    one, two = noise(3_000, seed=seed), noise(3_000, seed=seed + 1)
    a32, b32 = np.float32(a), np.float32(b)
    together = through(chain, a32 * one + b32 * two)
    assert np.allclose(together, a32 * through(chain, one) + b32 * through(chain, two), atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), order=st.integers(1, 8), cutoff_hz=st.floats(20, 3_900))
def test_a_pass_adds_no_energy(seed: int, order: int, cutoff_hz: float) -> None:
    sound = noise(4_000, seed=seed)
    for word in ("highpass", "lowpass"):
        assert power(through(f"{word} {cutoff_hz} {order}", sound)) <= power(sound) * 1.0001
