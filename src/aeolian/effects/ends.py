"""Effects of where a sound begins and ends: fades, and a tail for echoes and rooms."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aeolian.effects.effect import Effect, Processor, number
from aeolian.effects.samples import Numbers, Planar, Queue, cut


@dataclass(frozen=True)
class Fade(Effect):
    """Let the sound come out of silence and go back into it, along half a cosine.

    In a sound that is shorter than both together, both act.
    """

    word: ClassVar[str] = "fade"
    in_s: float = number(0.0, help="Seconds from silence to the sound.", minimum=0, maximum=600)
    out_s: float = number(0.0, help="Seconds from the sound to silence.", minimum=0, maximum=600)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return _Fading(round(self.in_s * sample_rate_hz), round(self.out_s * sample_rate_hz), channels)


class _Fading(Processor):
    def __init__(self, in_frames: int, out_frames: int, channels: int) -> None:
        self._in_frames, self._out_frames = in_frames, out_frames
        self._end = Queue(channels)
        self._frame = 0

    def process(self, block: Planar) -> Planar:
        """Give what is not of the last `out_frames` so far."""
        if self._frame < self._in_frames:
            block = block * _rise(np.arange(self._frame, self._frame + block.shape[1]), self._in_frames)
        self._frame += block.shape[1]
        self._end.put(block)
        return self._end.take(max(0, self._end.frames - self._out_frames))

    def flush(self) -> Iterator[Planar]:
        """Give the end."""
        rest = self._end.take(self._end.frames)
        if rest.shape[1]:
            yield from cut(rest * _rise(np.arange(rest.shape[1] - 1, -1, -1), self._out_frames))


def _rise(frames: Numbers, length: int) -> Planar:
    """Give the factor of frames that are so far from silence."""
    factors: Planar = np.sin(np.minimum(frames / length, 1.0) * (np.pi / 2)).astype(np.float32)
    return factors


@dataclass(frozen=True)
class Tail(Effect):
    """Add silence at the end, into which echoes and rooms ring out."""

    word: ClassVar[str] = "tail"
    tail_s: float = number(3.0, help="Seconds.", minimum=0, maximum=60)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return _Tailing(round(self.tail_s * sample_rate_hz), channels)


class _Tailing(Processor):
    def __init__(self, frames: int, channels: int) -> None:
        self._silence = np.zeros((channels, frames), np.float32)

    def process(self, block: Planar) -> Planar:
        """Give the block as it is."""
        return block

    def flush(self) -> Iterator[Planar]:
        """Give the silence."""
        return cut(self._silence)
