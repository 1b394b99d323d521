"""Effects of each sample alone: gain and distortion."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aeolian.effects.effect import Each, Effect, Processor, number, to_factor


@dataclass(frozen=True)
class Gain(Effect):
    """Make the sound louder or softer: x · 10^(gain_db/20)."""

    word: ClassVar[str] = "gain"
    gain_db: float = number(help="Decibels; -6 is half the amplitude.", minimum=-120, maximum=120)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        factor = np.float32(to_factor(self.gain_db))
        return Each(lambda block: block * factor)


@dataclass(frozen=True)
class Distort(Effect):
    """Drive the sound into a soft limit: tanh(x · 10^(drive_db/20)), so that nothing passes ±1."""

    word: ClassVar[str] = "distort"
    drive_db: float = number(25.0, help="Gain before the limit, in decibels.", minimum=0, maximum=100)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        factor = np.float32(to_factor(self.drive_db))
        return Each(lambda block: np.tanh(block * factor))
