"""Effects that measure the whole sound and then make it louder or softer: to a loudness, or to a peak."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aeolian.effects.effect import Effect, Processor, Whole, number, to_factor
from aeolian.effects.metering import MIN_DURATION_S, LoudnessMeter, PeakMeter
from aeolian.effects.samples import Planar
from aeolian.errors import InputError


@dataclass(frozen=True)
class Loudness(Effect):
    """Give the sound an integrated loudness (ITU-R BS.1770-4), or less where its true peak would pass `peak_db`.

    Silence stays silence.
    """

    word: ClassVar[str] = "loudness"
    whole: ClassVar[bool] = True
    loudness_lufs: float = number(-16.0, help="Loudness; -23 in broadcasting.", minimum=-70, maximum=0)
    peak_db: float = number(-1.0, help="The highest true peak, in dBTP.", minimum=-60, maximum=20)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""

        def scale(blocks: list[Planar]) -> Iterator[Planar]:
            meter, peaks = LoudnessMeter(sample_rate_hz, channels), PeakMeter(sample_rate_hz, channels, between=True)
            for block in blocks:
                meter.measure(block)
                peaks.measure(block)
            if meter.duration_s < MIN_DURATION_S:
                raise InputError(
                    f"lasts {meter.duration_s:.3g} s; {self.word} is measured over {MIN_DURATION_S:g} s or more."
                )
            wanted_db = self.loudness_lufs - meter.integrated_lufs
            if math.isinf(wanted_db):
                return iter(blocks)
            return _scaled(blocks, min(to_factor(wanted_db), to_factor(self.peak_db) / peaks.peak))

        return Whole(scale)


@dataclass(frozen=True)
class Peak(Effect):
    """Give the sound a highest peak. Silence stays silence."""

    word: ClassVar[str] = "peak"
    whole: ClassVar[bool] = True
    peak_db: float = number(-1.0, help="The highest peak, in dBTP or dBFS.", minimum=-60, maximum=20)
    true_peak: bool = number(True, help="Whether peaks between the samples count (ITU-R BS.1770-4, annex 2).")

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""

        def scale(blocks: list[Planar]) -> Iterator[Planar]:
            meter = PeakMeter(sample_rate_hz, channels, between=self.true_peak)
            for block in blocks:
                meter.measure(block)
            return _scaled(blocks, to_factor(self.peak_db) / meter.peak) if meter.peak else iter(blocks)

        return Whole(scale)


def _scaled(blocks: list[Planar], factor: float) -> Iterator[Planar]:
    """Give the blocks times `factor`, each forgotten once it is given."""
    blocks.reverse()
    while blocks:
        yield blocks.pop() * np.float32(factor)
