"""Chains: effects one after another, and mixes of chains beside one another.

    chain = Chain((Gain(-6.0), Mix((Branch(Chain()), Branch(Chain((Delay(0.25, 1.0),)), weight=0.5)))))
    louder = chain.process(samples, 44_100)

A sound goes through in blocks of `samples.BLOCK_FRAMES`, however it was cut when it came, so a stream of blocks gives
the bytes of the whole.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from aeolian.effects.effect import Effect, Processor, check_value, number
from aeolian.effects.samples import (
    BLOCK_FRAMES,
    Planar,
    Queue,
    Samples,
    check_finite,
    check_format,
    check_samples,
    to_planar,
    to_samples,
)
from aeolian.errors import InputError, UsageError


@dataclass(frozen=True)
class Chain:
    """Effects in order; none at all is the dry sound."""

    effects: tuple[Effect, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether an effect in it needs the whole sound before it can give the first sample."""
        return any(effect.whole for effect in self.walk())

    def walk(self) -> Iterator[Effect]:
        """Visit every effect, those of mixes after the mix."""
        for effect in self.effects:
            yield effect
            if isinstance(effect, Mix):
                for branch in effect.branches:
                    yield from branch.chain.walk()

    def process(self, samples: npt.ArrayLike, sample_rate_hz: int) -> Samples:
        """Give what the chain makes of a whole sound, float32[frames, channels] or, for one channel, float32[frames].

        The shape is kept; only effects that change the length (`tail`, `stretch`) change the frames.
        Raises `InputError` for a sound that is none (empty, integers, NaN, another shape), `UsageError` for a value
        that does not go with its sample rate.
        """
        array = np.asarray(samples)
        flat = array.ndim == 1
        if flat:
            array = array[:, np.newaxis]
        if array.ndim != 2:
            raise InputError(f"has the shape {list(array.shape)}; expected [frames, channels] or [frames].")
        if not len(array):
            raise InputError("holds no samples, so there is nothing to work on.")
        stream = self.stream(sample_rate_hz, array.shape[1])
        made = stream.process_all(array)
        return made[:, 0] if flat else made

    def stream(self, sample_rate_hz: int, channels: int) -> "Stream":
        """Begin a sound that comes in blocks. Raises `InputError` and `UsageError` as `process` does."""
        return Stream(self, sample_rate_hz, channels)

    def start(self, sample_rate_hz: int, channels: int) -> "Line":
        """Begin a sound that comes in planar blocks."""
        return Line([effect.start(sample_rate_hz, channels) for effect in self.effects])


class Stream:
    """A sound on its way through a chain, block by block: `process` each, then `flush` once.

    What comes back lags behind by up to `BLOCK_FRAMES`, and where `Chain.whole` is true, until `flush`.
    """

    def __init__(self, chain: Chain, sample_rate_hz: int, channels: int) -> None:
        check_format(sample_rate_hz, channels)
        self._channels = channels
        self._line = chain.start(sample_rate_hz, channels)
        self._waiting = Queue(channels)
        self._frames = 0

    def process(self, block: npt.ArrayLike) -> Samples:
        """Take the next float32[frames, channels]; give the frames that are done. Raises `InputError`."""
        return to_samples(self._advance(block), self._channels)

    def flush(self) -> Samples:
        """Give what is left when the sound has ended."""
        return to_samples(self._finish(), self._channels)

    def process_all(self, samples: npt.ArrayLike) -> Samples:
        """Give what becomes of a whole sound. Raises `InputError`."""
        return to_samples(itertools.chain(self._advance(samples), self._finish()), self._channels)

    def through(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Give what becomes of all blocks, piece by piece, with no more in memory than the effects keep."""
        for block in blocks:
            made = self.process(block)
            if len(made):
                yield made
        for piece in self._finish():
            yield np.ascontiguousarray(piece.T)

    def _advance(self, block: npt.ArrayLike) -> Iterator[Planar]:
        samples = check_samples(block, self._channels, self._frames)
        self._frames += len(samples)
        start = 0
        while start < len(samples):
            end = start + BLOCK_FRAMES - self._waiting.frames
            self._waiting.put(to_planar(samples[start:end]))
            start = end
            if self._waiting.frames == BLOCK_FRAMES:
                yield self._send(BLOCK_FRAMES)

    def _finish(self) -> Iterator[Planar]:
        if self._waiting.frames:
            yield self._send(BLOCK_FRAMES)
        rest = self._line.flush()
        while True:
            with np.errstate(over="ignore", invalid="ignore"):
                block = next(rest, None)
            if block is None:
                return
            yield check_finite(block)

    def _send(self, frames: int) -> Planar:
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is checked
            return check_finite(self._line.process(self._waiting.take(frames)))


class Line(Processor):
    """Processors, each fed by the one before it."""

    def __init__(self, processors: list[Processor]) -> None:
        self._processors = processors

    def process(self, block: Planar) -> Planar:
        """Send the block through all."""
        return self._send(block, 0)

    def flush(self) -> Iterator[Planar]:
        """Give what each has left, through those after it."""
        for i, processor in enumerate(self._processors):
            for block in processor.flush():
                yield self._send(block, i + 1)

    def _send(self, block: Planar, first: int) -> Planar:
        for processor in self._processors[first:]:
            if not block.shape[1]:
                break
            block = processor.process(block)
        return block


@dataclass(frozen=True)
class Branch:
    """One chain of a mix, and the factor it is added with."""

    chain: Chain
    weight: float = number(1.0, help="Factor.", minimum=-100, maximum=100)

    def __post_init__(self) -> None:
        weight = next(each for each in fields(self) if each.name == "weight")
        object.__setattr__(self, "weight", check_value("mix", weight, self.weight))


@dataclass(frozen=True)
class Mix(Effect):
    """Add up what several chains make of the same sound; the shorter ones are silent at their end."""

    word: ClassVar[str] = "mix"
    branches: tuple[Branch, ...] = field(metadata={"help": "the chains to add up."})

    def __post_init__(self) -> None:
        if not self.branches:
            raise UsageError("mix: has no chain; expected one or more, as in mix(dry, delay 0.25).")

    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound."""
        lines = [(np.float32(branch.weight), branch.chain.start(sample_rate_hz, channels)) for branch in self.branches]
        return _Mixing(lines, channels)


class _Mixing(Processor):
    def __init__(self, lines: list[tuple[np.float32, Line]], channels: int) -> None:
        self._lines = lines
        self._queues = [Queue(channels) for _ in lines]

    def process(self, block: Planar) -> Planar:
        """Give the sum as far as all branches have come."""
        for (weight, line), queue in zip(self._lines, self._queues, strict=True):
            queue.put(weight * line.process(block))
        return self._sum(min(queue.frames for queue in self._queues))

    def flush(self) -> Iterator[Planar]:
        """Give the sum of what is left in the branches, to the end of the longest."""
        for (weight, line), queue in zip(self._lines, self._queues, strict=True):
            for block in line.flush():
                queue.put(weight * block)
        while longest := max(queue.frames for queue in self._queues):
            yield self._sum(min(longest, BLOCK_FRAMES))

    def _sum(self, frames: int) -> Planar:
        parts = sorted((queue.take(frames) for queue in self._queues), key=lambda part: -part.shape[1])
        total = parts[0]
        for part in parts[1:]:
            total[:, : part.shape[1]] += part
        return total
