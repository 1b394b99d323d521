"""Pitch without time, and time without pitch: Signalsmith's stretch, as the wheel python-stretch brings it (MIT).

Its `process` takes a whole sound and keeps nothing between calls, so these effects need the whole sound. A fixed seed
makes it give the same bytes each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from python_stretch.Signalsmith import Stretch as Signalsmith

from aeolian.effects.effect import Effect, Processor, Whole, number
from aeolian.effects.samples import Planar, check_finite, cut, join

_SEED = 0


@dataclass(frozen=True)
class Pitch(Effect):
    """Play everything higher or lower, as long as before."""

    word: ClassVar[str] = "pitch"
    whole: ClassVar[bool] = True
    semitones: float = number(help="12 is an octave up.", minimum=-36, maximum=36)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return Whole(lambda blocks: _stretched(blocks, sample_rate_hz, self.semitones, 1.0))


@dataclass(frozen=True)
class Stretch(Effect):
    """Play everything slower or faster, as high as before."""

    word: ClassVar[str] = "stretch"
    whole: ClassVar[bool] = True
    length_ratio: float = number(help="2 is twice as long.", minimum=0.25, maximum=4)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return Whole(lambda blocks: _stretched(blocks, sample_rate_hz, 0.0, self.length_ratio))


def _stretched(blocks: list[Planar], sample_rate_hz: int, semitones: float, length_ratio: float) -> Iterator[Planar]:
    sound = check_finite(join(blocks, len(blocks[0])))
    blocks.clear()  # the sound is large: once is enough
    frames = round(sound.shape[1] * length_ratio)
    worker = Signalsmith(_SEED)
    worker.preset(len(sound), float(sample_rate_hz))
    worker.setTransposeSemitones(semitones)
    worker.timeFactor = 1 / length_ratio
    made: Planar = np.asarray(worker.process(sound), dtype=np.float32)[:, :frames]
    missing = frames - made.shape[1]
    return cut(np.pad(made, ((0, 0), (0, missing))) if missing else made)
