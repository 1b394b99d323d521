"""Sounds that tests of effects work on."""

import numpy as np

RATE_HZ = 8_000


def noise(frames: int, channels: int = 2, *, seed: int = 0, level: float = 0.3) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((frames, channels)) * level
    return values.astype(np.float32)


def sine(frequency_hz: float, duration_s: float, rate_hz: int, *, peak: float = 1.0, channels: int = 1) -> np.ndarray:
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = peak * np.sin(2 * np.pi * frequency_hz * times_s)
    return np.repeat(wave[:, np.newaxis], channels, axis=1).astype(np.float32)


def power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def level_at(samples: np.ndarray, frequency_hz: float, rate_hz: int) -> float:
    """The amplitude of one frequency in one channel, by correlation over the whole of it."""
    turns = np.exp(-2j * np.pi * frequency_hz * np.arange(len(samples)) / rate_hz)
    return float(2 * np.abs(np.mean(samples.ravel() * turns)))
