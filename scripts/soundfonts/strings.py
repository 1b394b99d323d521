"""Pianos that nobody built: strings and hammers by formula, with random constants, as layers of samples.

Each key is a sum of partials n·f0·sqrt(1 + B n²) (stiff strings), each of two slightly mistuned strings that die away
in two stages, struck at a fraction of their length by a hammer that is harder the faster it is (Fletcher and Rossing,
"The Physics of Musical Instruments", chapter 12), and a knock. They widen what a transcriber hears beyond the few
sampled pianos.
"""

from dataclasses import dataclass

import numpy as np

RATE_HZ = 32_000
PITCHES = tuple(range(21, 109, 3))
VELOCITIES = (28, 74, 116)
_HIGHEST_HZ = 13_000.0
_MOST_PARTIALS = 70


@dataclass(frozen=True)
class Piano:
    """The constants of one instrument."""

    inharmonicity: float  # of middle C
    inharmonicity_slope: float  # per semitone, of its logarithm, above; below half of it
    strike: float  # where the hammer meets the string, as a fraction of its length
    hardness_hz: float  # the partials' level falls by 60 dB towards about ten times this, at velocity 64
    hardness_power: float
    roll_off: float
    decay_s: float  # 60 dB of middle C's fundamental, first stage
    decay_octaves: float  # in so many octaves decay halves
    damping: float  # per kHz²
    after_db: float
    after_ratio: float
    detune_cents: float
    knock_db: float
    knock_hz: float
    stretch_cents: float
    formants_hz: tuple[float, ...]
    formants_db: tuple[float, ...]


def drawn(rng: np.random.Generator) -> Piano:
    """A piano at random."""
    count = 8
    return Piano(
        inharmonicity=float(np.exp(rng.uniform(np.log(2e-4), np.log(9e-4)))),
        inharmonicity_slope=float(rng.uniform(0.055, 0.095)),
        strike=float(rng.uniform(0.09, 0.14)),
        hardness_hz=float(np.exp(rng.uniform(np.log(350), np.log(1500)))),
        hardness_power=float(rng.uniform(0.4, 1.0)),
        roll_off=float(rng.uniform(0.3, 1.1)),
        decay_s=float(np.exp(rng.uniform(np.log(4), np.log(14)))),
        decay_octaves=float(rng.uniform(0.9, 1.6)),
        damping=float(np.exp(rng.uniform(np.log(0.05), np.log(0.6)))),
        after_db=float(rng.uniform(-26, -10)),
        after_ratio=float(rng.uniform(2.5, 6)),
        detune_cents=float(rng.uniform(0.2, 2.0)),
        knock_db=float(rng.uniform(-40, -16)),
        knock_hz=float(rng.uniform(80, 500)),
        stretch_cents=float(rng.uniform(0, 20)),
        formants_hz=tuple(np.exp(rng.uniform(np.log(80), np.log(6000), count)).tolist()),
        formants_db=tuple(rng.uniform(-9, 7, count).tolist()),
    )


def layers(piano: Piano, rng: np.random.Generator) -> dict[int, dict[int, tuple[np.ndarray, int]]]:
    """velocity → pitch → (float32[n], rate), as loud as the velocities are."""
    return {v: {p: (key(piano, p, v, rng), RATE_HZ) for p in PITCHES} for v in VELOCITIES}


def key(piano: Piano, pitch: int, velocity: int, rng: np.random.Generator) -> np.ndarray:
    """One key struck, float32[n]."""
    octaves = (pitch - 60) / 12
    stretch = piano.stretch_cents * np.sign(octaves) * (abs(octaves) / 4) ** 2
    f0 = 440 * 2 ** ((pitch - 69 + stretch / 100) / 12)
    slope = piano.inharmonicity_slope if pitch > 60 else 0.25 * piano.inharmonicity_slope
    stiffness = piano.inharmonicity * np.exp(slope * (pitch - 60))
    n = np.arange(1, _MOST_PARTIALS + 1)
    hz = n * f0 * np.sqrt(1 + stiffness * n**2)
    hz, n = hz[hz < _HIGHEST_HZ], n[hz < _HIGHEST_HZ]
    decay_s = np.maximum(
        0.15, piano.decay_s * 2 ** (-octaves / piano.decay_octaves) / (1 + piano.damping * (hz / 1000) ** 2)
    )
    cut_hz = (piano.hardness_hz + f0) * (velocity / 64) ** piano.hardness_power
    level = np.abs(np.sin(np.pi * n * piano.strike)) / n**piano.roll_off * np.exp(-0.7 * hz / cut_hz)
    level *= 10 ** (_formants(piano, hz) / 20) * np.exp(rng.normal(0, 0.35, len(n)))
    length_s = float(np.clip(decay_s.max() * 0.9, 1.2, 8.0))
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    sound = np.zeros(len(t))
    after = 10 ** (piano.after_db / 20)
    for f, a, d in zip(hz, level, decay_s, strict=True):
        if a < level.max() * 1e-4:
            continue
        until = min(len(t), round(RATE_HZ * min(length_s, 1.2 * d * piano.after_ratio)))
        time = t[:until]
        fall = np.exp(-6.9 * time / d) + after * np.exp(-6.9 * time / (d * piano.after_ratio))
        phase = 2 * np.pi * rng.random()
        beat = np.cos(np.pi * f * (2 ** (piano.detune_cents * rng.normal(0, 1) / 1200) - 1) * time + rng.normal(0, 0.3))
        sound[:until] += a * fall * beat * np.sin(2 * np.pi * f * time + phase)
    sound /= np.sqrt(np.mean(sound[: RATE_HZ // 2] ** 2)) + 1e-12
    sound += _knock(piano, len(t), rng)
    rise = min(len(t), round(RATE_HZ * 0.001 * 2 ** (-octaves / 2)))
    sound[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    treble = 10 ** (-0.08 * max(0, pitch - 72) * 3 / 20)
    return (0.05 * (velocity / 64) ** 1.3 * treble * sound).astype(np.float32)


def _formants(piano: Piano, hz: np.ndarray) -> np.ndarray:
    octaves = np.log2(hz[:, np.newaxis] / np.array(piano.formants_hz))
    return (np.exp(-0.5 * (octaves / 0.4) ** 2) * np.array(piano.formants_db)).sum(axis=1)


def _knock(piano: Piano, samples: int, rng: np.random.Generator) -> np.ndarray:
    count = min(samples, RATE_HZ // 8)
    t = np.arange(count) / RATE_HZ
    noise = np.convolve(rng.normal(0, 1, count), np.ones(12) / 12, "same")
    tone = np.sin(2 * np.pi * piano.knock_hz * t + rng.uniform(0, 6.28))
    knock = np.zeros(samples)
    knock[:count] = 10 ** (piano.knock_db / 20) * (3 * noise + tone) * np.exp(-t / 0.02)
    return knock
