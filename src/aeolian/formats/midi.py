"""Standard MIDI files, read to the notes that pretty_midi, and so note-seq and the models trained with it, give.

symusic reads them, in about a hundredth of pretty_midi's time. The two differ where a pitch is struck again before it
is released: symusic lets the next note-off end the oldest note, pretty_midi all of them. What pretty_midi would do is
worked out from symusic's answer; where that leaves a doubt, where several programs share a track, or where symusic
would misread the file (`formats.smf_scan`), it is read again, event by event, by `formats.smf`. Times are
pretty_midi's: float64, in its order of operations.

Where pretty_midi and note-seq are wrong about a file, it is read as the specification has it, and what was odd about
it is said: tempos count in whatever track they stand, patterns of format 2 follow one another, and drums are no notes
of a piano. docs/midi.md lists all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import symusic

from aeolian.errors import InputError
from aeolian.formats import smf, smf_scan
from aeolian.formats.meter import Meter
from aeolian.formats.smf_chunks import Chunks, find_chunks
from aeolian.formats.tempo_map import TempoMap
from aeolian.music.notes import Ints, Notes
from aeolian.music.pedal import PedalEvents, apply_sustain

MAX_FILE_BYTES = 64 << 20
MAX_HOURS = 168
BOUNDARY_MARK = "continuation"
DEFAULT_TICKS_PER_QUARTER = 480
_LARGEST_TICK = 0x0FFFFFFF
_SPAN_TICKS = 1 << 32


@dataclass(frozen=True, eq=False)
class Part:
    """What one instrument plays: notes as struck, its sustain pedal, its General MIDI program, and if it is drums."""

    notes: Notes
    pedal: PedalEvents
    program: int
    is_drum: bool


@dataclass(frozen=True, eq=False)
class Score:
    """A MIDI file as read: its parts in file order, and what a user should know of how they were read."""

    parts: list[Part]
    remarks: list[str] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    boundary_s: float | None = None  # where a continuation begins, if it is marked

    @property
    def drum_notes(self) -> int:
        """How many notes are drums."""
        return sum(len(part.notes) for part in self.parts if part.is_drum)

    def notes(self, *, sustain: bool = True) -> Notes:
        """The notes of all parts but drums, part after part.

        With `sustain`, each note rings as long as the pedal of its part lets it.
        """
        notes = [Notes.empty() if part.is_drum else part.notes for part in self.parts]
        if sustain:
            notes = apply_sustain([(own, part.pedal) for own, part in zip(notes, self.parts, strict=True)])
        return Notes.joined(notes)


def read_midi(path: Path, *, sustain: bool = True) -> Notes:
    """The notes of all parts of a MIDI file but drums, as `Score.notes` gives them. Raises as `read_score` does."""
    return read_score(path).notes(sustain=sustain)


def read_score(path: Path) -> Score:
    """Reads a MIDI file, with or without a RIFF wrapper.

    Raises InputError, saying what is wrong, for a file that is empty, is not MIDI, is damaged, or goes on for more than
    MAX_HOURS.
    """
    chunks = find_chunks(_content(path))
    found = _read_fast(chunks) or _read_exactly(chunks)
    parts, meter = found.parts, Meter(chunks.division, found.tempos, found.signatures)
    _check_duration(parts)
    remarks = [*chunks.remarks]
    if chunks.format == smf.FORMAT_OF_PATTERNS and len(chunks.tracks) > 1:
        remarks.append(f"its {len(chunks.tracks)} patterns (MIDI format 2) follow one another")
    if still := sum(tempo == 0 for _, tempo in found.tempos):
        remarks.append(f"{still} {'tempo' if still == 1 else 'tempos'} of 0 left out")
    marks = np.array([tick for tick, text in found.markers if text == BOUNDARY_MARK], np.int64)
    boundary_s = float(meter.tempo_map.seconds(marks)[0]) if len(marks) else None
    score = Score(parts, remarks, meter, boundary_s)
    if score.drum_notes:
        remarks.append(say_drums(score.drum_notes))
    return score


def say_drums(count: int) -> str:
    """That so many drum notes are no notes of a piano."""
    return f"{count} drum {'note' if count == 1 else 'notes'} (channel 10) left out"


def write_midi(
    path: Path,
    notes: Notes,
    *,
    program: int = 0,
    bpm: float = 120.0,
    ticks_per_quarter: int = DEFAULT_TICKS_PER_QUARTER,
) -> None:
    """Writes a one-track MIDI file: times rounded to ticks, no note shorter than one, the same bytes every time.

    A quarter note is halved in ticks as often as it takes to count to the last note's end in 28 bits, the most that a
    delta time holds: from 77 hours on, with the defaults.
    """
    while notes.end_s * ticks_per_quarter * bpm / 60.0 >= _LARGEST_TICK and ticks_per_quarter > 1:
        ticks_per_quarter //= 2
    ticks_per_s = ticks_per_quarter * bpm / 60.0
    ordered = notes.sorted()
    onset_ticks = np.rint(ordered.onset_s * ticks_per_s).astype(np.int32)
    offset_ticks = np.rint(ordered.offset_s * ticks_per_s).astype(np.int32)
    score = symusic.Score(ticks_per_quarter)
    score.tempos.append(symusic.Tempo(0, bpm))
    track = symusic.Track(name="", program=program, is_drum=False)
    track.notes = symusic.Note.from_numpy(
        onset_ticks,
        np.maximum(offset_ticks - onset_ticks, 1).astype(np.int32),
        ordered.pitch.astype(np.int8),
        ordered.velocity.astype(np.int8),
    )
    score.tracks.append(track)
    path.write_bytes(score.dumps_midi())


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(
                f"{size >> 20:,} MiB are too many for a MIDI file; {MAX_FILE_BYTES >> 20} MiB are the limit."
            )
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}.") from error
    if not content:
        raise InputError("empty file (0 bytes).")
    return content


@dataclass(frozen=True, eq=False)
class _Found:
    """What stands in a file: parts, and by tick tempos, time signatures and markers."""

    parts: list[Part]
    tempos: Sequence[tuple[int, int]]
    signatures: Sequence[tuple[int, int, int]]
    markers: Sequence[tuple[int, str]]


def _read_fast(chunks: Chunks) -> _Found | None:
    """All of it by way of symusic, or None where it would not read what `_read_exactly` does."""
    if chunks.format == smf.FORMAT_OF_PATTERNS or chunks.division.ticks_per_s or not smf_scan.is_plain(chunks):
        return None
    try:
        score = symusic.Score.from_midi(smf_scan.wrap_for_symusic(chunks))
    except (RuntimeError, ValueError, IndexError, OverflowError):
        return None  # the event reader names the byte, if it finds damage too
    names = [track.name for track in score.tracks]
    tempos = [(tempo.time, tempo.mspq) for tempo in score.tempos]
    if (
        sum(marker.text == smf_scan.END_MARK for marker in score.markers) != len(chunks.tracks)
        or len(set(names)) < len(names)
        or any(one[0] == other[0] and one[1] != other[1] for one, other in pairwise(tempos))
    ):
        return None
    tempo_map = TempoMap(chunks.division, tempos)
    parts = []
    for track in score.tracks:
        struck = _end_notes(track.notes.numpy())
        if struck.is_ambiguous:
            return None
        if len(struck.pitch):  # pretty_midi has no instrument without a note
            parts.append(_fast_part(track, struck, tempo_map))
    signatures = [(one.time, one.numerator, one.denominator) for one in score.time_signatures]
    return _Found(parts, tempos, signatures, [(mark.time, mark.text) for mark in score.markers])


def _read_exactly(chunks: Chunks) -> _Found:
    midi = smf.put_in_sequence(smf.parse_chunks(chunks))
    tempos = midi.tempos
    tempo_map = TempoMap(chunks.division, tempos)
    parts = [_exact_part(instrument, tempo_map) for instrument in smf.find_instruments(midi)]
    signatures = sorted(one for track in midi.tracks for one in track.signatures)
    return _Found(parts, tempos, signatures, sorted(mark for track in midi.tracks for mark in track.markers))


def _check_duration(parts: list[Part]) -> None:
    ends_s = [float(times.max()) for part in parts for times in (part.notes.offset_s, part.pedal.time_s) if len(times)]
    hours = max(ends_s, default=0.0) / 3600
    if hours > MAX_HOURS:
        raise InputError(
            f"damaged MIDI file: an event after {hours:,.0f} hours; {MAX_HOURS} are the most that is believed."
        )


@dataclass(frozen=True, eq=False)
class _Struck:
    """symusic's notes of one track that have a length, in ticks, and when pretty_midi would end each [n]."""

    on_ticks: Ints
    off_ticks: Ints
    pitch: Ints
    velocity: Ints
    is_ambiguous: bool


