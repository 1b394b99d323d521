"""A song's tempos and bars: from seconds to ticks, and to where each bar begins."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aeolian.formats.smf_chunks import Division
from aeolian.formats.tempo_map import TempoMap
from aeolian.music.notes import Ints

_COMMON_TIME = (4, 4)


@dataclass(frozen=True)
class Meter:
    """A division, tempos (tick, microseconds a quarter) and time signatures (tick, beats, of which note), by tick."""

    division: Division = field(default_factory=lambda: Division(480))
    tempos: Sequence[tuple[int, int]] = ()
    signatures: Sequence[tuple[int, int, int]] = ()

    @property
    def tempo_map(self) -> TempoMap:
        """When each tick is."""
        return TempoMap(self.division, self.tempos)

    def begin_of_bar(self, number: int) -> float:
        """When bar `number` (0…) begins, in seconds; bars are of 4/4 where no signature stands."""
        quarter = self.division.ticks_per_quarter or self.division.ticks_per_s / 2
        changes = [(tick, beats, of) for tick, beats, of in sorted(self.signatures) if beats and of]
        if not changes or changes[0][0] > 0:
            changes = [(0, *_COMMON_TIME), *changes]
        at, left = 0.0, number
        for (start, beats, of), following in zip(changes, [*(each[0] for each in changes[1:]), None], strict=True):
            at, bar = float(start), quarter * 4 * beats / of
            bars = left if following is None else min(left, int(-(-(following - start) // bar)))
            left -= bars
            at += bars * bar
            if not left and (following is None or at < following):
                break
        ticks: Ints = np.array([round(at)], np.int64)
        return float(self.tempo_map.seconds(ticks)[0])
