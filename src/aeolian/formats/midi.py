"""Standard MIDI files, read to the notes that pretty_midi, and so note-seq and the models trained with it, give.

symusic reads them, in about a hundredth of pretty_midi's time. The two differ where a pitch is struck again before it
is released: symusic lets the next note-off end the oldest note, pretty_midi all of them. What pretty_midi would do is
worked out from symusic's answer; where that leaves a doubt, or several programs share a track, the file is read again,
event by event, by `formats.smf`. Times are pretty_midi's: float64, in its order of operations.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import symusic

from aeolian.errors import InputError
from aeolian.formats import smf
from aeolian.music.notes import Floats, Ints, Notes
from aeolian.music.pedal import PedalEvents, apply_sustain

SUSTAIN_CONTROLLER = 64
MAX_FILE_BYTES = 64 << 20
MAX_TICK = 10_000_000
DEFAULT_TICKS_PER_QUARTER = 480
_MICROSECONDS_PER_QUARTER = 500_000
_SPAN_TICKS = 1 << 32


@dataclass(frozen=True, eq=False)
class Part:
    """What one instrument plays: notes as struck, its sustain pedal, its General MIDI program, and if it is drums."""

    notes: Notes
    pedal: PedalEvents
    program: int
    is_drum: bool


def read_midi(path: Path, *, sustain: bool = True) -> Notes:
    """The notes of all parts of a MIDI file, part after part, drums included.

    With `sustain`, each note rings as long as the pedal of its part lets it. Raises InputError, saying what is wrong,
    for a file that is empty, is not MIDI, is damaged, or holds times that cannot be.
    """
    parts = read_parts(path)
    notes = [part.notes for part in parts]
    if sustain:
        silent = Notes.empty()
        pedalled = apply_sustain([(silent if part.is_drum else part.notes, part.pedal) for part in parts])
        notes = [part.notes if part.is_drum else rung for part, rung in zip(parts, pedalled, strict=True)]
    if not notes:
        return Notes.empty()
    return Notes(
        np.concatenate([part.onset_s for part in notes]),
        np.concatenate([part.offset_s for part in notes]),
        np.concatenate([part.pitch for part in notes]),
        np.concatenate([part.velocity for part in notes]),
    )


def read_parts(path: Path) -> list[Part]:
    """The parts of a MIDI file in file order. Raises InputError as `read_midi` does."""
    content = _content(path)
    file_format, tracks, _ = smf.header(content)
    score = _parse(smf.with_hanging_notes_ended(content))
    clock = _Clock(score.ticks_per_quarter, _tempos(score, content))
    shares_track = len(score.tracks) > (1 if file_format == 0 else max(tracks - 1, 1))
    columns = [(track.notes.numpy(), track.controls.numpy()) for track in score.tracks]
    for notes, controls in columns:
        for ticks in (notes["time"], controls["time"]):
            _check_ticks(ticks)
    struck = [_struck(notes) for notes, _ in columns]
    if shares_track or any(notes.is_ambiguous for notes in struck):
        return [_exact_part(instrument, clock) for instrument in smf.instruments(smf.parse(content))]
    return [
        _fast_part(track, notes, controls, clock)
        for track, notes, (_, controls) in zip(score.tracks, struck, columns, strict=True)
    ]


def write_midi(
    path: Path,
    notes: Notes,
    *,
    program: int = 0,
    bpm: float = 120.0,
    ticks_per_quarter: int = DEFAULT_TICKS_PER_QUARTER,
) -> None:
    """Writes a one-track MIDI file: times rounded to ticks, no note shorter than one, the same bytes every time."""
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


def _tempos(score: Any, content: bytes) -> list[tuple[int, int]]:
    """(tick, microseconds a quarter) of every tempo change in the first track: pretty_midi heeds no others."""
    if smf.has_late_tempos(content):
        return smf.parse(content).tracks[0].tempos
    return [(tempo.time, tempo.mspq) for tempo in score.tempos]


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
    if content[:4] == b"RIFF" and (start := content.find(b"MThd", 0, 64)) > 0:
        content = content[start:]
    if content[:4] != b"MThd":
        raise InputError(f"not a MIDI file: it starts with {content[:4]!r}, not with b'MThd'.")
    return content


def _parse(content: bytes) -> Any:
    try:
        return symusic.Score.from_midi(content)
    except (RuntimeError, ValueError, IndexError, OverflowError) as error:
        smf.parse(content)  # names the byte, if it finds the damage too
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"damaged MIDI file: {reason}.") from error


class _Clock:
    """Ticks to seconds by the tempo map, as pretty_midi computes it."""

    def __init__(self, ticks_per_quarter: int, tempos: list[tuple[int, int]]) -> None:
        starts, scales = [0], [_scale_s(_MICROSECONDS_PER_QUARTER, ticks_per_quarter)]
        for tick, microseconds_per_quarter in tempos:
            scale = _scale_s(max(microseconds_per_quarter, 1), ticks_per_quarter)
            if tick == 0:
                starts, scales = [0], [scale]
            elif scale != scales[-1]:
                starts.append(tick)
                scales.append(scale)
        begins_s = [0.0]
        for i in range(1, len(starts)):
            begins_s.append(begins_s[-1] + scales[i - 1] * (starts[i] - starts[i - 1]))
        self._starts = np.array(starts, dtype=np.int64)
        self._scales_s = np.array(scales)
        self._begins_s = np.array(begins_s)

    def seconds(self, ticks: Ints) -> Floats:
        """Seconds since the start, [n], for ticks [n]. A tempo change's own tick belongs to the new tempo."""
        segment = np.searchsorted(self._starts, ticks, side="right") - 1
        seconds: Floats = self._begins_s[segment] + self._scales_s[segment] * (ticks - self._starts[segment])
        return seconds