def _end_notes(columns: Any) -> _Struck:
    """Every note ended by the first later note-off of its pitch. Notes of no length go, as in pretty_midi.

    Ambiguous is a pitch struck at the tick of a note-off that ends nothing: whichever of the two came first in the
    file, symusic pairs them alike, but pretty_midi keeps the note only if it came second. So is a note for which
    symusic found no note-off.
    """
    has_length = columns["duration"] > 0
    is_hanging = bool((columns["duration"] >= smf_scan.HANGING_TICKS).any())
    pitch = columns["pitch"][has_length].astype(np.int64)
    on_ticks = columns["time"][has_length].astype(np.int64)
    # One number for pitch and tick, so that one sorted array serves all pitches.
    ons = pitch * _SPAN_TICKS + on_ticks
    offs = np.sort(ons + columns["duration"][has_length])
    which = np.searchsorted(offs, ons, side="right")
    ends = offs[which]
    ends_nothing = np.diff(offs, prepend=-1) > 0
    ends_nothing[which] = False
    is_ambiguous = is_hanging or bool(ends_nothing.any() and np.isin(ons, offs[ends_nothing]).any())
    return _Struck(
        on_ticks, ends - pitch * _SPAN_TICKS, pitch, columns["velocity"][has_length].astype(np.int64), is_ambiguous
    )


