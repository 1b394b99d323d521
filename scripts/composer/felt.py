"""A felt piano: strings as sums of damped partials, a hammer, a soundboard's knock, dampers. No samples, no soundfont.

A stiff string's nth partial lies at n f0 sqrt(1 + B n²) (Fletcher 1964); B over the keyboard follows the two straight
lines of a grand piano's measured log B. High partials die sooner, and each partial dies twice: fast while the string
moves up and down and drives the bridge, slowly when it has turned sideways (Weinreich 1977); the two beat gently.
Felt makes soft notes dull: the hammer passes partials up to a frequency that grows with velocity.

A sum of P damped exponentials over N = K M samples is one matrix product, [K, P] by [P, M]: exp(s (k M + m)) =
exp(s k M) exp(s m). That makes a ten-second note a few milliseconds' work.
"""

import math

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Notes

Samples = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex128]

MAX_RING_S = 9.0
HIGHEST_PARTIAL_HZ = 9_000.0
MOST_PARTIALS = 36
INAUDIBLE = 10 ** (-72 / 20)
STRIKE_POINT = 1 / 8.2  # where the hammer meets the string
LAST_DAMPER = 88  # above E6 pianos have none
SOUNDBOARD_HZ = (92.0, 148.0, 217.0, 331.0, 480.0)
WIDTH = 0.32


def play(notes: Notes, sample_rate_hz: int, seed: int, *, tail_s: float = 2.5) -> Samples:
    """The notes on the dry instrument, float32[frames, 2], not levelled; its length is theirs and `tail_s`."""
    source = np.random.default_rng(seed)
    mix = np.zeros((math.ceil((notes.end_s + tail_s) * sample_rate_hz), 2))
    for onset_s, offset_s, pitch, velocity in notes.sorted().rows():
        start = round(onset_s * sample_rate_hz)
        sound = strike(pitch, velocity, offset_s - onset_s, sample_rate_hz, source)
        room = len(mix) - start
        mix[start : start + len(sound)] += sound[:room]
    return mix.astype(np.float32)


def strike(
    pitch: int, velocity: int, held_s: float, sample_rate_hz: int, source: np.random.Generator
) -> npt.NDArray[np.float64]:
    """One note, [frames, 2]: it rings while held, then the damper falls."""
    damper_s = 0.07 + 0.16 * max(0.0, (72 - pitch) / 48)
    ring_s = min(MAX_RING_S, held_s + 6 * damper_s if pitch <= LAST_DAMPER else MAX_RING_S / 2)
    poles, left, right = _string(pitch, velocity, sample_rate_hz, source)
    frames = math.ceil(ring_s * sample_rate_hz)
    sound = np.stack([_ring(poles, left, frames), _ring(poles, right, frames)], axis=1)
    sound += _hammer(pitch, velocity, frames, sample_rate_hz, source)[:, np.newaxis]
    _soften_attack(sound, velocity, sample_rate_hz)
    if pitch <= LAST_DAMPER:
        held = round(held_s * sample_rate_hz)
        rest = np.arange(max(0, frames - held))
        sound[held:] *= np.exp(-rest / (damper_s * sample_rate_hz))[:, np.newaxis]
    fade = min(len(sound), round(0.05 * sample_rate_hz))
    sound[-fade:] *= np.linspace(1, 0, fade)[:, np.newaxis]
    return sound