def _scale_s(microseconds_per_quarter: int, ticks_per_quarter: int) -> float:
    """Seconds a tick, by way of beats a minute: pretty_midi rounds in this order."""
    bpm = 6e7 / microseconds_per_quarter
    return 60.0 / (bpm * ticks_per_quarter)


def _check_ticks(ticks: Ints) -> None:
    if len(ticks) and not 0 <= int(ticks.min()) <= int(ticks.max()) <= MAX_TICK:
        raise InputError(
            f"damaged MIDI file: an event at tick {int(ticks.max()):,}; {MAX_TICK:,} is the last possible."
        )


@dataclass(frozen=True, eq=False)
class _Struck:
    """symusic's notes of one track that have a length, in ticks, and when pretty_midi would end each [n]."""

    on_ticks: Ints
    off_ticks: Ints
    pitch: Ints
    velocity: Ints
    is_ambiguous: bool


def _struck(columns: Any) -> _Struck:
    """Every note ended by the first later note-off of its pitch. Notes of no length go, as in pretty_midi.

    Ambiguous is a pitch struck at the tick of a note-off that ends nothing: whichever of the two came first in the
    file, symusic pairs them alike, but pretty_midi keeps the note only if it came second. So is a note for which
    symusic found no note-off.
    """
    has_length = columns["duration"] > 0
    is_hanging = bool((columns["duration"] >= smf.HANGING_TICKS).any())
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


def _fast_part(track: Any, struck: _Struck, controls: Any, clock: _Clock) -> Part:
    """symusic's track, its notes in the order in which they end."""
    order = np.lexsort((struck.on_ticks, struck.off_ticks))
    notes = Notes(clock.seconds(struck.on_ticks), clock.seconds(struck.off_ticks), struck.pitch, struck.velocity).take(
        order
    )
    is_sustain = controls["number"] == SUSTAIN_CONTROLLER
    pedal = PedalEvents(
        clock.seconds(controls["time"][is_sustain].astype(np.int64)), controls["value"][is_sustain].astype(np.int64)
    )
    return Part(notes, pedal, track.program, track.is_drum)


def _exact_part(instrument: smf.Instrument, clock: _Clock) -> Part:
    notes = np.array(instrument.notes, dtype=np.int64).reshape(-1, 4)
    _check_ticks(notes[:, 1])
    controls = np.array(instrument.controls, dtype=np.int64).reshape(-1, 3)
    pedal = controls[controls[:, 1] == SUSTAIN_CONTROLLER]
    return Part(
        Notes(clock.seconds(notes[:, 0]), clock.seconds(notes[:, 1]), notes[:, 2], notes[:, 3]),
        PedalEvents(clock.seconds(pedal[:, 0]), pedal[:, 2]),
        instrument.program,
        instrument.is_drum,
    )
