"""A piece while it is being written: notes in beats, a tempo that breathes, a pedal, and the MIDI file they become."""

import io
from dataclasses import dataclass, field
from random import Random

import mido

from composer.theory import Key

TICKS_PER_BEAT = 480
CHANNEL = 0
SUSTAIN = 64
PEDAL_LAG_BEATS = 0.12  # the foot comes down again a moment after the new chord


Event = tuple[int, int, mido.MetaMessage | mido.Message]  # tick, rank within the tick, message


@dataclass(order=True)
class Note:
    """`beat` and `length` in beats; `pitch` and `velocity` as in MIDI."""

    beat: float
    pitch: int
    length: float
    velocity: int


@dataclass
class Piece:
    """A title, a key, a pulse, and what the textures add: notes, pedal changes, tempo changes."""

    title: str
    key: Key
    bpm: float
    beats_per_bar: int
    seed: int
    notes: list[Note] = field(default_factory=list)
    pedal_changes: list[float] = field(default_factory=list)  # beats at which the pedal is lifted and caught
    tempi: list[tuple[float, float]] = field(default_factory=list)  # (beat, bpm)
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.tempi.append((0.0, self.bpm))

    def play(self, beat: float, pitch: int, length: float, velocity: float, *, loose: float = 0.012) -> None:
        """Adds a note; time and touch vary a little, as hands do. `loose` is that scatter, in beats."""
        at = max(0.0, beat + self.random.gauss(0.0, loose))
        touch = round(velocity + self.random.gauss(0.0, 1.8))
        self.notes.append(Note(at, pitch, length, min(max(touch, 14), 108)))

    def roll(self, beat: float, pitches: tuple[int, ...], length: float, velocity: float, spread: float) -> None:
        """A chord from below, `spread` beats from first to last note, the top one a little louder."""
        step = spread / max(len(pitches) - 1, 1)
        for i, pitch in enumerate(pitches):
            lift = 3 if i == len(pitches) - 1 else 0
            self.play(beat + i * step, pitch, length - i * step, velocity + lift, loose=0.004)

    def pedal(self, beat: float) -> None:
        """Lifts the pedal here and catches what is struck here."""
        self.pedal_changes.append(beat)

    def breathe(self, from_beat: float, beats: float, depth: float, *, ending: float = 0.0) -> None:
        """Rubato over a phrase: a little forward to its middle and back, and slower by `ending` in its last bar."""
        steps = max(2, round(beats))
        for i in range(steps):
            x = i / steps
            factor = 1.0 + depth * (1.0 - (2.0 * x - 0.9) ** 2)
            if ending and i >= steps - self.beats_per_bar:
                factor -= ending * (i - (steps - self.beats_per_bar) + 1) / self.beats_per_bar
            self.tempi.append((from_beat + beats * x, self.bpm * factor))

    @property
    def end_beat(self) -> float:
        """When the last finger leaves."""
        return max(note.beat + note.length for note in self.notes)

    def midi_bytes(self) -> bytes:
        """A type 1 file: a track of title and tempo, a track of notes and pedal. The same bytes every time."""
        midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
        midi.tracks.append(self._conductor())
        midi.tracks.append(self._piano())
        buffer = io.BytesIO()
        midi.save(file=buffer)
        return buffer.getvalue()

    def _conductor(self) -> mido.MidiTrack:
        events: list[Event] = [
            (0, 0, mido.MetaMessage("track_name", name=self.title)),
            (0, 1, mido.MetaMessage("copyright", text="Aeolian, CC0-1.0")),
            (0, 2, mido.MetaMessage("time_signature", numerator=self.beats_per_bar, denominator=4)),
        ]
        by_tick = {_tick(beat): mido.bpm2tempo(bpm) for beat, bpm in sorted(self.tempi, key=lambda t: t[0])}
        events += [(tick, 3, mido.MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in by_tick.items()]
        return _track(events)

    def _piano(self) -> mido.MidiTrack:
        events: list[Event] = [
            (0, 0, mido.MetaMessage("track_name", name="Piano")),
            (0, 1, mido.Message("program_change", channel=CHANNEL, program=0)),
        ]
        for note in released(single_strings(self.notes), self.pedal_changes):
            on, off = _tick(note.beat), max(_tick(note.beat + note.length), _tick(note.beat) + 1)
            strike = mido.Message("note_on", channel=CHANNEL, note=note.pitch, velocity=note.velocity)
            release = mido.Message("note_off", channel=CHANNEL, note=note.pitch, velocity=0)
            events += [(on, 4, strike), (off, 2, release)]
        for beat, value in self._pedal_moves():
            move = mido.Message("control_change", channel=CHANNEL, control=SUSTAIN, value=value)
            events.append((_tick(beat), 3, move))
        return _track(events)

    def _pedal_moves(self) -> list[tuple[float, int]]:
        changes = clean_pedal(self.notes, self.pedal_changes)
        moves: list[tuple[float, int]] = []
        for i, beat in enumerate(changes):
            if i:
                moves.append((beat, 0))
            moves.append((beat + PEDAL_LAG_BEATS, 127 - 9 * (i % 3)))
        if moves:
            moves.append((max(self.end_beat + 1.5, changes[-1] + 2 * PEDAL_LAG_BEATS), 0))
        return moves


def single_strings(notes: list[Note]) -> list[Note]:
    """The notes in order, each ended before its pitch is struck again; of two struck almost at once, the louder."""
    kept: dict[int, list[Note]] = {}
    for note in sorted(notes):
        line = kept.setdefault(note.pitch, [])
        if line and note.beat - line[-1].beat < 0.1:
            line[-1].velocity = max(line[-1].velocity, note.velocity)
            line[-1].length = max(line[-1].length, note.beat + note.length - line[-1].beat)
            continue
        if line and line[-1].beat + line[-1].length > note.beat - 0.02:
            line[-1].length = note.beat - 0.02 - line[-1].beat
        line.append(Note(note.beat, note.pitch, note.length, note.velocity))
    return sorted(note for line in kept.values() for note in line)


def released(notes: list[Note], changes: list[float]) -> list[Note]:
    """The notes, those that would just reach over a pedal change let go at it, lest the new pedal catch them."""
    result = []
    for note in notes:
        end = note.beat + note.length
        crossed = [beat for beat in changes if note.beat < beat - 0.1 and beat < end < beat + 0.6]
        length = min(crossed) + 0.04 - note.beat if crossed else note.length
        result.append(Note(note.beat, note.pitch, length, note.velocity))
    return result


def clean_pedal(notes: list[Note], wanted: list[float]) -> list[float]:
    """The beats of pedal changes: those wanted, and more where a struck note would grate on one that still rings.

    It grates a semitone away anywhere, and a whole tone away below C3, if the other is held by the pedal alone.
    """
    changes = sorted({round(beat, 4) for beat in wanted})
    if not changes:
        return []
    since: list[Note] = []
    result: list[float] = []
    pending = iter([*changes, float("inf")])
    upcoming = next(pending)
    for note in sorted(notes):
        while note.beat >= upcoming - 0.03:
            result.append(upcoming)
            since = []
            upcoming = next(pending)
        released = [other for other in since if other.beat + other.length < note.beat + PEDAL_LAG_BEATS]
        if any(_grates(note.pitch, other.pitch) for other in released) and note.beat < upcoming - 0.3:
            result.append(note.beat)
            since = [other for other in since if other not in released]
        since.append(note)
    return sorted(set(result))


def _grates(a: int, b: int) -> bool:
    return abs(a - b) == 1 or (abs(a - b) == 2 and min(a, b) < 48)


def _tick(beat: float) -> int:
    return round(beat * TICKS_PER_BEAT)


def _track(events: list[Event]) -> mido.MidiTrack:
    """Events (tick, rank, message) as a track: by tick, and at one tick by rank."""
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=TICKS_PER_BEAT))
    return track