def _string(
    pitch: int, velocity: int, sample_rate_hz: int, source: np.random.Generator
) -> tuple[Complex, Complex, Complex]:
    """Poles a sample and complex amplitudes left and right, each [2 P]: P partials, each up-down and sideways."""
    f0 = 440.0 * 2 ** ((pitch - 69) / 12)
    stiffness = math.exp(0.0926 * pitch - 13.64) + math.exp(-0.0847 * pitch - 5.82)
    n = np.arange(1, MOST_PARTIALS + 1)
    hz = n * f0 * np.sqrt((1 + stiffness * n**2) / (1 + stiffness))
    n, hz = (
        n[hz < min(HIGHEST_PARTIAL_HZ, 0.45 * sample_rate_hz)],
        hz[hz < min(HIGHEST_PARTIAL_HZ, 0.45 * sample_rate_hz)],
    )

    loud = (velocity / 127) ** 1.6
    felt_hz = 420 + 2_900 * loud + 1.1 * f0
    amplitude = np.abs(np.sin(np.pi * n * STRIKE_POINT)) / n**1.3 * np.exp(-((hz / felt_hz) ** 1.15))
    amplitude[0] *= 0.7 if pitch < 48 else 1.0
    amplitude *= loud * (1.25 - 0.4 * (pitch - 40) / 50) / np.sqrt(np.sum(amplitude**2))
    amplitude *= np.exp(source.normal(0, 0.05, len(n)))
    kept = amplitude > INAUDIBLE * amplitude.max()
    n, hz, amplitude = n[kept], hz[kept], amplitude[kept]

    decay = 0.85 * 2 ** ((pitch - 60) / 13) + 0.75 * (hz / 1000) ** 1.25
    beat_hz = source.uniform(0.06, 0.32, len(n)) * (hz / 1000 + 0.5)
    s: Complex = np.concatenate([2j * np.pi * hz - 2.1 * decay, 2j * np.pi * (hz + beat_hz) - 0.62 * decay])
    phase = source.uniform(-0.5, 0.5, 2 * len(n)) * np.pi
    both: Complex = np.concatenate([0.86 * amplitude, 0.14 * amplitude]) * np.exp(1j * phase)
    side = WIDTH * (pitch - 62) / 30 + source.normal(0, 0.16, 2 * len(n))
    angle = np.pi / 4 * (1 + np.clip(side, -0.8, 0.8))
    return s / sample_rate_hz, both * np.cos(angle), both * np.sin(angle)


def _ring(poles: Complex, amplitudes: Complex, frames: int) -> npt.NDArray[np.float64]:
    """The real part of the sum of amplitudes · exp(poles · t), t = 0 … frames-1."""
    inner = max(1, math.isqrt(frames))
    outer = math.ceil(frames / inner)
    coarse = np.exp(np.outer(np.arange(outer) * inner, poles)) * amplitudes
    fine = np.exp(np.outer(poles, np.arange(inner)))
    # Re(a b) = Re a Re b - Im a Im b: two real products cost half of a complex one.
    real: npt.NDArray[np.float64] = coarse.real @ fine.real - coarse.imag @ fine.imag
    return real.reshape(-1)[:frames]


def _hammer(
    pitch: int, velocity: int, frames: int, sample_rate_hz: int, source: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The knock of the key on its bed and the brush of the felt, [frames]: dull, and soon over."""
    length = min(frames, round(0.12 * sample_rate_hz))
    t = np.arange(length) / sample_rate_hz
    loud = (velocity / 127) ** 1.4
    knock = np.zeros(length)
    for i, hz in enumerate(SOUNDBOARD_HZ):
        spread = hz * (1 + source.normal(0, 0.03))
        knock += np.sin(2 * np.pi * spread * t + source.uniform(0, 6.28)) * np.exp(-t * (38 + 14 * i)) / (i + 1.5)
    brush = np.convolve(source.normal(0, 1, length), np.hanning(24) / 12, "same") * np.exp(-t * 85)
    sound = np.zeros(frames)
    sound[:length] = loud * (0.03 * knock + 0.008 * brush) * (1.2 if pitch < 60 else 0.9)
    return sound


def _soften_attack(sound: npt.NDArray[np.float64], velocity: int, sample_rate_hz: int) -> None:
    """The hammer stays on the string for some milliseconds, the longer the softer it came: felt hardly clicks."""
    length = min(len(sound), round((0.016 - 0.009 * velocity / 127) * sample_rate_hz))
    sound[:length] *= (np.sin(np.linspace(0, np.pi / 2, length)) ** 2)[:, np.newaxis]
