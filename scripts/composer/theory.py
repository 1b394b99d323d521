"""Keys, chords and voice leading. A degree is a step of the key's scale: 0 is a tonic near C4, 7 its octave."""

import re
from dataclasses import dataclass
from itertools import combinations, pairwise

MODES = {
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
}
TONICS = {"C": 0, "Db": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "G": 7, "Ab": 8, "A": 9, "Bb": 10, "B": 11}

# What stands on a chord's root, in steps of the scale.
SHAPES = {
    "": (0, 2, 4),
    "5": (0, 4),
    "s2": (0, 1, 4),
    "s4": (0, 3, 4),
    "6": (0, 2, 4, 5),
    "7": (0, 2, 4, 6),
    "9": (0, 2, 4, 8),
    "11": (0, 3, 4, 6),
}
_CHORD = re.compile(r"([1-7])(?::(\w+))?(?:/([1-7]))?")
WIDEST_VOICING = 19


@dataclass(frozen=True)
class Key:
    """A tonic (`Eb`) and a mode (`lydian`)."""

    tonic: str
    mode: str

    def pitch(self, degree: int) -> int:
        """The MIDI pitch of a degree."""
        octave, step = divmod(degree, 7)
        return self.base + 12 * octave + MODES[self.mode][step]

    @property
    def base(self) -> int:
        """The tonic's pitch from G3 (55) to F#4 (66)."""
        return 55 + (TONICS[self.tonic] - 55) % 12

    @property
    def pitch_classes(self) -> frozenset[int]:
        """The seven of the scale."""
        return frozenset((self.base + step) % 12 for step in MODES[self.mode])

    def degree_at_or_above(self, pitch: int) -> int:
        """The lowest degree whose pitch is `pitch` or higher."""
        degree = 7 * ((pitch - self.base) // 12) - 1
        while self.pitch(degree) < pitch:
            degree += 1
        return degree


@dataclass(frozen=True)
class Chord:
    """A root (degree 0–6), what stands on it (steps above), and the degree in the bass."""

    root: int
    shape: tuple[int, ...]
    bass: int

    @property
    def degrees(self) -> frozenset[int]:
        """The chord's degrees, each within 0–6."""
        return frozenset((self.root + step) % 7 for step in self.shape)


def chords(text: str) -> list[Chord]:
    """Chords as one writes them: `1 6:7 4:9 5:s4/1` (degree, shape, degree in the bass, counted from 1)."""
    found = []
    for word in text.split():
        match = _CHORD.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r} is no chord; write for example 4, 4:9 or 4:9/1")
        root, shape, bass = match.groups()
        found.append(Chord(int(root) - 1, SHAPES[shape or ""], int(bass or root) - 1))
    return found


def bass_pitch(key: Key, chord: Chord, low: int) -> int:
    """The chord's bass note in the octave that starts at `low`."""
    return low + (key.pitch(chord.bass) - low) % 12


def voicing(
    key: Key, chord: Chord, previous: tuple[int, ...] | None, low: int, high: int, voices: int
) -> tuple[int, ...]:
    """`voices` pitches of the chord within low…high, rising, that move least from `previous`.

    No two a semitone apart, no gap over an octave; all of the chord is there as far as voices last, its
    third and colour notes before root and fifth, which the bass implies.
    """
    classes = [key.pitch(chord.root + step) % 12 for step in chord.shape]
    pitches = [p for p in range(low, high + 1) if p % 12 in classes]
    colour = classes[1:2] + classes[3:] + classes[2:3] + classes[:1]
    wanted = set(colour[:voices])
    best: tuple[float, tuple[int, ...]] | None = None
    for candidate in combinations(pitches, voices):
        gaps = [b - a for a, b in pairwise(candidate)]
        if gaps and (min(gaps) < 2 or max(gaps) > 12 or candidate[-1] - candidate[0] > WIDEST_VOICING):
            continue
        centre = sum(candidate) / voices
        cost = 0.25 * abs(centre - (low + high) / 2) + 6.0 * len(wanted - {p % 12 for p in candidate})
        cost += 1.5 * sum(gap == 2 for gap in gaps)
        if previous is not None:
            cost += sum(min(abs(p - q) for q in previous) for p in candidate)
            cost += sum(min(abs(p - q) for p in candidate) for q in previous)
            cost += 0.5 * abs(candidate[-1] - previous[-1])
        if best is None or (cost, candidate) < best:
            best = (cost, candidate)
    if best is None:
        raise ValueError(f"no voicing of {chord} with {voices} voices within {low}…{high}")
    return best[1]
