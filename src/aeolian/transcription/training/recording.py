"""Dry sound made to sound recorded, on the accelerator: rooms, microphones, levels, hiss, clipping, codecs.

All that is linear happens in one Fourier transform: sound → spectrum, times the room, times the colour → sound. A room
is a direct sound and a tail of noise that dies away, sooner in the treble; the tail begins when the sound does, so a
note's time is not moved. Every segment is drawn anew, from a seed: equal seeds, equal sounds on one backend and kind
of machine.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from aeolian.keras_backend import keras
from aeolian.transcription.mel import SAMPLE_RATE_HZ
from aeolian.transcription.training import chance

ops = keras.ops

ROOM_SAMPLES = 1 << 14  # about a second of tail
COLOUR_KNOTS = 12
_LOWEST_HZ = 40.0
_INT16 = 32768.0


@dataclass(frozen=True)
class Studio:
    """How much a recording may differ. Shares are probabilities; spans, of uniform draws, are (least, most)."""

    room_share: float = 0.8
    decay_s: tuple[float, float] = (0.1, 1.2)
    wet_db: tuple[float, float] = (-24.0, 4.0)
    colour_share: float = 0.8
    colour_db: float = 9.0
    tilt_db: tuple[float, float] = (-12.0, 6.0)
    noise_share: float = 0.7
    noise_db: tuple[float, float] = (-75.0, -28.0)
    dull_share: float = 0.25
    dull_hz: tuple[float, float] = (2500.0, 7500.0)
    clip_share: float = 0.1
    clip_gain: tuple[float, float] = (1.0, 3.0)
    quietest_db: float = -18.0


def sounds(pcm: Any, seeds: Any, studio: Studio) -> Any:
    """int16[batch, samples] to float32[batch, samples], recorded in some way; `seeds` is uint32[2]."""
    dry = ops.cast(pcm, "float32") / _INT16
    batch, samples = dry.shape
    draw = _Draw(seeds, batch)
    size = 1 << int(np.ceil(np.log2(samples + ROOM_SAMPLES)))
    hz = np.arange(size // 2 + 1) * (SAMPLE_RATE_HZ / size)
    level = ops.sqrt(ops.mean(ops.square(dry), axis=1, keepdims=True) + 1e-12)

    wide = ops.pad(dry, [[0, 0], [0, size - samples]])
    real, imaginary = ops.rfft(wide)
    room_real, room_imaginary = ops.rfft(_rooms(draw, studio, size))
    real, imaginary = (
        real * room_real - imaginary * room_imaginary,
        real * room_imaginary + imaginary * room_real,
    )
    gain = _colours(draw, studio, hz)
    wet = ops.irfft((real * gain, imaginary * gain), fft_length=size)[:, :samples]

    wet = wet * level / ops.sqrt(ops.mean(ops.square(wet), axis=1, keepdims=True) + 1e-12)
    wet = wet + _noise(draw, studio, samples) * level
    wet = _dulled(draw, studio, wet)
    wet = _clipped(draw, studio, wet)
    return wet * ops.power(10.0, draw.uniform(studio.quietest_db, 0.0) / 20)


class _Draw:
    """Random numbers for a batch, each from a seed of its own."""

    def __init__(self, seeds: Any, batch: int) -> None:
        self._seeds, self._batch, self._count = seeds, batch, 0

    def _seed(self) -> Any:
        self._count += 1
        return chance.derived(self._seeds, self._count)

    def uniform(self, low: float, high: float, width: int = 1) -> Any:
        """float32[batch, width] in [low, high)."""
        return chance.uniform((self._batch, width), low, high, self._seed())

    def normal(self, width: int) -> Any:
        """float32[batch, width], standard."""
        return chance.normal((self._batch, width), self._seed())

    def chance(self, share: float) -> Any:
        """float32[batch, 1]: 1 with this probability, else 0."""
        return ops.cast(self.uniform(0.0, 1.0) < share, "float32")


def _rooms(draw: _Draw, studio: Studio, size: int) -> Any:
    """Impulse responses float32[batch, size]: 1 at once, then two bands of decaying noise."""
    time_s = np.arange(ROOM_SAMPLES, dtype=np.float32)[np.newaxis] / SAMPLE_RATE_HZ
    decay_s = ops.exp(draw.uniform(float(np.log(studio.decay_s[0])), float(np.log(studio.decay_s[1]))))
    brightness = draw.uniform(0.2, 0.9)
    fade = -6.908 * time_s / decay_s  # 60 dB in decay_s
    noise = draw.normal(ROOM_SAMPLES)
    low = (noise + ops.roll(noise, 1, axis=1) + ops.roll(noise, 2, axis=1)) / 3
    high = noise - low
    tail = low * ops.exp(fade) + high * ops.exp(fade / brightness)
    # Some rooms are heard at once, others only after their first walls.
    gap_s = draw.uniform(0.0, 0.02)
    tail = tail * ops.cast(time_s > gap_s, "float32")
    energy = ops.sqrt(ops.sum(ops.square(tail), axis=1, keepdims=True) + 1e-9)
    wet = ops.power(10.0, draw.uniform(*studio.wet_db) / 20) * draw.chance(studio.room_share)
    tail = tail / energy * wet
    direct = np.zeros((1, ROOM_SAMPLES), np.float32)
    direct[0, 0] = 1
    return ops.pad(tail + direct, [[0, 0], [0, size - ROOM_SAMPLES]])


def _colours(draw: _Draw, studio: Studio, hz: Any) -> Any:
    """Gains float32[batch, bins]: a line through random knots, even in octaves, and a tilt."""
    octaves = np.log2(np.maximum(hz, _LOWEST_HZ) / _LOWEST_HZ)
    place = octaves / octaves[-1] * (COLOUR_KNOTS - 1)
    left = np.minimum(place.astype(int), COLOUR_KNOTS - 2)
    hats = np.zeros((COLOUR_KNOTS, len(hz)), np.float32)
    hats[left, np.arange(len(hz))] = 1 - (place - left)
    hats[left + 1, np.arange(len(hz))] = place - left
    knots = draw.uniform(-1.0, 1.0, COLOUR_KNOTS) * draw.uniform(0.0, studio.colour_db)
    tilt = draw.uniform(*studio.tilt_db) * ((place / (COLOUR_KNOTS - 1))[np.newaxis].astype(np.float32) - 0.5)
    decibels = (ops.matmul(knots, hats) + tilt) * draw.chance(studio.colour_share)
    return ops.power(10.0, decibels / 20)


def _noise(draw: _Draw, studio: Studio, samples: int) -> Any:
    """float32[batch, samples]: hiss or rumble, relative to the level of the music."""
    white = draw.normal(samples)
    brown = (
        white + 0.9 * ops.roll(white, 1, axis=1) + 0.8 * ops.roll(white, 2, axis=1) + 0.7 * ops.roll(white, 3, axis=1)
    )
    mixed = ops.where(draw.chance(0.5) > 0, white, brown / 1.715)
    return mixed * ops.power(10.0, draw.uniform(*studio.noise_db) / 20) * draw.chance(studio.noise_share)


def _dulled(draw: _Draw, studio: Studio, sound: Any) -> Any:
    """Some without what lies above a frequency, as a codec or an old tape leaves them."""
    samples = int(sound.shape[1])
    real, imaginary = ops.rfft(sound)
    hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ).astype(np.float32)[np.newaxis]
    edge_hz = draw.uniform(*studio.dull_hz)
    edge_hz = ops.where(draw.chance(studio.dull_share) > 0, edge_hz, float(SAMPLE_RATE_HZ))
    keep = ops.sigmoid((edge_hz - hz) / 60.0)
    return ops.irfft((real * keep, imaginary * keep), fft_length=samples)


def _clipped(draw: _Draw, studio: Studio, sound: Any) -> Any:
    peak = ops.max(ops.abs(sound), axis=1, keepdims=True) + 1e-9
    gain = draw.uniform(*studio.clip_gain)
    clipped = ops.clip(sound / peak * gain, -1.0, 1.0) / gain * peak
    return ops.where(draw.chance(studio.clip_share) > 0, clipped, sound)
