"""A reverb: Freeverb, by Jezar at Dreampoint (public domain), as JUCE and pedalboard have it.

For each channel eight combs beside one another, whose feedback passes a low-pass, and then four all-passes. Combs are
computed in pieces no longer than the shortest delay, so that nothing in a piece depends on itself.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aeolian.effects.effect import Effect, Processor, number
from aeolian.effects.samples import Planar

COMB_FRAMES = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)  # at 44.1 kHz
ALLPASS_FRAMES = (556, 441, 341, 225)
SPREAD_FRAMES = 23  # by which the delays of a channel are longer than those of the channel before
TUNED_AT_HZ = 44_100
INPUT_GAIN = 0.015
_NEGLIGIBLE = 1e-9
_QUIET = np.float32(1e-20)  # numbers below are set to 0 before they become so small that processors slow down


@dataclass(frozen=True)
class Reverb(Effect):
    """Put the sound into a room.

    Nothing is added at the end: `tail` before it makes room for the reverberation.
    """

    word: ClassVar[str] = "reverb"
    room: float = number(0.5, help="Size of the room.", minimum=0, maximum=1)
    damping: float = number(0.5, help="How much the walls swallow of high frequencies.", minimum=0, maximum=1)
    wet: float = number(0.33, help="Level of the room; the sound of it is three times that.", minimum=0, maximum=1)
    dry: float = number(0.4, help="Level of the sound itself, which is kept at twice that.", minimum=0, maximum=1)
    width: float = number(1.0, help="0: the room sounds the same in all channels.", minimum=0, maximum=1)

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        return _Reverberating(self, sample_rate_hz, channels)


class _Reverberating(Processor):
    def __init__(self, effect: Reverb, sample_rate_hz: int, channels: int) -> None:
        def to_frames(tuned: int, channel: int) -> int:
            return max(1, (tuned + SPREAD_FRAMES * channel) * sample_rate_hz // TUNED_AT_HZ)

        self._channels = channels
        self._combs = _Combs(
            [to_frames(tuned, channel) for channel in range(channels) for tuned in COMB_FRAMES],
            np.float32(effect.room * 0.28 + 0.7),
            effect.damping * 0.4,
        )
        self._allpasses = [[_AllPass(to_frames(tuned, c)) for tuned in ALLPASS_FRAMES] for c in range(channels)]
        self._own = np.float32(1.5 * effect.wet * (1 + effect.width))
        self._other = np.float32(1.5 * effect.wet * (1 - effect.width) / max(1, channels - 1))
        self._dry = np.float32(2 * effect.dry)
        self._gain = np.float32(INPUT_GAIN * min(1.0, 2 / channels))

    def process(self, block: Planar) -> Planar:
        """Add the room to the block."""
        heard = block.sum(axis=0, dtype=np.float32) * self._gain
        room = self._combs.process(heard).reshape(self._channels, len(COMB_FRAMES), -1).sum(axis=1, dtype=np.float32)
        for channel, allpasses in enumerate(self._allpasses):
            for allpass in allpasses:
                room[channel] = allpass.process(room[channel])
        output: Planar = self._dry * block + self._own * room
        if self._other:
            output += self._other * (room.sum(axis=0, dtype=np.float32) - room)
        return output


class _Combs:
    """All combs of all channels, a row each, fed with one sound.

    A row holds what its comb gives, from `_reach` frames ago to as far ahead as its delay.
    """

    def __init__(self, delays: list[int], feedback: np.float32, damping: float) -> None:
        self._delays, self._longest, self._shortest = delays, max(delays), min(delays)
        self._feedback = feedback * np.float32(1 - damping)
        self._steps = _doublings(damping, _NEGLIGIBLE)
        self._reach = sum(step for step, _ in self._steps)
        self._line = np.zeros((len(delays), self._reach + self._longest), np.float32)

    def process(self, heard: Planar) -> Planar:
        """Give what each comb gives, float32[combs, frames]."""
        frames, reach = len(heard), self._reach
        line = np.concatenate([self._line, np.empty((len(self._delays), frames), np.float32)], axis=1)
        for start in range(0, frames, self._shortest):
            end = min(start + self._shortest, frames)
            fed = self._damp(line[:, start : reach + end]) * self._feedback
            fed += heard[start:end]
            for row, delay in enumerate(self._delays):
                line[row, reach + delay + start : reach + delay + end] = fed[row]
        self._line = np.ascontiguousarray(line[:, frames:])
        self._line[np.abs(self._line) < _QUIET] = 0
        return line[:, reach : reach + frames]

    def _damp(self, rows: Planar) -> Planar:
        """Give the low-pass of all but the first `_reach` frames, before its factor of 1 - damping."""
        for step, factor in self._steps:
            earlier = rows[:, :-step] * factor
            earlier += rows[:, step:]
            rows = earlier
        return rows


class _AllPass:
    """The sound of `delay` ago less the sound now, of what comes round by half."""

    def __init__(self, delay: int) -> None:
        self._past = np.zeros(delay, np.float32)

    def process(self, row: Planar) -> Planar:
        """Give what the all-pass makes of one channel."""
        delay, frames = len(self._past), len(row)
        line = np.concatenate([self._past, row])
        for step, factor in _doublings(0.5, _NEGLIGIBLE):
            if step * delay >= len(line):
                break
            earlier = line[: -step * delay] * factor
            line[step * delay :] += earlier
        self._past = line[frames:].copy()
        self._past[np.abs(self._past) < _QUIET] = 0
        result: Planar = line[:frames] - row
        return result


def _doublings(factor: float, negligible: float) -> list[tuple[int, np.float32]]:
    """Give steps and factors by which a recursion y[n] = x[n] + factor · y[n - 1] is computed without a loop over n.

    Its answer to a pulse, 1, factor, factor², …, is the product of (1 + factor^step z^-step) for step = 1, 2, 4, …:
    each adds the sound of `step` ago to all frames at once. They end where what is left out is negligible.
    """
    steps, step = [], 1
    while factor**step > negligible:
        steps.append((step, np.float32(factor**step)))
        step *= 2
    return steps
