"""What else may lean on the model's choice: a key, a density, a pulse, and a dislike of saying the same again.

A guide sees each event (`follow`) and leans on the logits of the next (`lean`). Whatever it does, the grammar has the
last word, and none of them forbids anything for good.
"""

import re
from collections import Counter, deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aeolian.errors import UsageError
from aeolian.music.codec import Tokens
from aeolian.music.vocabulary import NOTE_OFF, NOTE_ON, STEPS_PER_SECOND, TIME_SHIFT, VELOCITIES_PER_BIN
from aeolian.transformer.likeness import Density, Loudness, Pitches, Polyphony, Returns, manner_of
from aeolian.transformer.weights import Floats

_ONS = slice(NOTE_ON.first_token, NOTE_ON.end_token)
_SHIFTS = slice(TIME_SHIFT.first_token, TIME_SHIFT.end_token)
_NOTHING: Counter[int] = Counter()
_NEVER = 50.0  # nats: as good as forbidden, but not if nothing else is legal
# Circles: in one song of 50 does a run of 24 onsets come more than 6 times in 1000. A model that does it never stops.
_CIRCLE_ONSETS, _MOST_CIRCLES, _CIRCLE_SPAN_ONSETS = 24, 6, 1000
# In at most one of 100 does a pitch come more than 12 times in a row, or a figure of 2 to 4 go on for over 35 onsets.
_MOST_ONSETS = {1: 12, 2: 35, 3: 35, 4: 35}

_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10, 11),  # natural, with the leading note of the harmonic
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "blues": (0, 3, 5, 6, 7, 10),
}
# How well each degree fits a key: C. L. Krumhansl, "Cognitive Foundations of Musical Pitch", 1990.
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


class Guide(Protocol):
    """What leans on the choice of each event of one sequence."""

    def follow(self, token: int) -> None:
        """Takes note of an event."""

    def lean(self, logits: Floats) -> None:
        """Changes the logits [vocabulary] of the next event, in place."""


@dataclass(frozen=True)
class Wishes:
    """What is asked for, for every sequence alike; by default nothing.

    `key`: such as `F# minor` or `bb dorian`, `seed` for the seed's own, or none; `key_strength` nats are taken from
    onsets outside it. `density`: onsets a second to stay near; `polyphony`: notes that sound at once; `loudness`: mean
    velocity, 1…127; 0 for the model's own, None for the seed's. `register`, `pitch_classes`: how strongly to stay with
    the seed's. `pulse`: keep onsets on the seed's pulse, with so many nats; 0 leaves time alone. `no_repeat`: no run of
    so many onsets comes twice; 0: may. `returns`: how strongly to keep what was heard before from coming again for
    long. Whatever is asked for, no piece goes round in circles for long, or trills for ever.
    """

    key: str = ""
    key_strength: float = 3.0
    density: float | None = 0.0
    pulse: float = 0.0
    no_repeat: int = 0
    polyphony: float | None = 0.0
    loudness: float | None = 0.0
    register: float = 0.0
    pitch_classes: float = 0.0
    returns: float = 0.0

    def guides(self, prime: Tokens) -> list[Guide]:
        """Fresh guides for one sequence that goes on from `prime` [n]. Raises UsageError for an unknown key."""
        made: list[Guide] = [NoRepeat(_CIRCLE_ONSETS, _MOST_CIRCLES, _CIRCLE_SPAN_ONSETS), NoTremolo()]
        if self.key:
            made.append(InKey(scale(self.key, prime), self.key_strength))
        if self.pulse and (period := pulse_steps(prime)):
            made.append(Pulse(period, self.pulse))
        if self.no_repeat:
            made.append(NoRepeat(self.no_repeat))
        made += self._likenesses(prime)
        for token in prime.tolist():
            for guide in made:
                guide.follow(token)
        for guide in made:
            if isinstance(guide, Returns):
                guide.begin()
        return made

    def _likenesses(self, prime: Tokens) -> list[Guide]:
        """The guides that stay near something measured: a number given, or the seed's."""
        made: list[Guide] = []
        seed = manner_of(prime)
        if density := self.density if self.density is not None else seed and seed.density:
            made.append(Density(density))
        if polyphony := self.polyphony if self.polyphony is not None else seed and seed.polyphony:
            made.append(Polyphony(polyphony, seed.lengths if seed and self.polyphony is None else None))
        if self.loudness is None and seed:
            made.append(Loudness(seed.loudness, seed.loudness_spread))
        elif self.loudness:
            made.append(Loudness((self.loudness - 1) / VELOCITIES_PER_BIN + 1, 2.0))
        if seed and (self.register or self.pitch_classes):
            made.append(Pitches(seed.pitches, self.register, self.pitch_classes))
        if self.returns:
            made.append(Returns(self.returns))
        return made


