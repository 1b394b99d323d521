"""Guides that keep a continuation like its seed: how full it is, how high, how loud, how long its notes ring.

Each knows what the seed was like and what has been played lately, and leans on the next event by what is missing: a
controller with a proportional part, for what is lacking now, and an integral one, for what the model lacks all the
time. So a seed that is like what the model would play anyway is hardly touched.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from aeolian.music.codec import Tokens, decode, length_s, velocity_bins
from aeolian.music.notes import Ints
from aeolian.music.vocabulary import NOTE_OFF, NOTE_ON, STEPS_PER_SECOND, TIME_SHIFT, VELOCITY
from aeolian.transformer.weights import Floats

_ONS = slice(NOTE_ON.first_token, NOTE_ON.end_token)
_OFFS = slice(NOTE_OFF.first_token, NOTE_OFF.end_token)
_VELOCITIES = slice(VELOCITY.first_token, VELOCITY.end_token)
_SHIFTED = TIME_SHIFT.first_token - TIME_SHIFT.first_value
_SHIFTS = slice(TIME_SHIFT.first_token, TIME_SHIFT.end_token)
_LOG_SHIFTS = np.log(np.arange(TIME_SHIFT.size, dtype=np.float32) + TIME_SHIFT.first_value)
_SEMITONES = 12
FEWEST_NOTES = 8  # a seed of fewer is not known well enough to stay like it
_LEAST = 1e-3
_NEIGHBOURS = 3.0  # semitones
_PLAIN = 0.3
_SMALL = np.float32(0.05), np.float32(0.3)  # notes that make no difference to a pitch, to a pitch class
_MEAN_OF_NOTES, _TILT, _MOST_TILT = 32, 1.0, 1.5


@dataclass(frozen=True, eq=False)
class Manner:
    """What a seed is like.

    `density`: onsets a second. `polyphony`: seconds of notes a second. `loudness`, `loudness_spread`: mean and standard
    deviation of the velocity bins 1…32. `pitches` [128]: how often each pitch was struck. `lengths`: of each note, in
    steps of 10 ms. `longest_rest_s`: the longest
    time in which nothing began or ended.
    """

    density: float
    polyphony: float
    loudness: float
    loudness_spread: float
    pitches: Floats
    lengths: Ints
    longest_rest_s: float


def manner_of(prime: Tokens) -> Manner | None:
    """What the events [n] of a seed are like; None for fewer than eight notes."""
    notes, seconds = decode(prime), length_s(prime)
    if len(notes) < FEWEST_NOTES or not seconds:
        return None
    bins = velocity_bins(notes.velocity)
    changes = np.unique(np.concatenate([notes.onset_s, notes.offset_s]))
    return Manner(
        density=len(notes) / seconds,
        polyphony=float((notes.offset_s - notes.onset_s).sum()) / seconds,
        loudness=float(bins.mean()),
        loudness_spread=float(bins.std()),
        pitches=np.bincount(notes.pitch, minlength=NOTE_ON.size).astype(np.float32),
        lengths=np.rint((notes.offset_s - notes.onset_s) * STEPS_PER_SECOND).astype(np.int64),
        longest_rest_s=float(np.diff(changes).max()) if len(changes) > 1 else 0.0,
    )


class Controller:
    """How much to lean, in nats, from how much is lacking, again and again."""

    def __init__(self, gain: float, rate: float, most: float) -> None:
        self._gain, self._rate, self._most, self._sum = gain, rate, most, 0.0

    def lean(self, lack: float) -> float:
        """What is lacking now, as the logarithm of a ratio, makes this much."""
        return max(-self._most, min(self._gain * lack + self._sum, self._most))

    def learn(self, lack: float, weight: float = 1.0) -> None:
        """Remembers what was lacking for `weight` seconds."""
        self._sum = max(-self._most, min(self._sum + self._rate * lack * weight, self._most))


class Density:
    """Onsets become likelier when there were too few of them in the last seconds, time shifts when too many."""

    def __init__(self, onsets_per_s: float, gain: float = 1.5, rate: float = 0.1, stretch: float = 0.4) -> None:
        self._wanted, self._stretch = onsets_per_s, np.float32(stretch)
        # Long enough for 16 notes, so that one note more is no great change.
        self._window_steps = STEPS_PER_SECOND * max(4.0, min(16.0 / onsets_per_s, 20.0))
        self._onsets: deque[int] = deque()
        self._step = 0
        self._control = Controller(gain, rate, 4.0)

    def follow(self, token: int) -> None:
        """Counts onsets and time."""
        if token < NOTE_ON.end_token:
            self._onsets.append(self._step)
        elif TIME_SHIFT.first_token <= token < TIME_SHIFT.end_token:
            steps = token - _SHIFTED
            self._control.learn(self._lack(), steps / STEPS_PER_SECOND)
            self._step += steps
            while self._onsets and self._onsets[0] < self._step - self._window_steps:
                self._onsets.popleft()

    def _lack(self) -> float:
        heard_s = min(self._step, self._window_steps) / STEPS_PER_SECOND
        return math.log((self._wanted * heard_s + 2.0) / (len(self._onsets) + 2.0))

    def lean(self, logits: Floats) -> None:
        """Moves onsets (and the velocities that announce them) by what is missing, and time shifts among themselves.

        After most time shifts something has to begin or end, so that longer shifts alone make room.
        """
        lean = np.float32(self._control.lean(self._lack()))
        logits[_ONS] += lean
        logits[_VELOCITIES] += lean
        _move(logits[_SHIFTS], -self._stretch * lean * _LOG_SHIFTS)


class Polyphony:
    """Notes end sooner when more sounded in the last seconds than is wanted, later when fewer.

    And each rather at an age at which notes of the seed ended: `lengths` [n], their steps.
    """

    def __init__(
        self,
        wanted: float,
        lengths: Ints | None = None,
        *,
        gain: float = 1.5,
        rate: float = 0.1,
        window_s: float = 6.0,
        age: float = 1.5,
    ) -> None:
        self._wanted, self._window_s = max(wanted, 0.1), window_s
        self._lengths = np.sort(lengths) if lengths is not None and len(lengths) else None
        self._age = age
        self._since: dict[int, int] = {}  # the step at which each sounding pitch was struck
        self._step, self._mean = 0, self._wanted
        self._control = Controller(gain, rate, 3.0)

    def follow(self, token: int) -> None:
        """Counts what sounds, for how long."""
        if token < NOTE_ON.end_token:
            self._since[token] = self._step
        elif token < NOTE_OFF.end_token:
            self._since.pop(token - NOTE_OFF.first_token, None)
        elif token < TIME_SHIFT.end_token:
            steps = token - _SHIFTED
            self._step += steps
            seconds = steps / STEPS_PER_SECOND
            kept = math.exp(-seconds / self._window_s)
            self._mean = kept * self._mean + (1 - kept) * len(self._since)
            self._control.learn(self._lack(), seconds)

    def _lack(self) -> float:
        return math.log((self._wanted + 0.2) / (self._mean + 0.2))

    def lean(self, logits: Floats) -> None:
        """Takes from note-offs what is missing, and from those of notes that are young for the seed."""
        if not self._since:
            return
        lean = self._control.lean(self._lack())
        if self._lengths is None:
            logits[_OFFS] -= np.float32(lean)
            return
        pitches = np.fromiter(self._since, np.int64) + NOTE_OFF.first_token
        ages = self._step - np.fromiter(self._since.values(), np.int64)
        ended = np.searchsorted(self._lengths, ages, side="right") / len(self._lengths)
        logits[pitches] += (self._age * np.log(2 * ended + 0.1) - lean).astype(np.float32)


class Pitches:
    """Pitches that the seed has and that were not struck of late become likelier, those it lacks rarer.

    By how high they are (a distribution smoothed over neighbours, and its mean) and by pitch class. How likely an onset
    is at all stays as it was. `register` and `classes`: how strongly, 1 for as much as is lacking.
    """

    def __init__(
        self, struck: Floats, register: float, classes: float, *, memory: float = 96.0, pseudo: float = 16.0
    ) -> None:
        pitches = np.arange(NOTE_ON.size, dtype=np.float32)
        kernel = np.exp(-0.5 * ((pitches[:, None] - pitches) / np.float32(_NEIGHBOURS)) ** 2)
        self._kernel = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
        self._strengths = np.float32(register), np.float32(classes)
        self._kept, self._pseudo = np.float32(1 - 1 / memory), np.float32(pseudo)
        self._of_class = np.arange(NOTE_ON.size) % _SEMITONES
        shares = struck / struck.sum()
        by_class = np.bincount(self._of_class, shares, minlength=_SEMITONES).astype(np.float32)
        self._wanted = (shares @ self._kernel).astype(np.float32) + _LEAST / NOTE_ON.size, by_class + _LEAST
        self._mean = float(shares @ pitches)
        self._from_mean = (pitches - np.float32(self._mean)) / max(float(shares @ (pitches - self._mean) ** 2), 4.0)
        self._mean_heard = self._mean
        # Before anything is known of what the model would play: a little of what the seed is like.
        even = [np.maximum(np.log(wanted / wanted.max()), -8.0) for wanted in self._wanted]
        self._plain = [np.float32(_PLAIN) * leaning for leaning in even]
        self._heard = np.zeros(NOTE_ON.size, np.float32), np.zeros(_SEMITONES, np.float32)
        self._count = np.float32(0.0)
        self._leaning = self._strengths[0] * self._plain[0] + self._strengths[1] * self._plain[1][self._of_class]

    def follow(self, token: int) -> None:
        """Takes note of a pitch."""
        if token >= NOTE_ON.end_token:
            return
        high, classes = self._heard
        high *= self._kept
        high += self._kernel[token]
        classes *= self._kept
        classes[token % _SEMITONES] += 1
        self._count = self._count * self._kept + 1
        self._mean_heard += (token - self._mean_heard) / _MEAN_OF_NOTES
        by_height, by_class = (
            np.log(((self._pseudo + self._count) * wanted + each) / (heard + self._pseudo * wanted + each)) + plain
            for wanted, heard, plain, each in zip(self._wanted, self._heard, self._plain, _SMALL, strict=True)
        )
        tilt = np.float32(_TILT * (self._mean - self._mean_heard))
        by_height += np.clip(tilt * self._from_mean, -_MOST_TILT, _MOST_TILT)
        leaning = self._strengths[0] * by_height + self._strengths[1] * by_class[self._of_class]
        self._leaning = np.clip(leaning, -8.0, 2.0)

    def lean(self, logits: Floats) -> None:
        """Moves onsets among themselves."""
        _move(logits[_ONS], self._leaning)


class Loudness:
    """Velocities near the seed's become likelier, and more so those that bring the mean of the last notes there."""

    def __init__(self, wanted: float, spread: float, gain: float = 1.0, memory: float = 24.0) -> None:
        self._wanted, self._gain, self._kept = wanted, gain, 1 - 1 / memory
        self._bins = np.arange(VELOCITY.size, dtype=np.float32) + VELOCITY.first_value
        self._variance = max(spread, 1.5) ** 2
        self._near = (-0.25 * (self._bins - wanted) ** 2 / self._variance).astype(np.float32)
        self._now, self._mean = round(wanted), wanted
        self._leaning = self._near

    def follow(self, token: int) -> None:
        """Hears how loud a note is."""
        if VELOCITY.first_token <= token < VELOCITY.end_token:
            self._now = token - VELOCITY.first_token + VELOCITY.first_value
        elif token < NOTE_ON.end_token:
            self._mean = self._kept * self._mean + (1 - self._kept) * self._now
            tilt = self._gain * (self._wanted - self._mean) / self._variance
            self._leaning = np.clip(self._near + np.float32(tilt) * (self._bins - self._wanted), -4.0, 4.0)

    def lean(self, logits: Floats) -> None:
        """Moves velocities, and onsets as the velocity in force is wanted."""
        logits[_VELOCITIES] += self._leaning
        logits[_ONS] += self._leaning[self._now - VELOCITY.first_value]