def _fast_part(track: Any, struck: _Struck, tempo_map: TempoMap) -> Part:
    """symusic's track, its notes in the order in which they end."""
    order = np.lexsort((struck.on_ticks, struck.off_ticks))
    on_s, off_s = tempo_map.seconds(struck.on_ticks), tempo_map.seconds(struck.off_ticks)
    controls = track.controls.numpy()
    is_sustain = controls["number"] == smf.SUSTAIN_CONTROLLER
    pedal = PedalEvents(
        tempo_map.seconds(controls["time"][is_sustain].astype(np.int64)), controls["value"][is_sustain].astype(np.int64)
    )
    return Part(Notes(on_s, off_s, struck.pitch, struck.velocity).take(order), pedal, track.program, track.is_drum)


def _exact_part(instrument: smf.Instrument, tempo_map: TempoMap) -> Part:
    notes = np.array(instrument.notes, dtype=np.int64).reshape(-1, 4)
    controls = np.array(instrument.controls, dtype=np.int64).reshape(-1, 3)
    pedal = controls[controls[:, 1] == smf.SUSTAIN_CONTROLLER]
    return Part(
        Notes(tempo_map.seconds(notes[:, 0]), tempo_map.seconds(notes[:, 1]), notes[:, 2], notes[:, 3]),
        PedalEvents(tempo_map.seconds(pedal[:, 0]), pedal[:, 2]),
        instrument.program,
        instrument.is_drum,
    )
