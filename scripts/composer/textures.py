"""Seven ways of writing a piece. Each takes an empty `Piece` and fills it; what is not said is left to its seed."""

from math import pi, sin

from composer.melody import VARIATIONS, Motif, motif, sing
from composer.piece import Piece
from composer.theory import Chord, bass_pitch, chords, voicing

Sounding = list[tuple[float, float, int]]
BARS_PER_PHRASE = 4


def waltz(piece: Piece, harmony: str, form: str, *, rhythm: int | None = None, anchor_pitch: int = 69) -> None:
    """Slow three: a bass on one, a chord left hanging on two, and a melody with time on its hands."""
    theme, bars = _themes(piece, rhythm), _bars(harmony, len(form) * BARS_PER_PHRASE)
    previous: tuple[int, ...] | None = None
    sounding: Sounding = []
    for bar, chord in enumerate(bars):
        beat = 3.0 * bar
        swell = 4 * sin(pi * bar / len(bars))
        previous = voicing(piece.key, chord, previous, 53, 68, 3)
        low = bass_pitch(piece.key, chord, 36)
        piece.pedal(beat)
        piece.play(beat, low, 2.8, 44 + swell)
        piece.roll(beat + 1, previous, 1.85, 35 + swell, 0.09)
        sounding += [(beat, beat + 3, p) for p in (low, *previous)]
    _phrases(piece, theme, form, bars, sounding, anchor_pitch, velocity=58)
    _close(piece, bars[-1], previous, 3.0 * len(bars))


def tide(piece: Piece, harmony: str, form: str, *, voices: int = 4, anchor_pitch: int = 71) -> None:
    """Waves: the left hand rises and falls in quavers through each chord, louder and softer; a few notes above."""
    theme, bars = _themes(piece), _bars(harmony, len(form) * BARS_PER_PHRASE)
    meter = piece.beats_per_bar
    previous: tuple[int, ...] | None = None
    sounding: Sounding = []
    for bar, chord in enumerate(bars):
        beat = float(meter * bar)
        previous = voicing(piece.key, chord, previous, 48, 66, voices)
        low = bass_pitch(piece.key, chord, 36)
        wave = [low, *previous, *reversed(previous[1:-1])]
        crest = 9 * sin(pi * ((bar % 8) + 0.5) / 8)
        piece.pedal(beat)
        for i in range(2 * meter):
            pitch = wave[i % len(wave)] if i else low
            shape = 5 * sin(pi * i / (2 * meter))
            piece.play(beat + 0.5 * i, pitch, 0.9 if i else meter * 0.9, 36 + shape + crest + (6 if i == 0 else 0))
        sounding += [(beat, beat + meter, p) for p in (low, *previous)]
    _phrases(piece, theme, form, bars, sounding, anchor_pitch, velocity=60)
    _close(piece, bars[-1], previous, float(meter * len(bars)))


def song(piece: Piece, harmony: str, form: str, *, rhythm: int | None = None, anchor_pitch: int = 69) -> None:
    """A song without words: open bass, rolled chords that change colour, a melody in octaves at its height."""
    theme, bars = _themes(piece, rhythm), _bars(harmony, len(form) * BARS_PER_PHRASE)
    previous: tuple[int, ...] | None = None
    sounding: Sounding = []
    highest = form.rfind("h")
    for bar, chord in enumerate(bars):
        beat = 4.0 * bar
        warm = 8 if bar // BARS_PER_PHRASE == highest else 0
        previous = voicing(piece.key, chord, previous, 52, 69, 4)
        low = bass_pitch(piece.key, chord, 34)
        fifth = piece.key.pitch(chord.root + 4)
        fifth = low + 1 + (fifth - low - 1) % 12
        piece.pedal(beat)
        piece.play(beat, low, 3.8, 46 + warm)
        piece.play(beat + 1, fifth if fifth - low >= 5 else low + 12, 2.8, 36 + warm)
        piece.roll(beat + (0.5 if bar % 2 else 0.0), previous, 1.9, 38 + warm, 0.16)
        for i, pick in enumerate((2, 1, 3) if bar % 2 else (1, 3)):
            piece.play(beat + 2.5 + 0.5 * i, previous[pick], 0.9, 33 + warm + 2 * i)
        sounding += [(beat, beat + 4, p) for p in (low, fifth, *previous)]
    _phrases(piece, theme, form, bars, sounding, anchor_pitch, velocity=62, octaves_at=highest)
    _close(piece, bars[-1], previous, 4.0 * len(bars))