class Returns:
    """What was heard before may come again, but not for long.

    Of runs of eight pitches, some may stand in the seed and some in what was played since: a theme returns. Where more
    of the last notes than `allowed` belong to such runs, the pitch that would go on with one becomes rarer, the more
    so the more there were of them.
    """

    RUN = 8

    def __init__(self, strength: float, allowed: float = 0.1, memory: float = 96.0) -> None:
        self._allowed, self._strength, self._kept = allowed, strength, 1 - 1 / memory
        self._last: deque[int] = deque(maxlen=self.RUN - 1)
        self._known: dict[tuple[int, ...], set[int]] = {}
        self._left, self._heard = 0, 0.0

    def follow(self, token: int) -> None:
        """Remembers which pitch came after the last seven, and counts those that belong to what was heard before."""
        if token >= NOTE_ON.end_token:
            return
        again = 0
        if len(self._last) == self.RUN - 1:
            known = self._known.setdefault(tuple(self._last), set())
            if token in known:
                again = self.RUN if not self._left else 1
                self._left = self.RUN
            known.add(token)
        self._left = max(0, self._left - 1)
        self._heard = self._heard * self._kept + again * (1 - self._kept)
        self._last.append(token)

    def begin(self) -> None:
        """What came until now is the seed: its own returns are no debt."""
        self._heard, self._left = 0.0, 0

    def lean(self, logits: Floats) -> None:
        """Takes from the pitches that came after the last seven before."""
        if (known := self._known.get(tuple(self._last))) and self._strength:
            over = self._heard + self.RUN / 96.0 - self._allowed
            if over > 0:
                logits[list(known)] -= np.float32(min(self._strength * over, 20.0))


def _move(logits: Floats, leaning: Floats) -> None:
    """Leans on events of one kind [n], in place, so that one of them is as likely as before."""
    top = logits.max()
    before = np.exp(logits - top).sum()
    logits += leaning
    logits += np.log(before / np.exp(logits - top).sum())
