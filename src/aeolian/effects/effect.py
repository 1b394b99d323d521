"""An effect as data: a frozen dataclass of numbers with units in their names; and what works it, block by block.

    @dataclass(frozen=True)
    class Gain(Effect):
        '''Make the sound louder or softer.'''
        word: ClassVar[str] = "gain"
        gain_db: float = number(help="…", minimum=-120, maximum=120)
        def start(self, sample_rate_hz, channels): return …

A subclass with a `word` is known to the language of chains and to JSON by it.
"""

import abc
import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aeolian.effects.samples import Planar
from aeolian.errors import UsageError

REQUIRED: Any = dataclasses.MISSING


class Processor(abc.ABC):
    """An effect at work on one sound: takes planar blocks in order, gives what is done of it, at last the rest."""

    @abc.abstractmethod
    def process(self, block: Planar) -> Planar:
        """Take the next block; give as many frames as are done, none to many."""

    def flush(self) -> Iterator[Planar]:
        """Give what is left when the sound has ended."""
        return iter(())


class Whole(Processor):
    """Keeps the sound to its end; `work` then turns its blocks into others."""

    def __init__(self, work: Callable[[list[Planar]], Iterator[Planar]]) -> None:
        self._work = work
        self._blocks: list[Planar] = []

    def process(self, block: Planar) -> Planar:
        """Keep the block; nothing is done before the end."""
        self._blocks.append(block)
        return block[:, :0]

    def flush(self) -> Iterator[Planar]:
        """Give what `work` makes of all blocks."""
        blocks, self._blocks = self._blocks, []
        return self._work(blocks) if blocks else iter(())


class Each(Processor):
    """Treats every block alike, without memory."""

    def __init__(self, work: Callable[[Planar], Planar]) -> None:
        self._work = work

    def process(self, block: Planar) -> Planar:
        """Give what `work` makes of the block."""
        return self._work(block)


def number(default: Any = REQUIRED, *, help: str, minimum: float = -math.inf, maximum: float = math.inf) -> Any:
    """A field of an effect, with its legal range, both ends included."""
    return dataclasses.field(default=default, metadata={"help": help, "minimum": minimum, "maximum": maximum})


@dataclass(frozen=True)
class Effect(abc.ABC):
    """Sound to sound, as data. Equal effects of equal sounds give equal bytes."""

    word: ClassVar[str] = ""
    whole: ClassVar[bool] = False
    """Whether the whole sound must be there before the first sample can be given."""

    words: ClassVar[dict[str, "type[Effect]"]] = {}

    def __init_subclass__(cls) -> None:
        if cls.word:
            Effect.words[cls.word] = cls

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if "minimum" in field.metadata:
                value = check_value(self.word, field, getattr(self, field.name))
                object.__setattr__(self, field.name, value)

    @abc.abstractmethod
    def start(self, sample_rate_hz: int, channels: int) -> Processor:
        """Begin a sound. Raises `UsageError` where a value does not go with its sample rate."""

    def changed(self) -> dict[str, Any]:
        """List the fields that are not as they are by default, by their names."""
        return {f.name: v for f in dataclasses.fields(self) if (v := getattr(self, f.name)) != f.default}


def check_value(word: str, field: "dataclasses.Field[Any]", value: Any) -> Any:
    """Turn a value into the field's type. Raises `UsageError`, which names word, field and range."""
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    if field.type in (bool, "bool"):
        if not isinstance(value, bool):
            raise UsageError(f"{word}: {field.name} is {value!r}; expected yes or no.")
        return value
    right = isinstance(value, int | float | np.number) and not isinstance(value, bool) and low <= value <= high
    if right and field.type in (int, "int"):
        right = float(value).is_integer()
        value = int(value) if right else value
    if not right:
        kind = "a whole number" if field.type in (int, "int") else "a number"
        raise UsageError(f"{word}: {field.name} is {value!r}; expected {kind} from {low:g} to {high:g}.")
    return value if isinstance(value, int) and field.type in (int, "int") else float(value)


def below_nyquist(word: str, cutoff_hz: float, sample_rate_hz: int) -> float:
    """Give `cutoff_hz`. Raises `UsageError` if the sound has no such frequency."""
    if cutoff_hz >= sample_rate_hz / 2:
        raise UsageError(
            f"{word}: cutoff_hz is {cutoff_hz:g}; expected less than {sample_rate_hz / 2:g}, "
            f"half the sample rate of {sample_rate_hz} Hz."
        )
    return cutoff_hz


def to_factor(level_db: float) -> float:
    """Turn decibels into a factor of amplitude."""
    return float(10 ** (level_db / 20))
