"""Effects of a delayed copy: echo and chorus."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aeolian.effects.effect import Effect, Processor, number
from aeolian.effects.samples import Planar


@dataclass(frozen=True)
class Delay(Effect):
    """Echo: (1 - mix) · x + mix · the sound of `delay_s` ago, of which `feedback` comes round again.

    As pedalboard's `Delay`. Nothing is added at the end: `tail` before it makes room for the last echoes.
    """

    word: ClassVar[str] = "delay"
    delay_s: float = number(0.5, help="Seconds until the echo.", minimum=0.001, maximum=30)
    mix: float = number(0.5, help="Share of the echo: 0 is the sound alone, 1 the echo alone.", minimum=0, maximum=1)
    feedback: float = number(0.0, help="Share of an echo that is echoed again.", minimum=0, maximum=0.99)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return _Delaying(self, max(1, int(self.delay_s * sample_rate_hz)), channels)


class _Delaying(Processor):
    def __init__(self, effect: Delay, frames: int, channels: int) -> None:
        self._line = np.zeros((channels, frames), np.float32)
        self._at = 0
        self._dry, self._wet = np.float32(1) - np.float32(effect.mix), np.float32(effect.mix)
        self._feedback = np.float32(effect.feedback)

    def process(self, block: Planar) -> Planar:
        """Mix the block with what is in the line, and put it there."""
        output, start, frames = np.empty_like(block), 0, self._line.shape[1]
        while start < block.shape[1]:
            count = min(block.shape[1] - start, frames - self._at)
            fresh, old = block[:, start : start + count], self._line[:, self._at : self._at + count]
            output[:, start : start + count] = self._dry * fresh + self._wet * old
            self._line[:, self._at : self._at + count] = fresh + self._feedback * old
            start, self._at = start + count, (self._at + count) % frames
        return output


@dataclass(frozen=True)
class Chorus(Effect):
    """Mix the sound with a copy whose delay swings, a quarter of a swing apart from channel to channel."""

    word: ClassVar[str] = "chorus"
    rate_hz: float = number(1.0, help="Swings a second.", minimum=0.01, maximum=20)
    depth_ms: float = number(2.0, help="How far the delay swings to either side.", minimum=0, maximum=20)
    centre_ms: float = number(7.0, help="The delay about which it swings.", minimum=1, maximum=50)
    mix: float = number(0.5, help="Share of the copy.", minimum=0, maximum=1)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return _Swinging(self, sample_rate_hz, channels)


class _Swinging(Processor):
    def __init__(self, effect: Chorus, sample_rate_hz: int, channels: int) -> None:
        per_ms = sample_rate_hz / 1000
        self._centre = effect.centre_ms * per_ms
        self._depth = min(effect.depth_ms * per_ms, self._centre)
        self._step = 2 * np.pi * effect.rate_hz / sample_rate_hz
        self._dry, self._wet = np.float32(1) - np.float32(effect.mix), np.float32(effect.mix)
        self._past = np.zeros((channels, int(self._centre + self._depth) + 2), np.float32)
        self._frame = 0

    def process(self, block: Planar) -> Planar:
        """Mix the block with its delayed copy, read between samples along a straight line."""
        frames, kept = block.shape[1], self._past.shape[1]
        line = np.concatenate([self._past, block], axis=1)
        times = np.arange(self._frame, self._frame + frames) * self._step
        copy = np.empty_like(block)
        for channel in range(len(block)):
            delays = self._centre + self._depth * np.sin(times + channel % 4 * np.pi / 2)
            places = np.arange(kept, kept + frames) - delays
            before = places.astype(np.intp)
            share = (places - before).astype(np.float32)
            row = line[channel]
            # A delay of less than a sample leaves nothing after it: the last sample stands for it, with a share of 0.
            earlier, later = row[before], row[np.minimum(before + 1, kept + frames - 1)]
            copy[channel] = earlier + share * (later - earlier)
        self._past, self._frame = np.ascontiguousarray(line[:, -kept:]), self._frame + frames
        return self._dry * block + self._wet * copy
