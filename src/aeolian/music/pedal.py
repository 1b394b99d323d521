"""The sustain pedal, applied: each note rings until the pedal rises or its string is struck again.

Equal, note for note, to note-seq 0.0.5's `apply_sustain_control_changes`: at one instant the pedal goes down, then
up, then notes start, then notes end. A note struck while the pedal is down ends every earlier note of its pitch
that still sounds (and removes it, if both start together). Drums have no pedal. Where note-seq walks through the
events one by one, this searches sorted arrays.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aeolian.music.notes import Floats, Ints, Notes

PEDAL_DOWN_FROM = 64


@dataclass(frozen=True, eq=False)
class PedalEvents:
    """k movements of the sustain pedal (MIDI controller 64): `time_s` [k], `value` 0–127 [k]."""

    time_s: Floats
    value: Ints


def apply_sustain(parts: list[tuple[Notes, PedalEvents]]) -> list[Notes]:
    """The notes of each part, lengthened by its own pedal. Parts without a pedal event come back as they are."""
    times = [array for notes, pedal in parts for array in (notes.onset_s, notes.offset_s, pedal.time_s) if len(array)]
    last_s = max((float(array.max()) for array in times), default=0.0)
    return [_apply(notes, pedal, last_s) if len(pedal.time_s) and len(notes) else notes for notes, pedal in parts]


def _apply(notes: Notes, pedal: PedalEvents, last_s: float) -> Notes:
    times_s, is_down = _pedal_states(pedal)
    up_times_s = times_s[~is_down]

    def down_at(when_s: Floats) -> npt.NDArray[np.bool_]:
        state = np.searchsorted(times_s, when_s, side="right") - 1
        return (state >= 0) & is_down[state]

    rings = down_at(notes.offset_s)
    next_up = np.searchsorted(up_times_s, notes.offset_s, side="right")
    released_s = np.append(up_times_s, last_s)[next_up]
    limit_s = np.where(rings, released_s, notes.offset_s)

    struck_again_s = _next_strikes(notes, down_at(notes.onset_s))
    offset_s = np.where(struck_again_s <= limit_s, struck_again_s, limit_s)
    lengthened = Notes(notes.onset_s, offset_s, notes.pitch, notes.velocity)
    return lengthened.take((struck_again_s > limit_s) | (offset_s != notes.onset_s))


def _pedal_states(pedal: PedalEvents) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The distinct times of pedal events and whether the pedal is down after each (at one instant, up wins)."""
    down = pedal.value >= PEDAL_DOWN_FROM
    order = np.lexsort((~down, pedal.time_s))
    times_s, down = pedal.time_s[order], down[order]
    last_of_instant = np.append(np.diff(times_s) > 0, True)
    return times_s[last_of_instant], down[last_of_instant]


def _next_strikes(notes: Notes, with_pedal: npt.NDArray[np.bool_]) -> Floats:
    """For each note, when its pitch is next struck with the pedal down [n]; infinity if never."""
    order = np.lexsort((notes.onset_s, notes.pitch))
    pitch = notes.pitch[order]
    strikes_s = np.where(with_pedal[order], notes.onset_s[order], np.inf)
    # The minimum over all later strikes of the pitch, found from the back; each pitch begins anew.
    result = np.full(len(notes), np.inf)
    starts = np.flatnonzero(np.diff(pitch, prepend=-1))
    for start, end in zip(starts, np.append(starts[1:], len(pitch)), strict=True):
        if end - start > 1:
            later = np.minimum.accumulate(strikes_s[start + 1 : end][::-1])[::-1]
            result[order[start : end - 1]] = later
    return result
