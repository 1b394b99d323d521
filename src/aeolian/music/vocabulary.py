"""The event vocabulary, as data: Magenta's `PerformanceOneHotEncoding(num_velocity_bins=32, max_shift_steps=100)`.

388 events, in four ranges that follow one another, then three tokens that are no events. Source: the paper "This
Time with Feeling" (Oore et al. 2018) and note-seq 0.0.5, `performance_encoder_decoder.py`, which tests hold us to.
"""

import math
from dataclasses import dataclass
from typing import Any

STEPS_PER_SECOND = 100
MAX_SHIFT_STEPS = 100
NUM_VELOCITY_BINS = 32
VELOCITIES_PER_BIN = math.ceil(127 / NUM_VELOCITY_BINS)


@dataclass(frozen=True)
class EventRange:
    """One kind of event: its values `first_value`… become the tokens `first_token`…, `size` of them."""

    name: str
    first_value: int
    size: int
    first_token: int

    @property
    def end_token(self) -> int:
        """The token after the last of this range."""
        return self.first_token + self.size


def _ranges() -> tuple[EventRange, ...]:
    declared = (
        ("note_on", 0, 128),
        ("note_off", 0, 128),
        ("time_shift", 1, MAX_SHIFT_STEPS),
        ("velocity", 1, NUM_VELOCITY_BINS),
    )
    ranges, token = [], 0
    for name, first_value, size in declared:
        ranges.append(EventRange(name, first_value, size, token))
        token += size
    return tuple(ranges)


RANGES = _ranges()
NOTE_ON, NOTE_OFF, TIME_SHIFT, VELOCITY = RANGES
NUM_EVENTS = VELOCITY.end_token
PAD, START, END = NUM_EVENTS, NUM_EVENTS + 1, NUM_EVENTS + 2
VOCABULARY_SIZE = NUM_EVENTS + 3


@dataclass(frozen=True)
class Event:
    """A typed value: `note_on`/`note_off` (pitch), `time_shift` (steps of 10 ms), `velocity` (bin 1–32)."""

    kind: str
    value: int

    @property
    def token(self) -> int:
        """This event's id. Raises ValueError for a value outside the range of its kind."""
        for r in RANGES:
            if r.name == self.kind:
                if not r.first_value <= self.value < r.first_value + r.size:
                    raise ValueError(
                        f"{self.kind} takes {r.first_value}…{r.first_value + r.size - 1}, not {self.value}"
                    )
                return r.first_token + self.value - r.first_value
        raise ValueError(f"no event is called {self.kind!r}: there are {', '.join(r.name for r in RANGES)}")


def event(token: int) -> Event:
    """The event with this id. Raises ValueError for ids outside 0…387 (padding, start and end are no events)."""
    for r in RANGES:
        if r.first_token <= token < r.end_token:
            return Event(r.name, r.first_value + token - r.first_token)
    raise ValueError(f"events have the ids 0…{NUM_EVENTS - 1}, not {token}")


def as_dict() -> dict[str, Any]:
    """What a model folder's `vocabulary.json` holds."""
    return {
        "encoding": "performance",
        "steps_per_second": STEPS_PER_SECOND,
        "num_velocity_bins": NUM_VELOCITY_BINS,
        "max_shift_steps": MAX_SHIFT_STEPS,
        "ranges": [
            {"event": r.name, "first_token": r.first_token, "size": r.size, "first_value": r.first_value}
            for r in RANGES
        ],
        "pad": PAD,
        "start": START,
        "end": END,
        "size": VOCABULARY_SIZE,
    }
