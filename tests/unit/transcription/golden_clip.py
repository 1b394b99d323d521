"""Eight seconds of music for the goldens, made of sines: chords, repeated notes, a bass, and a swell without onset.

Used by `scripts/make_transcription_goldens.py` too, in an environment without aeolian: numpy only.
"""

import numpy as np

RATE_HZ = 32_000
SECONDS = 8.0
# onset_s, length_s, pitch, loudness
STRUCK = [
    (0.20, 0.9, 60, 0.30),
    (0.20, 0.9, 64, 0.25),
    (0.20, 0.9, 67, 0.25),
    (1.30, 0.3, 72, 0.35),
    (1.65, 0.3, 72, 0.30),
    (2.00, 0.3, 72, 0.25),
    (2.00, 2.0, 45, 0.35),
    (2.60, 0.6, 76, 0.15),
    (3.05, 0.5, 79, 0.15),
    (3.50, 0.08, 84, 0.30),
    (3.80, 1.2, 57, 0.20),
    (3.80, 1.2, 62, 0.20),
    (3.85, 1.1, 66, 0.20),
    (7.00, 0.9, 33, 0.40),
    (7.40, 0.5, 96, 0.10),
]
SWELL = (5.1, 1.9, 69, 0.30)


def clip() -> np.ndarray:
    """float32[frames, 2] in [-1, 1] at RATE_HZ; struck notes left of the middle, the swell right of it."""
    t = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ
    left = sum(_note(t, *note) for note in STRUCK)
    onset_s, length_s, pitch, loudness = SWELL
    bow = np.sin(np.pi * np.clip((t - onset_s) / length_s, 0, 1)) ** 2
    right = loudness * bow * _partials(t, pitch, 5)
    noise = 1e-3 * np.random.default_rng(7).standard_normal(len(t))
    return np.stack([left + 0.3 * right + noise, 0.4 * left + right + noise], axis=1).astype(np.float32)


def _note(t, onset_s, length_s, pitch, loudness):
    since = t - onset_s
    decay = np.exp(-3.0 * since.clip(0)) * (1 - np.exp(-since.clip(0) / 0.004))
    release = np.clip((onset_s + length_s - t) / 0.05, 0, 1)
    return loudness * (since > 0) * decay * release * _partials(t, pitch, 8)


def _partials(t, pitch, count):
    f0_hz = 440.0 * 2 ** ((pitch - 69) / 12)
    return sum(np.sin(2 * np.pi * f0_hz * k * t) / k**1.3 for k in range(1, count + 1) if f0_hz * k < 0.45 * RATE_HZ)
