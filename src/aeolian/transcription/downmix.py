"""Many channels as one, without losing what they have with opposite signs.

The mean of the channels is what a model hears, as it does in the packages that the models come from. But where a
channel is wired the wrong way round, for all of the music or a part of it, the mean of the two is silence there. So
each second of sound is looked at: if its mean has lost what a channel has, the louder channel is heard in place of the
mean. docs/transcription.md has the measurements behind the numbers.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aeolian.transcription.transcriber import Recording

Samples = NDArray[np.float32]

PIECE_S = 1.0
# Of n channels, the mean keeps 1/n² of the energy of what is in one of them alone. It has lost a sound if it keeps much
# less: this share of 1/n², of all sound together or of some frequencies.
LOST = 0.4
LOST_FREQUENCY = 0.04
# Frequencies of so much of the energy must be lost; and to go back to the mean, no more than that.
CANCELLED_SHARE, RESTORED_SHARE = 0.05, 0.02
# A channel is left for another that is so much louder.
MUCH_LOUDER = 4.0
FADE_S = 0.005
_FRAME_S = 0.05
_SILENCE = 1e-9  # of a mean square


class Downmix:
    """Makes one channel of many, block after block. `alone_s`: for how long one channel was heard alone."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._piece_frames = max(1, round(PIECE_S * sample_rate_hz))
        self._fade_frames = max(1, round(FADE_S * sample_rate_hz))
        self._fft_frames = 1 << max(5, round(np.log2(_FRAME_S * sample_rate_hz)))
        self._alone: int | None = None
        self._alone_frames = 0
        self._begun = False

    @property
    def alone_s(self) -> float:
        """For how many seconds one channel was heard alone."""
        return self._alone_frames / self._rate_hz

    def mix(self, block: Samples) -> Samples:
        """One channel of a block: float32[n, channels] to float32[n]."""
        if block.shape[1] == 1:
            return block[:, 0]
        mean = block[:, 0] + block[:, 1]
        for channel in range(2, block.shape[1]):
            mean += block[:, channel]
        mean /= np.float32(block.shape[1])  # the same as block.mean(axis=1), which takes ten times as long
        for start in range(0, len(block), self._piece_frames):
            piece = block[start : start + self._piece_frames]
            part = mean[start : start + self._piece_frames]
            before, self._alone = self._alone, self._heard_alone(piece, part)
            if before is not None or self._alone is not None:
                was, now = (part.copy() if which is None else piece[:, which] for which in (before, self._alone))
                fade = np.linspace(0, 1, self._fade_frames if self._begun else 0, dtype=np.float32)[: len(piece)]
                part[:] = now
                part[: len(fade)] = was[: len(fade)] + fade * (now[: len(fade)] - was[: len(fade)])
                self._alone_frames += len(piece) if self._alone is not None else 0
            self._begun = True
        return mean

    def _heard_alone(self, piece: Samples, mean: Samples) -> int | None:
        """The channel to be heard alone in this piece, if any is. One too short to tell is heard as that before."""
        if len(piece) < self._fft_frames:
            return self._alone
        channels = np.ascontiguousarray(piece.T)
        energy = [_energy(channel) for channel in channels]
        mixed, loudest, count = _energy(mean), max(energy), len(energy)
        if loudest < _SILENCE * len(piece):
            return self._alone
        lost = mixed < (LOST if self._alone is None else 2 * LOST) / count**2 * loudest
        share = CANCELLED_SHARE if self._alone is None else RESTORED_SHARE
        # Where the mean keeps more than this, no such share can be lost.
        if not lost and mixed < (1 - share / count) * sum(energy) / count:
            lost = self._lost_share(channels) >= share
        if not lost:
            return None
        if self._alone is not None and energy[self._alone] * MUCH_LOUDER >= loudest:
            return self._alone
        return energy.index(loudest)

    def _lost_share(self, channels: Samples) -> float:
        """The share of the energy that is at frequencies which the mean has lost. Every second frame is looked at."""
        size = self._fft_frames
        frames = np.lib.stride_tricks.sliding_window_view(channels, size, axis=1)[:, :: 2 * size]
        spectrum = np.fft.rfft(frames * np.hanning(size).astype(np.float32))
        power = _power(spectrum).sum(axis=1).max(axis=0)
        kept = _power(spectrum.mean(axis=0)).sum(axis=0)
        lost = float(power[kept < LOST_FREQUENCY / len(channels) ** 2 * power].sum())
        return lost / float(power.sum()) if lost else 0.0


def _energy(samples: Samples) -> float:
    return float(np.einsum("i,i->", samples, samples))  # BLAS would wake its threads for this


def _power(spectrum: NDArray[np.complexfloating[Any, Any]]) -> Samples:
    power: Samples = np.square(spectrum.real) + np.square(spectrum.imag)
    return power


class Mono:
    """A recording as one channel, and what was done to get it: a `Recording` around another."""

    channels = 1

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._downmix = Downmix(recording.sample_rate_hz)

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second."""
        return self._recording.sample_rate_hz

    @property
    def frames(self) -> int:
        """How many samples there are, as far as known."""
        return self._recording.frames

    def blocks(self, frames: int) -> Iterator[Samples]:
        """The samples, float32[≤ frames, 1] at a time."""
        for block in self._recording.blocks(frames):
            yield self._downmix.mix(block)[:, np.newaxis]

    def remarks(self) -> list[str]:
        """Say for how long one channel was heard alone, if it was."""
        if not self._downmix.alone_s:
            return []
        return [f"the channels cancel each other: for {self._downmix.alone_s:.1f} s the louder one was heard alone"]