class InKey:
    """Onsets of pitch classes outside a scale become rarer."""

    def __init__(self, pitch_classes: frozenset[int], strength: float) -> None:
        outside = [pitch % 12 not in pitch_classes for pitch in range(NOTE_ON.size)]
        self._penalty = np.array(outside, np.float32) * np.float32(strength)

    def follow(self, token: int) -> None:
        """A key needs no memory."""

    def lean(self, logits: Floats) -> None:
        """Takes the penalty from onsets outside the scale."""
        logits[_ONS] -= self._penalty


class Pulse:
    """Time shifts that land on the pulse become likelier than those that land beside it."""

    def __init__(self, period_steps: float, strength: float) -> None:
        self._period, self._strength = period_steps, strength
        self._step, self._phase = 0, 0.0
        self._shifts = np.arange(TIME_SHIFT.size) + TIME_SHIFT.first_value
        self._onsets: deque[int] = deque(maxlen=32)

    def follow(self, token: int) -> None:
        """Counts time, and hears where the pulse lies from the last onsets."""
        if token < NOTE_ON.end_token:
            self._onsets.append(self._step)
            turns = np.exp(2j * np.pi * np.array(self._onsets) / self._period).sum()
            self._phase = float(np.angle(turns))
        elif TIME_SHIFT.first_token <= token < TIME_SHIFT.end_token:
            self._step += token - TIME_SHIFT.first_token + TIME_SHIFT.first_value

    def lean(self, logits: Floats) -> None:
        """Adds strength · cos of the place in the pulse where each time shift would land."""
        landing = 2 * np.pi * (self._step + self._shifts) / self._period - self._phase
        logits[_SHIFTS] += (self._strength * np.cos(landing)).astype(np.float32)


class NoRepeat:
    """No run of n onsets comes more than `times` with the same pitches (after Paulus et al. 2018).

    Of pitches alone: time and velocity are never quite the same, so that runs of events hardly ever come twice.
    `span`: how many onsets back it remembers; None for all.
    """

    def __init__(self, n: int, times: int = 1, span: int | None = None) -> None:
        self._last: deque[int] = deque(maxlen=n - 1)
        self._times, self._span = times, span
        self._runs: deque[tuple[tuple[int, ...], int]] = deque()
        self._seen: dict[tuple[int, ...], Counter[int]] = {}

    def follow(self, token: int) -> None:
        """Remembers which pitch came after the last n - 1."""
        if token >= NOTE_ON.end_token:
            return
        if len(self._last) == self._last.maxlen:
            run = tuple(self._last)
            self._seen.setdefault(run, Counter())[token] += 1
            if self._span is not None:
                self._runs.append((run, token))
                if len(self._runs) > self._span:
                    self._forget(*self._runs.popleft())
        self._last.append(token)

    def _forget(self, run: tuple[int, ...], pitch: int) -> None:
        self._seen[run][pitch] -= 1
        if not self._seen[run].total():
            del self._seen[run]

    def lean(self, logits: Floats) -> None:
        """Takes away the pitches that came before."""
        for pitch, count in self._seen.get(tuple(self._last), _NOTHING).items():
            if count >= self._times:
                logits[pitch] -= _NEVER


