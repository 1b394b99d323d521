"""Notes ↔ tokens.

`encode` gives, token for token, what note-seq 0.0.5 gives with `quantize_note_sequence_absolute(…, 100)`,
`Performance(num_velocity_bins=32, max_shift_steps=100)` and `PerformanceOneHotEncoding`; `decode` gives the notes
of its `Performance.to_sequence`. Both are vectorised or linear, without a Python object for each event.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Floats, Ints, Notes
from aeolian.music.vocabulary import (
    MAX_SHIFT_STEPS,
    NOTE_OFF,
    NOTE_ON,
    NUM_EVENTS,
    STEPS_PER_SECOND,
    TIME_SHIFT,
    VELOCITIES_PER_BIN,
    VELOCITY,
)

Tokens = npt.NDArray[np.int16]
DEFAULT_VELOCITY = 100


def quantise(notes: Notes) -> tuple[Ints, Ints]:
    """Onsets and offsets in steps of 10 ms, each [n]: rounded half up, and no note shorter than one step."""
    onset_steps = (notes.onset_s * STEPS_PER_SECOND + 0.5).astype(np.int64)
    offset_steps = (notes.offset_s * STEPS_PER_SECOND + 0.5).astype(np.int64)
    offset_steps[offset_steps == onset_steps] += 1
    return onset_steps, offset_steps


def velocity_bins(velocity: Ints) -> Ints:
    """Velocity 1–127 to bin 1–32."""
    bins: Ints = (velocity - 1) // VELOCITIES_PER_BIN + 1
    return bins


def encode(notes: Notes) -> Tokens:
    """The events of `notes` in time order, as token ids 0…387, shape [m].

    Within a step, notes are handled in the order of their onset in seconds, then pitch; each one's start before
    its end. A velocity event precedes an onset whose velocity bin differs from the onset before it. Gaps longer
    than a second take several time shifts. Raises ValueError for negative times, pitches or velocities out of range.
    """
    if not len(notes):
        return np.empty(0, np.int16)
    _check(notes)
    notes = notes.sorted()
    onset_steps, offset_steps = quantise(notes)
    n = len(notes)

    # All starts and ends in note-seq's order: by step, then note, and a note's start before its end; as one number
    # each, since those sort fastest.
    bits = (2 * n).bit_length()
    place = 2 * np.arange(n)
    keys = np.concatenate([onset_steps << bits | place, offset_steps << bits | place + 1])
    keys.sort()
    steps, index = keys >> bits, (keys & (1 << bits) - 1) >> 1
    is_offset = (keys & 1).astype(bool)

    shifts = np.diff(steps, prepend=0)
    full_shifts, rest = np.divmod(shifts, MAX_SHIFT_STEPS)
    exact = (rest == 0) & (full_shifts > 0)
    full_shifts[exact] -= 1
    rest[exact] = MAX_SHIFT_STEPS
    has_shift = rest > 0

    bins = velocity_bins(notes.velocity)[index]
    onsets = np.flatnonzero(~is_offset)
    changes = np.zeros(2 * n, dtype=bool)
    changes[onsets] = np.diff(bins[onsets], prepend=0) != 0

    # Each start or end yields: full shifts, a rest of a shift, a velocity, the note event.
    counts = full_shifts + has_shift + changes + 1
    ends = np.cumsum(counts)
    tokens = np.full(int(ends[-1]), TIME_SHIFT.end_token - 1, dtype=np.int16)
    pitch = notes.pitch[index]
    tokens[ends - 1] = np.where(is_offset, NOTE_OFF.first_token, NOTE_ON.first_token) + pitch
    tokens[(ends - 2)[changes]] = VELOCITY.first_token + bins[changes] - VELOCITY.first_value
    tokens[(ends - 2 - changes)[has_shift]] = TIME_SHIFT.first_token + rest[has_shift] - TIME_SHIFT.first_value
    return tokens


def decode(tokens: npt.ArrayLike) -> Notes:
    """The notes that a token sequence plays, in the order in which they end.

    As note-seq does: a note-off ends the oldest sounding note of its pitch, a note-off without a note and a note
    of no length are ignored, notes that still sound at the end are ended there, a bin's velocity is its lowest,
    and notes before the first velocity event have velocity 100. Padding, start and end tokens are skipped.
    """
    rows: list[tuple[int, int, int, int]] = []
    sounding: dict[int, deque[tuple[int, int]]] = {}
    step, velocity = 0, DEFAULT_VELOCITY
    for token in np.asarray(tokens).tolist():
        if token < NOTE_ON.end_token:
            sounding.setdefault(token, deque()).append((step, velocity))
        elif token < NOTE_OFF.end_token:
            pitch = token - NOTE_OFF.first_token
            if sounding.get(pitch):
                start, its_velocity = sounding[pitch].popleft()
                if step > start:
                    rows.append((start, step, pitch, its_velocity))
        elif token < TIME_SHIFT.end_token:
            step += token - TIME_SHIFT.first_token + TIME_SHIFT.first_value
        elif token < NUM_EVENTS:
            velocity = 1 + (token - VELOCITY.first_token) * VELOCITIES_PER_BIN
    rows += [
        (start, step, pitch, its_velocity)
        for pitch, notes in sounding.items()
        for start, its_velocity in notes
        if step > start
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    seconds = 1.0 / STEPS_PER_SECOND
    times_s = table[:, :2].astype(np.float64) * seconds
    return Notes(times_s[:, 0], times_s[:, 1], table[:, 2], table[:, 3])


def onsets(tokens: Tokens) -> tuple[Floats, Ints]:
    """When each note of a token sequence starts, in seconds [n], and its pitch [n], in the order of the tokens."""
    steps = np.cumsum(
        np.where(
            (tokens >= TIME_SHIFT.first_token) & (tokens < TIME_SHIFT.end_token),
            tokens.astype(np.int64) - TIME_SHIFT.first_token + TIME_SHIFT.first_value,
            0,
        )
    )
    is_onset = tokens < NOTE_ON.end_token
    return steps[is_onset] / STEPS_PER_SECOND, tokens[is_onset].astype(np.int64)


def length_s(tokens: Tokens) -> float:
    """When the last of these events is, in seconds from the first time shift on."""
    shifts = tokens[(tokens >= TIME_SHIFT.first_token) & (tokens < TIME_SHIFT.end_token)].astype(np.int64)
    return int((shifts - TIME_SHIFT.first_token + TIME_SHIFT.first_value).sum()) / STEPS_PER_SECOND


def until(tokens: Tokens, seconds: float) -> Tokens:
    """What of these events comes before so many seconds, with what ends there, and the time until then."""
    is_shift = (tokens >= TIME_SHIFT.first_token) & (tokens < TIME_SHIFT.end_token)
    shifts = np.where(is_shift, tokens.astype(np.int64) - TIME_SHIFT.first_token + TIME_SHIFT.first_value, 0)
    ends, last = np.cumsum(shifts), round(seconds * STEPS_PER_SECOND)
    begins = (tokens < NOTE_ON.end_token) | (tokens >= TIME_SHIFT.end_token)
    beyond = np.flatnonzero((ends > last) | ((ends == last) & begins))
    if not len(beyond):
        return tokens
    first = int(beyond[0])
    rest = last - int(ends[first] - shifts[first])
    shift = [TIME_SHIFT.first_token + rest - TIME_SHIFT.first_value] if rest else []
    return np.concatenate([tokens[:first], np.array(shift, np.int16)])


def _check(notes: Notes) -> None:
    if notes.onset_s.min() < 0 or notes.offset_s.min() < 0:
        raise ValueError("notes cannot start or end before 0 s")
    if notes.pitch.min() < 0 or notes.pitch.max() > 127:
        raise ValueError(f"pitches are 0…127, not {notes.pitch.min()}…{notes.pitch.max()}")
    if notes.velocity.min() < 1 or notes.velocity.max() > 127:
        raise ValueError(f"velocities are 1…127, not {notes.velocity.min()}…{notes.velocity.max()}")
