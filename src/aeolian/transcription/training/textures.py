"""Notes that no song has: every key, every loudness, single and in heaps, repeated and ringing on.

Songs keep to the middle of the keyboard and to chords that sound well. A model that has heard nothing else guesses
chords.
"""

from collections.abc import Callable

import numpy as np

from aeolian.music.notes import Notes
from aeolian.music.pedal import PedalEvents
from aeolian.transcription.onsets_and_frames.config import LOWEST_PITCH, PITCHES
from aeolian.transcription.training.performance import HIGHEST_PITCH

Rows = list[tuple[float, float, int, int]]
Figure = Callable[[np.random.Generator, float], Rows]


def texture(rng: np.random.Generator, duration_s: float) -> tuple[Notes, PedalEvents]:
    """Figures one after another for `duration_s`, and some silence between; with or without the pedal."""
    rows: Rows = []
    at_s = 0.0
    while at_s < duration_s:
        figure = _FIGURES[int(rng.integers(len(_FIGURES)))](rng, at_s)
        rows += figure
        at_s = max(row[0] for row in figure) + float(rng.exponential(0.6)) + 0.1
    rows = [row for row in rows if row[0] < duration_s and LOWEST_PITCH <= row[2] <= HIGHEST_PITCH]
    times = np.sort(rng.uniform(0, duration_s, 2 * int(rng.integers(-8, 8).clip(0))))
    pedal = PedalEvents(times, np.where(np.arange(len(times)) % 2 == 0, 127, 0))
    return Notes.of(rows), pedal


def _loudness(rng: np.random.Generator) -> int:
    return int(rng.integers(8, 128))


def _length_s(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(0.05), np.log(3.0))))


def _single(rng: np.random.Generator, at_s: float) -> Rows:
    """One key after another, anywhere."""
    rows, count = [], int(rng.integers(1, 8))
    for _ in range(count):
        rows.append((at_s, at_s + _length_s(rng), LOWEST_PITCH + int(rng.integers(PITCHES)), _loudness(rng)))
        at_s += float(rng.uniform(0.05, 0.6))
    return rows


def _heap(rng: np.random.Generator, at_s: float) -> Rows:
    """Keys struck together, up to ten, within two octaves or anywhere."""
    count, low = int(rng.integers(2, 11)), int(rng.integers(LOWEST_PITCH, HIGHEST_PITCH - 24))
    span = 24 if rng.random() < 0.6 else PITCHES
    pitches = rng.choice(np.arange(low, low + 25) if span == 24 else np.arange(21, 109), count, replace=False)
    level, length_s = _loudness(rng), _length_s(rng)
    velocity = np.clip(level + rng.normal(0, 8, count), 5, 127).astype(int)
    times_s = at_s + np.abs(rng.normal(0, rng.uniform(0, 0.02), count))
    return [(t, t + length_s, int(p), int(v)) for t, p, v in zip(times_s.tolist(), pitches, velocity, strict=True)]


def _run(rng: np.random.Generator, at_s: float) -> Rows:
    """A scale or an arpeggio."""
    step, direction = int(rng.choice([1, 2, 3, 4])), int(rng.choice([-1, 1]))
    pitch, every_s, overlap = int(rng.integers(24, 106)), float(rng.uniform(0.04, 0.25)), float(rng.uniform(0.5, 3))
    level = _loudness(rng)
    rows = []
    for _ in range(int(rng.integers(5, 25))):
        rows.append((at_s, at_s + every_s * overlap, pitch, int(np.clip(level + rng.normal(0, 6), 5, 127))))
        pitch += direction * (step + int(rng.integers(0, 2)))
        at_s += every_s
    return rows


def _repeated(rng: np.random.Generator, at_s: float) -> Rows:
    """One key or a chord again and again; with two keys a trill or a tremolo."""
    keys = rng.choice(np.arange(28, 104), int(rng.integers(1, 4)), replace=False)
    every_s, share = float(rng.uniform(0.07, 0.4)), float(rng.uniform(0.3, 1.0))
    level, in_turn = _loudness(rng), bool(rng.random() < 0.5)
    rows = []
    for n in range(int(rng.integers(4, 20))):
        struck = [keys[n % len(keys)]] if in_turn else keys
        velocity = int(np.clip(level + rng.normal(0, 8), 5, 127))
        rows += [(at_s, at_s + every_s * share, int(key), velocity) for key in struck]
        at_s += every_s
    return rows


_FIGURES: tuple[Figure, ...] = (_single, _heap, _run, _repeated)