def bells(piece: Piece, lengths: tuple[int, ...], *, drone_low: int = 35, chord_tones: str = "1") -> None:
    """Two voices after the manner of tintinnabuli: one walks the scale, the other rings the nearest triad note.

    Each phrase is one note longer, then shorter again; the drone beneath is struck anew with each phrase.
    """
    triad = chords(chord_tones)[0]
    tonic = drone_low + (piece.key.base - drone_low) % 12
    beat = 0.0
    for i, length in enumerate(lengths):
        rising = i % 2 == 0
        anchor = 7 if i % 4 < 2 else 4
        walk = list(range(length)) if rising else [-j for j in range(length)]
        degrees = [anchor + step for step in reversed(walk)]
        arch = 10 * sin(pi * (i + 0.5) / len(lengths))
        phrase_beats = sum(_bell_lengths(length)) + 1.0
        piece.pedal(beat)
        piece.play(beat, tonic, phrase_beats * 0.95, 48 + arch / 2)
        piece.play(beat + 0.02, tonic + 7, phrase_beats * 0.95, 38 + arch / 2)
        piece.breathe(beat, phrase_beats, 0.03, ending=0.1)
        at = beat
        for degree, duration in zip(degrees, _bell_lengths(length), strict=True):
            pitch = piece.key.pitch(degree)
            if duration >= 2 and at > beat:
                piece.pedal(at)
                piece.play(at, tonic + 12, beat + phrase_beats - at, 36 + arch / 2)
            piece.play(at, pitch, duration * 0.96, 54 + arch)
            piece.play(at, _bell(piece, triad, pitch, below=i % 3 != 2), duration * 0.96, 43 + arch)
            at += duration
        beat += phrase_beats
    piece.pedal(beat)
    piece.roll(beat, (tonic, tonic + 7, tonic + 24, tonic + 31), 6.0, 42, 0.3)


def loops(piece: Piece, lines: tuple[tuple[float, str, int], ...], beats: float, *, base: int = 0) -> None:
    """Lines of unequal length, each going round for itself: `lines` are (period, notes, velocity).

    Notes are degrees from C4's tonic up, `_` waits: `5 _ 7 9`. One beat a second. They never meet the same way twice.
    """
    struck: list[tuple[float, int, float, float]] = []
    for index, (period, text, velocity) in enumerate(lines):
        words = text.split()
        start = (index * 2.7) % period if index else 0.0
        turn = 0
        while start < beats:
            fade = min(1.0, (beats - start) / 20 + 0.55)
            for i, word in enumerate(words):
                if word == "_":
                    continue
                pitch = piece.key.pitch(int(word) + base)
                touch = (velocity + 5 * sin(turn * 1.7 + index)) * fade
                struck.append((start + 1.25 * i, pitch, 4.2, touch))
            start += period
            turn += 1
    for at, pitch, length, touch in sorted(struck):
        if at < beats:
            piece.play(at, pitch, min(length, beats + 2 - at), touch, loose=0.03)
    _ring_on(piece, every=7.0, beats=beats)


