"""Ticks to seconds by a MIDI file's tempos, in pretty_midi's order of operations, and so to its last bit."""

from collections.abc import Iterable

import numpy as np

from aeolian.formats.smf_chunks import Division
from aeolian.music.notes import Floats, Ints

DEFAULT_MICROSECONDS_PER_QUARTER = 500_000


class TempoMap:
    """When each tick is. `tempos`: (tick, microseconds a quarter), by tick; at one tick the last one counts.

    A tempo of 0 would let time stand still; it is passed over, and the tempo before it goes on. In SMPTE time code
    tempos do not count at all.
    """

    def __init__(self, division: Division, tempos: Iterable[tuple[int, int]]) -> None:
        starts = [0]
        if division.ticks_per_s:
            scales = [1.0 / division.ticks_per_s]
            tempos = ()
        else:
            scales = [_tick_s(DEFAULT_MICROSECONDS_PER_QUARTER, division.ticks_per_quarter)]
        for tick, microseconds_per_quarter in tempos:
            if microseconds_per_quarter == 0:
                continue
            scale = _tick_s(microseconds_per_quarter, division.ticks_per_quarter)
            if tick == 0:
                starts, scales = [0], [scale]
            elif scale != scales[-1]:
                starts.append(tick)
                scales.append(scale)
        begins_s = [0.0]
        for i in range(1, len(starts)):
            begins_s.append(begins_s[-1] + scales[i - 1] * (starts[i] - starts[i - 1]))
        self._starts = np.array(starts, dtype=np.int64)
        self._scales_s = np.array(scales)
        self._begins_s = np.array(begins_s)

    def seconds(self, ticks: Ints) -> Floats:
        """Seconds since the start, [n], for ticks [n]. A tempo change's own tick belongs to the new tempo."""
        segment = np.searchsorted(self._starts, ticks, side="right") - 1
        seconds: Floats = self._begins_s[segment] + self._scales_s[segment] * (ticks - self._starts[segment])
        return seconds

    def ticks(self, seconds: Floats) -> Floats:
        """The ticks [n], with fractions, at seconds [n] since the start."""
        segment = np.searchsorted(self._begins_s, seconds, side="right") - 1
        ticks: Floats = self._starts[segment] + (seconds - self._begins_s[segment]) / self._scales_s[segment]
        return ticks


def _tick_s(microseconds_per_quarter: int, ticks_per_quarter: int) -> float:
    """Seconds a tick, by way of beats a minute: pretty_midi rounds in this order."""
    bpm = 6e7 / microseconds_per_quarter
    return 60.0 / (bpm * ticks_per_quarter)
