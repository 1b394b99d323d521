"""Dynamics: a compressor, and a limiter that looks ahead.

Both follow the level in decibels, where an exponential release is a straight line: the level is the highest of what is
now and what was, less what has been released since. That is a running maximum, so no loop over samples is needed.
The attack is a low-pass of first order on the result ("decoupled" peak detector; Giannoulis, Massberg and Reiss,
"Digital Dynamic Range Compressor Design", JAES 60(6), 2012, section 2.3). All channels share one gain, so that the
picture between the loudspeakers stays where it is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

from aeolian.effects.effect import Effect, Processor, number, to_factor
from aeolian.effects.samples import Numbers, Planar, Queue

_SILENCE = 1e-10
_DB_PER_NEPER = 20 / math.log(10)
_THRESHOLD = {"minimum": -100, "maximum": 0}


class _Release:
    """Holds peaks of a level in decibels, and lets them fall by `fall_db` a frame."""

    def __init__(self, fall_db: float, rest_db: float) -> None:
        self._fall_db, self._last_db = fall_db, rest_db

    def follow(self, level_db: Numbers) -> Numbers:
        """Give the held level for each frame."""
        fallen = np.arange(1, len(level_db) + 1) * self._fall_db
        raised = level_db + fallen
        raised[0] = max(raised[0], self._last_db)
        held: Numbers = np.maximum.accumulate(raised) - fallen
        self._last_db = float(held[-1])
        return held


def _peaks(block: Planar) -> Numbers:
    """Give the highest magnitude over all channels, for each frame."""
    peaks: Numbers = np.abs(block).max(axis=0).astype(np.float64)
    return peaks


@dataclass(frozen=True)
class Compress(Effect):
    """Soften what is louder than the threshold: of `ratio` decibels above it one remains."""

    word: ClassVar[str] = "compress"
    threshold_db: float = number(-20.0, help="Level below which nothing changes, in dBFS.", **_THRESHOLD)
    ratio: float = number(3.0, help="Decibels above the threshold for one that remains.", minimum=1, maximum=100)
    attack_ms: float = number(5.0, help="Time constant of becoming softer.", minimum=0.01, maximum=1000)
    release_ms: float = number(100.0, help="Time constant of becoming louder again.", minimum=1, maximum=10_000)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return _Compressing(self, sample_rate_hz)


class _Compressing(Processor):
    def __init__(self, effect: Compress, sample_rate_hz: int) -> None:
        per_ms = sample_rate_hz / 1000
        self._threshold_db, self._slope = effect.threshold_db, 1 / effect.ratio - 1
        self._release = _Release(_DB_PER_NEPER / (effect.release_ms * per_ms), effect.threshold_db)
        keep = math.exp(-1 / (effect.attack_ms * per_ms))
        self._attack = ([1 - keep], [1.0, -keep])
        self._state = np.zeros(1)

    def process(self, block: Planar) -> Planar:
        """Scale the block by the gain."""
        level_db = _DB_PER_NEPER * np.log(np.maximum(_peaks(block), _SILENCE))
        over_db = self._release.follow(np.maximum(level_db, self._threshold_db)) - self._threshold_db
        smooth_db, self._state = lfilter(*self._attack, np.maximum(over_db, 0), zi=self._state)
        gain: Planar = np.exp(smooth_db * (self._slope / _DB_PER_NEPER)).astype(np.float32)
        return block * gain


@dataclass(frozen=True)
class Limit(Effect):
    """Let no sample pass the ceiling: the gain goes down before a peak and comes up after it.

    It holds the samples, not what lies between them: `loudness` and `peak` measure true peaks.
    """

    word: ClassVar[str] = "limit"
    ceiling_db: float = number(-1.0, help="The highest sample, in dBFS.", minimum=-60, maximum=0)
    release_ms: float = number(100.0, help="Time constant of becoming louder again.", minimum=1, maximum=10_000)
    ahead_ms: float = number(5.0, help="How long before a peak the gain begins to go down.", minimum=0.1, maximum=50)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return _Limiting(self, sample_rate_hz, channels)


class _Limiting(Processor):
    """The gain that a peak needs is held for `ahead` frames before it, and averaged over as many.

    Each of the averaged gains is then no higher than the peak's. Sound goes out `ahead` frames after it came in; as
    many are left out at the beginning and given at the end, so that nothing moves.
    """

    def __init__(self, effect: Limit, sample_rate_hz: int, channels: int) -> None:
        per_ms = sample_rate_hz / 1000
        self._ceiling = to_factor(effect.ceiling_db)
        self._release = _Release(_DB_PER_NEPER / (effect.release_ms * per_ms), 0.0)
        self._ahead = max(1, round(effect.ahead_ms * per_ms))
        self._channels = channels
        self._sound = Queue(channels)
        self._over_db = np.zeros(2 * self._ahead)
        self._early = self._ahead

    def process(self, block: Planar) -> Planar:
        """Give the frames for which it is known what comes within `ahead`."""
        self._sound.put(block)
        return self._limit(_peaks(block))

    def flush(self) -> Iterator[Planar]:
        """Give the last frames, after which there is silence."""
        yield self._limit(np.zeros(self._ahead))

    def _limit(self, peaks: Numbers) -> Planar:
        over_db = _DB_PER_NEPER * np.log(np.maximum(peaks / self._ceiling, 1.0))
        line = np.concatenate([self._over_db, self._release.follow(over_db)])
        self._over_db = line[-2 * self._ahead :]
        gain = self._average(np.exp(self._highest(line) / -_DB_PER_NEPER))
        early = min(self._early, len(gain))
        self._early -= early
        sound = self._sound.take(len(gain) - early)
        limited = sound * gain[early:].astype(np.float32)
        ceiling = np.float32(self._ceiling)
        return np.clip(limited, -ceiling, ceiling)

    def _highest(self, line: Numbers) -> Numbers:
        """Give the highest of each frame and the `ahead` after it."""
        size = self._ahead + 1
        highest: Numbers = maximum_filter1d(line, size, origin=-(size // 2), mode="nearest")
        return highest[: len(line) - self._ahead]

    def _average(self, gains: Numbers) -> Numbers:
        """Give the mean of each frame's gain and those of the `ahead` before it."""
        sums = np.concatenate([[0.0], np.cumsum(gains)])
        means: Numbers = (sums[self._ahead + 1 :] - sums[: -self._ahead - 1]) / (self._ahead + 1)
        return means
