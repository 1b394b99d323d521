"""The same music, a little different: transposed, faster or slower, louder or softer; on tokens, in numpy.

Ranges after Huang et al. 2018: ±3 semitones, tempo 0.95 to 1.05; velocity ±2 of 32 bins is ours.
"""

from dataclasses import dataclass

import numpy as np

from aeolian.music.codec import Tokens
from aeolian.music.notes import Ints
from aeolian.music.vocabulary import MAX_SHIFT_STEPS, NOTE_OFF, NOTE_ON, NUM_EVENTS, TIME_SHIFT, VELOCITY


@dataclass(frozen=True)
class Augmentation:
    """How far a window may be moved; zeros leave it as it is."""

    semitones: int = 3
    stretch: float = 0.05
    velocity_bins: int = 2


NONE = Augmentation(0, 0.0, 0)


def augment(tokens: Tokens, how: Augmentation, rng: np.random.Generator) -> Tokens:
    """`tokens` (event ids 0…387) changed by amounts drawn from `rng`; always draws three numbers."""
    semitones = int(rng.integers(-how.semitones, how.semitones, endpoint=True))
    factor = float(rng.uniform(1.0 - how.stretch, 1.0 + how.stretch))
    bins = int(rng.integers(-how.velocity_bins, how.velocity_bins, endpoint=True))
    return stretch(louder(transpose(tokens, semitones), bins), factor)


def transpose(tokens: Tokens, semitones: int) -> Tokens:
    """All notes moved by `semitones`, or by the nearest amount that keeps every pitch within 0…127."""
    is_note = tokens < NOTE_OFF.end_token
    if semitones == 0 or not is_note.any():
        return tokens
    pitches = tokens[is_note] % NOTE_ON.size
    semitones = max(-int(pitches.min()), min(semitones, NOTE_ON.size - 1 - int(pitches.max())))
    moved = tokens.copy()
    moved[is_note] += semitones
    return moved


def louder(tokens: Tokens, bins: int) -> Tokens:
    """Velocity events moved by `bins`, held within the 32 bins."""
    is_velocity = (tokens >= VELOCITY.first_token) & (tokens < VELOCITY.end_token)
    moved = tokens.copy()
    moved[is_velocity] = np.clip(tokens[is_velocity] + bins, VELOCITY.first_token, VELOCITY.end_token - 1)
    return moved


def stretch(tokens: Tokens, factor: float) -> Tokens:
    """Time multiplied by `factor`: moments are rounded to steps, so no error adds up, and shifts are written anew."""
    if factor == 1.0 or not len(tokens):
        return tokens
    is_shift = (tokens >= TIME_SHIFT.first_token) & (tokens < TIME_SHIFT.end_token)
    steps = np.where(is_shift, tokens.astype(np.int64) - TIME_SHIFT.first_token + TIME_SHIFT.first_value, 0)
    moments = np.floor(np.cumsum(steps) * factor + 0.5).astype(np.int64)
    events = np.flatnonzero(~is_shift)
    shifts = np.diff(moments[events], prepend=0)
    trailing = int(moments[-1] - (moments[events[-1]] if len(events) else 0))
    shifts = np.append(shifts, trailing)
    full, rest = _split(shifts)
    counts = full + (rest > 0) + 1
    ends = np.cumsum(counts)
    out = np.full(int(ends[-1]), TIME_SHIFT.end_token - 1, dtype=np.int16)
    out[ends - 1] = np.append(tokens[events], NUM_EVENTS)  # the last place stands for the end, and goes
    has_rest = rest > 0
    out[(ends - 2)[has_rest]] = TIME_SHIFT.first_token + rest[has_rest] - TIME_SHIFT.first_value
    return out[:-1]


def _split(shifts: Ints) -> tuple[Ints, Ints]:
    """Steps to (number of full shifts before, steps of the last shift; 0 for none), as the codec splits them."""
    full, rest = np.divmod(shifts, MAX_SHIFT_STEPS)
    exact = (rest == 0) & (full > 0)
    return full - exact, np.where(exact, MAX_SHIFT_STEPS, rest)
