"""Filters: high-pass, low-pass, shelves and a bell, as recursions of second order in double precision.

The passes are Butterworth's; of order 1, with 6 dB an octave, they are pedalboard's `HighpassFilter` and
`LowpassFilter`. Shelves and bell are those of Robert Bristow-Johnson's cookbook, which JUCE and pedalboard use too.
"""

import abc
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.signal import butter, sosfilt

from aeolian.effects.effect import Effect, Processor, below_nyquist, number
from aeolian.effects.samples import Numbers, Planar

_CUTOFF = {"minimum": 1, "maximum": 400_000}
_Q = {"minimum": 0.05, "maximum": 50}
_BUTTERWORTH_Q = 1 / math.sqrt(2)


class SectionFilter(Processor):
    """Filters every channel by sections of second order, float64[sections, 6]: b0 b1 b2 a0 a1 a2, with a0 = 1."""

    def __init__(self, sections: Numbers, channels: int) -> None:
        self._sections = sections
        self._state = np.zeros((len(sections), channels, 2))

    def process(self, block: Planar) -> Planar:
        """Filter the block."""
        filtered, self._state = sosfilt(self._sections, block, axis=1, zi=self._state)
        result: Planar = filtered.astype(np.float32)
        return result


@dataclass(frozen=True)
class _Pass(Effect):
    cutoff_hz: float = number(help="Frequency at which 3 dB are lost.", **_CUTOFF)
    order: int = number(1, help="6 dB an octave each.", minimum=1, maximum=8)

    kind: ClassVar[str] = ""

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound. Raises `UsageError` for a cutoff that it does not have."""
        cutoff_hz = below_nyquist(self.word, self.cutoff_hz, sample_rate_hz)
        return SectionFilter(butter(self.order, cutoff_hz, self.kind, fs=sample_rate_hz, output="sos"), channels)


@dataclass(frozen=True)
class HighPass(_Pass):
    """Keep what is above `cutoff_hz`."""

    word: ClassVar[str] = "highpass"
    kind: ClassVar[str] = "highpass"


@dataclass(frozen=True)
class LowPass(_Pass):
    """Keep what is below `cutoff_hz`."""

    word: ClassVar[str] = "lowpass"
    kind: ClassVar[str] = "lowpass"


@dataclass(frozen=True)
class _Bend(Effect):
    cutoff_hz: float = number(help="Frequency at which half of the decibels are reached.", **_CUTOFF)
    gain_db: float = number(help="Decibels; below 0 it is softer there.", minimum=-60, maximum=60)
    q: float = number(_BUTTERWORTH_Q, help="Steepness: 0.71 has no hump.", **_Q)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound. Raises `UsageError` for a cutoff that it does not have."""
        omega = 2 * math.pi * below_nyquist(self.word, self.cutoff_hz, sample_rate_hz) / sample_rate_hz
        b, a = self.coefficients(10 ** (self.gain_db / 40), math.cos(omega), math.sin(omega) / (2 * self.q))
        return SectionFilter(np.array([[*b, *a]]) / a[0], channels)

    @abc.abstractmethod
    def coefficients(self, amplitude: float, cosine: float, alpha: float) -> tuple[list[float], list[float]]:
        """Give b0 b1 b2 and a0 a1 a2 of the cookbook, for A, cos ω and alpha."""


def _shelf(amplitude: float, cosine: float, alpha: float) -> tuple[list[float], list[float]]:
    """Give the low shelf; the high one is the same with the cosine, b1 and a1 negated."""
    less, more, beta = amplitude - 1, amplitude + 1, 2 * math.sqrt(amplitude) * alpha
    b = [more - less * cosine + beta, 2 * (less - more * cosine), more - less * cosine - beta]
    a = [more + less * cosine + beta, -2 * (less + more * cosine), more + less * cosine - beta]
    return [amplitude * value for value in b], a


@dataclass(frozen=True)
class LowShelf(_Bend):
    """Raise or lower what is below `cutoff_hz`."""

    word: ClassVar[str] = "lowshelf"

    def coefficients(self, amplitude: float, cosine: float, alpha: float) -> tuple[list[float], list[float]]:
        """Give those of the cookbook's lowShelf."""
        return _shelf(amplitude, cosine, alpha)


@dataclass(frozen=True)
class HighShelf(_Bend):
    """Raise or lower what is above `cutoff_hz`."""

    word: ClassVar[str] = "highshelf"

    def coefficients(self, amplitude: float, cosine: float, alpha: float) -> tuple[list[float], list[float]]:
        """Give those of the cookbook's highShelf."""
        (b0, b1, b2), (a0, a1, a2) = _shelf(amplitude, -cosine, alpha)
        return [b0, -b1, b2], [a0, -a1, a2]


@dataclass(frozen=True)
class Bell(_Bend):
    """Raise or lower what is around `cutoff_hz`."""

    word: ClassVar[str] = "bell"

    def coefficients(self, amplitude: float, cosine: float, alpha: float) -> tuple[list[float], list[float]]:
        """Give those of the cookbook's peakingEQ."""
        b = [1 + alpha * amplitude, -2 * cosine, 1 - alpha * amplitude]
        return b, [1 + alpha / amplitude, -2 * cosine, 1 - alpha / amplitude]
