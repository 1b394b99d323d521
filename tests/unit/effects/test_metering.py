"""Loudness and true peak, on the synthetic signals of EBU Tech 3341 (v3, table 1) and beyond."""

import numpy as np
import pytest
from sounds import noise, sine

from aeolian.effects import parse_chain
from aeolian.effects.metering import LoudnessMeter, PeakMeter, weighting
from aeolian.effects.samples import cut
from aeolian.errors import InputError

RATES = [48_000, 44_100, 32_000, 22_050, 96_000]


def loudness(sound: np.ndarray, rate_hz: int) -> float:
    meter = LoudnessMeter(rate_hz, sound.shape[1])
    for block in cut(np.ascontiguousarray(sound.T)):
        meter.measure(block)
    return meter.integrated_lufs


def true_peak_db(sound: np.ndarray, rate_hz: int) -> float:
    meter = PeakMeter(rate_hz, sound.shape[1], between=True)
    for block in cut(np.ascontiguousarray(sound.T)):
        meter.measure(block)
    return 20 * np.log10(meter.peak)


def tones(parts: list[tuple[float, float]], rate_hz: int, channels: int = 2) -> np.ndarray:
    """1 kHz at one peak level in dBFS after the other, each for so many seconds."""
    return np.concatenate(
        [
            sine(1000, duration_s, rate_hz, peak=10 ** (level_db / 20), channels=channels)
            for level_db, duration_s in parts
        ]
    )


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize(
    ("parts", "expected_lufs"),
    [
        ([(-23, 20)], -23),  # case 1
        ([(-33, 20)], -33),  # case 2
        ([(-36, 10), (-23, 60), (-36, 10)], -23),  # case 3
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),  # case 4
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),  # case 5
    ],
    ids=["1", "2", "3", "4", "5"],
)
def test_the_signals_of_tech_3341_have_the_loudness_it_gives(
    parts: list[tuple[float, float]], expected_lufs: float, rate_hz: int
) -> None:
    assert loudness(tones(parts, rate_hz), rate_hz) == pytest.approx(expected_lufs, abs=0.1)


def test_surround_counts_more_from_behind_and_not_at_all_from_the_lfe() -> None:
    """Case 6 of Tech 3341: 5.0 with -28 dBFS in L and R, -24 in C, -30 behind, is -23 LUFS."""
    levels = [10 ** (level_db / 20) for level_db in (-28, -28, -24, -30, -30)]
    five = sine(1000, 20, 48_000, channels=5) * np.float32(levels)
    assert loudness(five, 48_000) == pytest.approx(-23, abs=0.1)
    six = np.insert(five, 3, sine(60, 20, 48_000)[:, 0], axis=1)
    assert loudness(six, 48_000) == loudness(five, 48_000)


def test_the_weighting_at_48_khz_is_that_of_the_standard() -> None:
    shelf, high_pass = weighting(48_000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585], abs=1e-10
    )
    assert high_pass == pytest.approx([1, -2, 1, 1, -1.99004745483398, 0.99007225036621], abs=1e-10)


def test_blocks_of_any_size_measure_alike() -> None:
    sound = np.ascontiguousarray(noise(30_000, level=0.1).T)
    meters = []
    for size in (1, 777, 8_192, 30_000):
        meter = LoudnessMeter(11_025, 2)
        for start in range(0, 30_000 if size > 1 else 3_000, size):
            meter.measure(sound[:, start : start + size])
        meters.append(meter.integrated_lufs)
    assert meters[1] == pytest.approx(meters[3], abs=1e-9)
    assert meters[2] == pytest.approx(meters[3], abs=1e-9)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_a_peak_between_samples_is_found(rate_hz: int) -> None:
    """Cases 15 to 18 of Tech 3341: a sine at a quarter of the rate, at 0 and 45 degrees, has a true peak of -6 dBTP."""
    for phase in (0.0, np.pi / 4, np.pi / 3):
        times = np.arange(rate_hz)
        wave = 0.5 * np.sin(np.pi / 2 * times + phase)
        rise = np.minimum(1, np.minimum(times, times[::-1]) / 1000)
        measured_db = true_peak_db((wave * rise).astype(np.float32)[:, np.newaxis], rate_hz)
        assert -6.02 - 0.4 <= measured_db <= -6.02 + 0.2


@pytest.mark.parametrize("rate_hz", [44_100, 96_000, 192_000])
def test_a_true_peak_is_never_below_the_sample_peak(rate_hz: int) -> None:
    sound = noise(20_000)
    assert true_peak_db(sound, rate_hz) >= 20 * np.log10(float(np.abs(sound).max()))


@pytest.mark.parametrize("target_lufs", [-30, -23, -16])
def test_a_sound_gets_the_loudness_that_was_asked_for(target_lufs: float) -> None:
    sound = noise(5 * 44_100, level=0.01)
    made = parse_chain(f"loudness {target_lufs} 20").process(sound, 44_100)
    assert loudness(made, 44_100) == pytest.approx(target_lufs, abs=0.01)


def test_loudness_gives_way_to_the_highest_peak() -> None:
    sound = noise(44_100, level=0.01)
    sound[20_000] = 0.9
    made = parse_chain("loudness -10 -2").process(sound, 44_100)
    assert true_peak_db(made, 44_100) == pytest.approx(-2, abs=0.01)


@pytest.mark.parametrize("chain", ["peak -3 no", "peak -3 yes"])
def test_a_sound_gets_the_peak_that_was_asked_for(chain: str) -> None:
    sound = noise(44_100, level=0.01)
    made = parse_chain(chain).process(sound, 44_100)
    sample_peak_db = 20 * np.log10(np.abs(made).max())
    assert (sample_peak_db if chain.endswith("no") else true_peak_db(made, 44_100)) == pytest.approx(-3, abs=0.001)


def test_a_sound_shorter_than_a_window_of_the_standard_is_refused() -> None:
    with pytest.raises(InputError, match=r"lasts 0\.2 s; loudness is measured over 0\.4 s or more"):
        parse_chain("loudness").process(noise(8_820), 44_100)


def test_a_sound_below_the_gate_is_left_as_it_is() -> None:
    sound = noise(44_100, level=1e-5)
    assert np.array_equal(parse_chain("loudness").process(sound, 44_100), sound)
