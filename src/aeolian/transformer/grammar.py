"""Which event may come next, so that no sequence decodes badly.

Obeyed, there is no note-off without its note, no second onset of a sounding pitch, no note without length or of more
than 10 seconds, no velocity without an onset after it, no time shift written in other parts than the encoding writes
it in, and never more than a second (or whatever is asked for) in which nothing begins or ends.
"""

import numpy as np

from aeolian.music.codec import Tokens
from aeolian.music.vocabulary import (
    END,
    MAX_SHIFT_STEPS,
    NOTE_OFF,
    NOTE_ON,
    NUM_EVENTS,
    PAD,
    START,
    STEPS_PER_SECOND,
    TIME_SHIFT,
    VELOCITY,
)
from aeolian.transformer.weights import Floats

_ONS = slice(NOTE_ON.first_token, NOTE_ON.end_token)
_SHIFTS = slice(TIME_SHIFT.first_token, TIME_SHIFT.end_token)
_VELOCITIES = slice(VELOCITY.first_token, VELOCITY.end_token)
_NOT_ONS = slice(NOTE_OFF.first_token, NUM_EVENTS)
_LONGEST_SHIFT = TIME_SHIFT.end_token - 1
_LONGEST_NOTE_STEPS = 10 * STEPS_PER_SECOND
_NO_EVENTS = [PAD, START, END]


class Grammar:
    """The state of one sequence: what sounds, since when, and what the last event was.

    `longest_rest_s`: how many whole seconds may pass between two events that are no time shifts.
    """

    def __init__(self, longest_rest_s: int = 1) -> None:
        self._longest_rest_s, self._rest_s = longest_rest_s, 0
        self._step = 0
        self._since: dict[int, int] = {}  # pitches that sound, the longest first, and the step of their onset
        self._sounding = [0] * NOTE_ON.size
        self._fresh: set[int] = set()
        self._last = self._velocity = -1
        # Legality by pitch and by velocity; legality by the last event's kind is applied on top, in `restrict`.
        self._forbidden = np.zeros(NUM_EVENTS + len(_NO_EVENTS), dtype=bool)
        self._forbidden[NOTE_OFF.first_token : NOTE_OFF.end_token] = True
        self._forbidden[_NO_EVENTS] = True

    @property
    def seconds(self) -> float:
        """The time that the events have come to."""
        return self._step / STEPS_PER_SECOND

    def copy(self) -> "Grammar":
        """An independent state."""
        other = Grammar.__new__(Grammar)
        other._longest_rest_s, other._rest_s, other._step = self._longest_rest_s, self._rest_s, self._step
        other._since = self._since.copy()
        other._sounding, other._fresh = self._sounding.copy(), self._fresh.copy()
        other._last, other._velocity = self._last, self._velocity
        other._forbidden = self._forbidden.copy()
        return other

    def follow(self, token: int) -> None:
        """Takes note of an event, legal or not: a seed may hold what the grammar would not write."""
        if not TIME_SHIFT.first_token <= token < TIME_SHIFT.end_token:
            self._rest_s = 0
        if token < NOTE_ON.end_token:
            self._sounding[token] += 1
            self._since.setdefault(token, self._step)
            self._fresh.add(token)
            self._forbidden[token] = self._forbidden[NOTE_OFF.first_token + token] = True
        elif token < NOTE_OFF.end_token:
            pitch = token - NOTE_OFF.first_token
            self._sounding[pitch] = max(0, self._sounding[pitch] - 1)
            silent = not self._sounding[pitch]
            if silent:
                self._since.pop(pitch, None)
            self._forbidden[pitch], self._forbidden[token] = not silent, silent or pitch in self._fresh
        elif token < TIME_SHIFT.end_token:
            self._rest_s += token == _LONGEST_SHIFT
            self._step += token - TIME_SHIFT.first_token + TIME_SHIFT.first_value
            for pitch in self._fresh:
                self._forbidden[NOTE_OFF.first_token + pitch] = not self._sounding[pitch]
            self._fresh.clear()
        elif token < VELOCITY.end_token:
            if self._velocity >= 0:
                self._forbidden[self._velocity] = False
            self._forbidden[token] = True
            self._velocity = token
        self._last = token

    def restrict(self, logits: Floats) -> None:
        """Sets the logits [vocabulary] of what may not come next to minus infinity, in place. Something always may."""
        logits[self._forbidden] = -np.inf
        if self._last >= VELOCITY.first_token and self._last < NUM_EVENTS:
            if not all(self._sounding):
                logits[_NOT_ONS] = -np.inf
        elif TIME_SHIFT.first_token <= self._last < _LONGEST_SHIFT or self._rest_s >= self._longest_rest_s:
            logits[_SHIFTS] = -np.inf
        if all(self._sounding):
            logits[_VELOCITIES] = -np.inf
        self._release(logits)

    def _release(self, logits: Floats) -> None:
        """Leaves nothing but its end to a note that has sounded for too long."""
        if not self._since or VELOCITY.first_token <= self._last < NUM_EVENTS:
            return
        pitch, since = next(iter(self._since.items()))
        end = NOTE_OFF.first_token + pitch
        if self._step - since >= _LONGEST_NOTE_STEPS and not self._forbidden[end]:
            kept = logits[end]
            logits[:] = -np.inf
            logits[end] = kept

    def closing(self) -> Tokens:
        """Events that end the piece: what still sounds rings for a second and is released."""
        offs = [NOTE_OFF.first_token + pitch for pitch, n in enumerate(self._sounding) for _ in range(n)]
        shift = [TIME_SHIFT.first_token + MAX_SHIFT_STEPS - TIME_SHIFT.first_value] if offs else []
        return np.array(shift + offs, dtype=np.int16)
