"""What surrounds the piano: a room to ring in, a warm pad that breathes under it, and the level of the whole."""

import math

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Notes
from aeolian.rendering.level import Meter, limited

Samples = npt.NDArray[np.float32]

PREDELAY_S = 0.018
ROOM_S = 1.7  # until the reverberation is 60 dB down, at middle frequencies
BANDS_HZ = (250.0, 900.0, 2_800.0)  # above each, the room dies sooner
BAND_DECAY = (1.15, 1.0, 0.72, 0.42)
HIGHEST_PAD_PITCH = 64
PAD_SWELL_S = 1.6
FADE_OUT_S = 1.5


def reverberated(dry: Samples, sample_rate_hz: int, wet: float, seed: int) -> Samples:
    """`dry`, float32[frames, 2], in a room whose level is `wet`; no longer than it was."""
    left, right = (_impulse_response(sample_rate_hz, np.random.default_rng([seed, side])) for side in (0, 1))
    size = 1 << (len(dry) + len(left) - 1).bit_length()
    result = dry.astype(np.float64)
    for channel, response in enumerate((left, right)):
        source = 0.7 * dry[:, channel] + 0.3 * dry[:, 1 - channel]
        tail = np.fft.irfft(np.fft.rfft(source, size) * np.fft.rfft(response, size), size)
        result[:, channel] += wet * tail[: len(dry)]
    return result.astype(np.float32)


def _impulse_response(sample_rate_hz: int, source: np.random.Generator) -> npt.NDArray[np.float64]:
    """Noise that dies away, the high bands first, after a few early reflections. Unit energy."""
    frames = round(1.2 * ROOM_S * sample_rate_hz)
    t = np.arange(frames) / sample_rate_hz
    spectrum = np.fft.rfft(source.normal(0, 1, frames))
    hz = np.fft.rfftfreq(frames, 1 / sample_rate_hz)
    edges = (0.0, *BANDS_HZ, sample_rate_hz)
    response = np.zeros(frames)
    for low, high, share in zip(edges, edges[1:], BAND_DECAY, strict=False):
        band = np.fft.irfft(np.where((hz >= low) & (hz < high), spectrum, 0), frames)
        response += band * np.exp(-math.log(1000) * t / (ROOM_S * share))
    response *= 1 - np.exp(-t / 0.03)  # it builds up
    response /= np.sqrt(np.sum(response**2))
    for _ in range(7):
        response[round(source.uniform(0.006, 0.055) * sample_rate_hz)] += source.choice((-1, 1)) * source.uniform(
            0.08, 0.22
        )
    return np.concatenate([np.zeros(round(PREDELAY_S * sample_rate_hz)), response])


def pad(notes: Notes, sample_rate_hz: int, frames: int, level: float) -> Samples:
    """A soft chord of sines under the lower notes, float32[frames, 2], each swelling in after its note is struck."""
    mix = np.zeros((frames, 2))
    for onset_s, offset_s, pitch, velocity in notes.sorted().rows():
        if pitch > HIGHEST_PAD_PITCH or offset_s - onset_s < PAD_SWELL_S:
            continue
        start = round(onset_s * sample_rate_hz)
        length = min(round((offset_s - onset_s + 1.0) * sample_rate_hz), frames - start)
        t = np.arange(length) / sample_rate_hz
        rise = np.minimum(t / PAD_SWELL_S, 1.0)
        fall = np.clip((offset_s - onset_s + 1.0 - t) / PAD_SWELL_S, 0.0, 1.0)
        shape = np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2 * level * velocity / 80
        hz = 440.0 * 2 ** ((pitch - 69) / 12)
        for harmonic, share in ((1, 1.0), (2, 0.3), (3, 0.08)):
            for channel, detune in ((0, 0.9993), (1, 1.0007)):
                mix[start : start + length, channel] += share * shape * np.sin(2 * np.pi * harmonic * hz * detune * t)
    return mix.astype(np.float32)


def mastered(samples: Samples, sample_rate_hz: int) -> Samples:
    """At -20 dBFS, limited, faded out at the end."""
    meter = Meter(sample_rate_hz)
    meter.measure(samples)
    fade = min(len(samples), round(FADE_OUT_S * sample_rate_hz))
    gains = np.ones(len(samples))
    gains[len(samples) - fade :] = np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    return limited((samples * meter.gain * gains[:, np.newaxis]).astype(np.float32))