def pulse(piece: Piece, harmony: str, bars_per_chord: int) -> None:
    """Minimal music: two hands in quavers, out of step; every third bar the right one slips a quaver."""
    pattern_right, pattern_left = (0, 2, 1, 3, 2, 1), (0, 1, 2, 1)
    order = chords(harmony)
    right: tuple[int, ...] | None = None
    left: tuple[int, ...] | None = None
    total = len(order) * bars_per_chord
    for index, chord in enumerate(order):
        right = voicing(piece.key, chord, right, 62, 80, 4)
        left = voicing(piece.key, chord, left, 47, 62, 3)
        low = bass_pitch(piece.key, chord, 35)
        for repeat in range(bars_per_chord):
            bar = index * bars_per_chord + repeat
            beat = 3.0 * bar
            swell = 21 * sin(pi * (bar + 0.5) / total) ** 2 + 4 * sin(2 * pi * repeat / bars_per_chord)
            if repeat % 2 == 0:
                piece.pedal(beat)
                piece.play(beat, low, 3 * min(2, bars_per_chord - repeat) - 0.4, 46 + swell)
            for i in range(6):
                step = bar * 6 + i
                accent = 5 if step % 5 == 0 else 0
                pitch = right[pattern_right[(i + bar // 3) % 6]]
                piece.play(beat + i / 2, pitch, 0.7, 41 + swell + accent, loose=0.008)
                if i % 2 == 0 or repeat % 4 == 3:
                    piece.play(beat + i / 2, left[pattern_left[step % 4]], 0.8, 37 + swell, loose=0.008)
            if repeat == bars_per_chord - 1:
                piece.play(beat, right[-1] + 12, 2.8, 46 + swell)
    _close(piece, order[-1], left, 3.0 * total)


def musicbox(piece: Piece, harmony: str, form: str, *, rhythm: int | None = None, anchor_pitch: int = 76) -> None:
    """High and small: broken chords two at a time, a tune above them, hardly any bass."""
    theme, bars = _themes(piece, rhythm), _bars(harmony, len(form) * BARS_PER_PHRASE)
    previous: tuple[int, ...] | None = None
    sounding: Sounding = []
    for bar, chord in enumerate(bars):
        beat = 4.0 * bar
        previous = voicing(piece.key, chord, previous, 57, 72, 3)
        low = bass_pitch(piece.key, chord, 43)
        piece.pedal(beat)
        piece.play(beat, low, 3.8, 40)
        for i, pick in enumerate((0, 2, 1, 2)):
            piece.play(beat + i + (0 if i else 0.5), previous[pick], 0.9, 36 + 2 * (i == 0))
        sounding += [(beat, beat + 4, p) for p in (low, *previous)]
    _phrases(piece, theme, form, bars, sounding, anchor_pitch, velocity=55)
    _close(piece, bars[-1], previous, 4.0 * len(bars))


def _themes(piece: Piece, rhythm: int | None = None) -> dict[str, Motif]:
    """The first motif and the second (form letter `b`), both of the piece's own seed."""
    first = motif(piece.random, piece.beats_per_bar, rhythm)
    return {"a": first, "b": motif(piece.random, piece.beats_per_bar)}


def _bars(harmony: str, bars: int) -> list[Chord]:
    """One chord a bar, the progression repeated until it is long enough."""
    once = chords(harmony)
    return [once[i % len(once)] for i in range(bars)]


def _phrases(
    piece: Piece,
    themes: dict[str, Motif],
    form: str,
    bars: list[Chord],
    sounding: Sounding,
    anchor_pitch: int,
    *,
    velocity: float,
    octaves_at: int = -1,
) -> None:
    """One phrase a letter of `form`: a motif `a` or `b`, a variation of `a`, or `-` for none. And the rubato."""
    meter = piece.beats_per_bar
    harmony = [(float(meter * bar), chord) for bar, chord in enumerate(bars)]
    anchor = piece.key.degree_at_or_above(anchor_pitch)
    anchor -= anchor % 7 if anchor % 7 < 4 else anchor % 7 - 4
    beats = float(meter * BARS_PER_PHRASE)
    for index, letter in enumerate(form):
        beat = beats * index
        last = index == len(form) - 1
        piece.breathe(beat, beats, 0.04, ending=0.28 if last else 0.1)
        if letter == "-":
            continue
        theme = themes["b"] if letter == "b" else VARIATIONS[letter](themes["a"])
        sing(
            piece,
            theme,
            harmony,
            sounding,
            beat=beat,
            anchor=anchor,
            velocity=velocity + (5 if letter == "h" else -3 if letter == "t" else 0),
            octaves=index == octaves_at,
        )


def _close(piece: Piece, chord: Chord, previous: tuple[int, ...] | None, beat: float) -> None:
    """The last chord: the tonic's, spread slowly, left to ring."""
    home = chords("1:9")[0]
    final = voicing(piece.key, home, previous, 52, 72, 4)
    piece.pedal(beat)
    piece.tempi.append((beat, piece.bpm * 0.8))
    piece.roll(beat, (bass_pitch(piece.key, home, 34), *final), 5.5, 40, 0.5)


def _bell_lengths(notes: int) -> list[float]:
    """All short, the last long."""
    return [1.0] * (notes - 1) + [2.0]


def _bell(piece: Piece, triad: Chord, pitch: int, *, below: bool) -> int:
    """The triad's note next to `pitch`, on the side asked for, no nearer than a minor third."""
    classes = {piece.key.pitch(degree) % 12 for degree in triad.degrees}
    step = -1 if below else 1
    candidate = pitch + 3 * step
    while candidate % 12 not in classes:
        candidate += step
    return candidate


def _ring_on(piece: Piece, *, every: float, beats: float) -> None:
    """A pedal that is changed where a note is struck, about `every` beats."""
    last = -every
    for note in sorted(piece.notes):
        if note.beat - last >= every and note.beat < beats:
            piece.pedal(note.beat)
            last = note.beat