class NoTremolo:
    """A note, or a figure of up to four, that has gone on for as long as it does in songs must end."""

    def __init__(self) -> None:
        self._last: deque[int] = deque(maxlen=max(_MOST_ONSETS))
        self._onsets = dict.fromkeys(_MOST_ONSETS, 0)  # of the figure of so many that goes on now

    def follow(self, token: int) -> None:
        """Counts how long the figure of each size goes on."""
        if token >= NOTE_ON.end_token:
            return
        for size, onsets in self._onsets.items():
            goes_on = len(self._last) >= size and self._last[-size] == token
            self._onsets[size] = max(onsets, size) + 1 if goes_on else 0
        self._last.append(token)

    def lean(self, logits: Floats) -> None:
        """Takes away the pitch with which a figure would go on for too long."""
        for size, most in _MOST_ONSETS.items():
            if self._onsets[size] >= most:
                logits[self._last[-size]] -= _NEVER


def scale(key: str, prime: Tokens) -> frozenset[int]:
    """The pitch classes of a key by its name, or, for `seed`, of the key that the onsets of `prime` fit best."""
    if key.strip().lower() == "seed":
        return _best_key(prime)
    match = re.fullmatch(r"\s*([a-g])(#|♯|b|♭)?\s*(m|maj|min|[a-z]{3,})?\s*", key.strip().lower())
    mode = {"": "major", "maj": "major", "m": "minor", "min": "minor"}.get(name := (match and match[3]) or "", name)
    if match is None or mode not in SCALES:
        raise UsageError(
            f"There is no key {key!r}.",
            remedy=f"Name a note and a scale, such as 'F# minor', or seed. Scales: {', '.join(SCALES)}.",
        )
    tonic = _LETTERS[match[1]] + {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(match[2] or "", 0)
    return frozenset((tonic + degree) % 12 for degree in SCALES[mode])


def _best_key(prime: Tokens) -> frozenset[int]:
    counts = np.bincount(prime[prime < NOTE_ON.end_token] % 12, minlength=12).astype(np.float64)
    if not counts.any():
        return frozenset(range(12))
    fits = {
        (name, tonic): float(np.corrcoef(counts, np.roll(profile, tonic))[0, 1])
        for name, profile in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    }
    name, tonic = max(fits, key=lambda at: (np.nan_to_num(fits[at]), at))
    return frozenset((tonic + degree) % 12 for degree in SCALES[name])


def pulse_steps(prime: Tokens) -> float:
    """The period, 12 to 60 steps of 10 ms, on which the onsets of `prime` lie most sharply; 0 where there are too few.

    Of the periods on which they lie about as sharply, the longest: a pulse also fits its own halves.
    """
    is_shift = (prime >= TIME_SHIFT.first_token) & (prime < TIME_SHIFT.end_token)
    steps = np.cumsum(np.where(is_shift, prime.astype(np.int64) - TIME_SHIFT.first_token + TIME_SHIFT.first_value, 0))
    onsets = np.unique(steps[prime < NOTE_OFF.first_token])
    if len(onsets) < 8:
        return 0.0
    onsets = onsets - onsets[0]
    periods: npt.NDArray[np.float64] = np.arange(12.0, 60.0, 0.05)
    # Locally, within 8 s: a performer's tempo drifts.
    sharpness = np.zeros(len(periods))
    for start in range(0, int(onsets[-1]) + 1, 8 * STEPS_PER_SECOND):
        part = onsets[(onsets >= start) & (onsets < start + 8 * STEPS_PER_SECOND)]
        sharpness += np.abs(np.exp(2j * np.pi * part[:, None] / periods).sum(axis=0))
    sharp = np.flatnonzero(sharpness >= 0.95 * sharpness.max())
    peak = np.split(sharp, np.flatnonzero(np.diff(sharp) > 1) + 1)[-1]
    return float(periods[peak[sharpness[peak].argmax()]])
