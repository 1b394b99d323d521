"""Motifs, how they vary, and how a motif becomes a phrase over chords."""

import random
from dataclasses import dataclass
from math import pi, sin

from composer.piece import Piece
from composer.theory import Chord

# Rhythms of four bars: (start, length) in beats. Long notes at the ends, so that phrases breathe.
RHYTHMS = {
    3: (
        ((0, 2), (2, 1), (3, 3), (6, 1), (7, 1), (8, 1), (9, 3)),
        ((0, 3), (3, 2), (5, 1), (6, 3), (9, 2), (11, 1)),
        ((1, 1), (2, 1), (3, 2), (5, 1), (6, 2), (8, 1), (9, 3)),
        ((0, 1.5), (1.5, 0.5), (2, 1), (3, 3), (7, 1), (8, 1), (9, 3)),
    ),
    4: (
        ((0, 1.5), (1.5, 0.5), (2, 2), (4, 1), (5, 1), (6, 2), (8, 1.5), (9.5, 0.5), (10, 2), (12, 4)),
        ((0, 3), (3, 1), (4, 2), (6, 2), (8, 3), (11, 1), (12, 4)),
        ((1, 1), (2, 1), (3, 1), (4, 3), (9, 1), (10, 1), (11, 1), (12, 3)),
        ((0, 2), (2, 1), (3, 0.5), (3.5, 0.5), (4, 3), (8, 2), (10, 1), (11, 1), (12, 4)),
        ((0.5, 0.5), (1, 1), (2, 1.5), (3.5, 0.5), (4, 3), (8.5, 0.5), (9, 1), (10, 1.5), (11.5, 0.5), (12, 3.5)),
    ),
}
STEPS = (-2, -1, -1, -1, 1, 1, 1, 2, 2, 3, -3, 4)


@dataclass(frozen=True)
class Motif:
    """(start, length, degree above the anchor) over four bars."""

    notes: tuple[tuple[float, float, int], ...]


def motif(source: random.Random, beats_per_bar: int, rhythm: int | None = None) -> Motif:
    """A new motif: mostly steps, each leap filled by a step back, an arch overall, resting on 0, 2 or 4."""
    choices = RHYTHMS[beats_per_bar]
    beats = choices[source.randrange(len(choices)) if rhythm is None else rhythm]
    degrees = [source.choice((0, 2, 4))]
    for i in range(1, len(beats)):
        last_step = degrees[-1] - degrees[-2] if i > 1 else 0
        fills = -1 if last_step > 0 else 1
        step = fills if abs(last_step) >= 2 else source.choice(STEPS)
        height = degrees[-1] + step
        pull = 5 * sin(pi * i / len(beats))
        if abs(height - pull) > 4:
            height = degrees[-1] - step
        degrees.append(min(max(height, -2), 8))
    degrees[-1] = min((0, 2, 4), key=lambda stable: abs(stable - degrees[-2]))
    return Motif(tuple((s, n, d) for (s, n), d in zip(beats, degrees, strict=True)))


def lifted(theme: Motif, steps: int) -> Motif:
    """Higher by so many degrees."""
    return Motif(tuple((s, n, d + steps) for s, n, d in theme.notes))


def answered(theme: Motif) -> Motif:
    """Upside down around its first note."""
    first = theme.notes[0][2]
    return Motif(tuple((s, n, 2 * first - d + 2) for s, n, d in theme.notes))


def thinned(theme: Motif) -> Motif:
    """Only what matters: the first, the last, and each long note; what remains rings longer."""
    kept = [x for i, x in enumerate(theme.notes) if i in (0, len(theme.notes) - 1) or x[1] >= 2]
    ends = [*(start for start, _, _ in kept[1:]), kept[-1][0] + kept[-1][1]]
    return Motif(tuple((s, e - s, d) for (s, _, d), e in zip(kept, ends, strict=True)))


def ornamented(theme: Motif) -> Motif:
    """Each second long note is approached from its upper neighbour."""
    notes: list[tuple[float, float, int]] = []
    for i, (start, length, degree) in enumerate(theme.notes):
        if length >= 2 and i % 2 == 1:
            notes += [(start, 0.5, degree + 1), (start + 0.5, length - 0.5, degree)]
        else:
            notes.append((start, length, degree))
    return Motif(tuple(notes))


VARIATIONS = {
    "a": lambda theme: theme,
    "h": lambda theme: lifted(theme, 2),
    "i": answered,
    "t": thinned,
    "o": ornamented,
}


def sing(
    piece: Piece,
    theme: Motif,
    harmony: list[tuple[float, Chord]],
    sounding: list[tuple[float, float, int]],
    *,
    beat: float,
    anchor: int,
    velocity: float,
    arch: float = 10.0,
    until: float = float("inf"),
    octaves: bool = False,
) -> None:
    """Plays a motif from `beat` on, fitted to `harmony` [(beat, chord)] and kept off what is `sounding`.

    Notes on a bar's first beat, and long ones, move to the nearest chord tone; no note is struck a semitone from
    one of `sounding` [(from, to, pitch)]. `anchor` is the degree that the motif's 0 stands for.
    """
    span = max(start + length for start, length, _ in theme.notes)
    for start, length, offset in theme.notes:
        at = beat + start
        if at >= until:
            break
        length = min(length, until - at)
        chord = [c for b, c in harmony if b <= at + 1e-6][-1]
        degree = anchor + offset
        strong = start % piece.beats_per_bar == 0 or length >= 2
        ringing = [q for f, t, q in sounding if f <= at < t]
        degree = _fitted(piece, degree, chord if strong else None, ringing)
        touch = velocity + arch * sin(pi * (start + 0.5) / span) + (3 if strong else 0)
        pitch = piece.key.pitch(degree)
        piece.play(at, pitch, length * 0.97, touch, loose=0.015)
        if octaves and all(abs(pitch - 12 - other) > 2 for other in ringing):
            piece.play(at, pitch - 12, length * 0.97, touch - 9, loose=0.015)


def _fitted(piece: Piece, degree: int, chord: Chord | None, ringing: list[int]) -> int:
    """The nearest degree that belongs to `chord` (if given) and grates on nothing that rings."""
    for shift in (0, -1, 1, -2, 2, -3, 3):
        candidate = degree + shift
        if chord is not None and candidate % 7 not in chord.degrees:
            continue
        if all(abs(piece.key.pitch(candidate) - other) != 1 for other in ringing):
            return candidate
    return degree
