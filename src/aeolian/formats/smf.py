"""Standard MIDI file events, read one by one in plain Python: exact, and slower than symusic.

`formats.midi` turns to it for the files whose notes symusic's pairing leaves ambiguous, and to say at which byte a
damaged file breaks. Source: the Standard MIDI Files 1.0 specification (MIDI Manufacturers Association, 1996).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from aeolian.errors import InputError

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE = 0x80, 0x90, 0xB0, 0xC0
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}
_META, _SYSEX, _ESCAPE, _TEMPO = 0xFF, 0xF0, 0xF7, 0x51
DRUM_CHANNEL = 9
# Where `with_hanging_notes_ended` ends them: the largest time that an event can lie after the one before it.
HANGING_TICKS = 0x0FFFFFFF
_END_OF_TRACK, _NOTHING = b"\xff\x2f\x00", b"\xff\x7f\x00"
_EVERY_OFF = b"".join(bytes((0, pitch, 64)) for pitch in range(1, 128))


class ChannelEvent(NamedTuple):
    """A channel message: `tick` since the start of the track, `kind` 0x80…0xE0, channel 0–15, two data bytes."""

    tick: int
    kind: int
    channel: int
    data1: int
    data2: int


@dataclass
class Track:
    """One MTrk chunk: its channel events in file order and its tempo changes (tick, microseconds a quarter)."""

    events: list[ChannelEvent] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class MidiFile:
    """A parsed file: format 0–2, ticks a quarter note, and its tracks."""

    format: int
    ticks_per_quarter: int
    tracks: list[Track]


@dataclass
class Instrument:
    """What a program plays on a channel of a track, in ticks: (on, off, pitch, velocity), (tick, controller, value)."""

    program: int
    is_drum: bool
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    controls: list[tuple[int, int, int]] = field(default_factory=list)


def header(content: bytes) -> tuple[int, int, int]:
    """(format, number of tracks, ticks a quarter note) of a file that starts with b'MThd'.

    Raises InputError for a header that is cut short or counts time in SMPTE frames.
    """
    if len(content) < 14:
        raise InputError(f"damaged MIDI file: it ends at byte {len(content)}, within its header of 14 bytes.")
    file_format, tracks, division = struct.unpack(">HHH", content[8:14])
    if division & 0x8000:
        raise InputError("MIDI file in SMPTE time code, not in beats; export it with ticks a quarter note.")
    if division == 0:
        raise InputError("damaged MIDI file: 0 ticks a quarter note; 1…32767 are possible.")
    return file_format, tracks, division


def parse(content: bytes) -> MidiFile:
    """All channel events and tempos of a file. Raises InputError naming the byte at which it breaks."""
    file_format, _, ticks_per_quarter = header(content)
    tracks = [_track(content, start, end) for start, end in _chunks(content)]
    if not tracks:
        raise InputError("damaged MIDI file: no track in it.")
    return MidiFile(file_format, ticks_per_quarter, tracks)


def instruments(midi: MidiFile) -> list[Instrument]:
    """Notes and controls by (program, channel, track), exactly as pretty_midi 0.2.11 groups and pairs them.

    A note-off ends every open note of its channel and pitch that began at an earlier tick; when none did, notes begun
    at its own tick are forgotten. An instrument exists from its first finished note on; what a channel's
    controllers did before that belongs to every program that the channel of that track plays later.
    """
    result: list[Instrument] = []
    for track in midi.tracks:
        by_program: dict[tuple[int, int], Instrument] = {}
        before: dict[int, list[tuple[int, int, int]]] = {}
        programs = [0] * 16
        open_notes: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for tick, kind, channel, data1, data2 in track.events:
            if kind == PROGRAM_CHANGE:
                programs[channel] = data1
            elif kind == NOTE_ON and data2 > 0:
                open_notes.setdefault((channel, data1), []).append((tick, data2))
            elif kind in (NOTE_OFF, NOTE_ON):
                opened = open_notes.pop((channel, data1), [])
                closed = [note for note in opened if note[0] != tick]
                kept = [note for note in opened if note[0] == tick]
                if closed and kept:
                    open_notes[channel, data1] = kept
                for on_tick, velocity in closed:
                    key = (programs[channel], channel)
                    if key not in by_program:
                        is_drum = channel == DRUM_CHANNEL
                        by_program[key] = Instrument(key[0], is_drum, controls=before.get(channel, []))
                        result.append(by_program[key])
                    by_program[key].notes.append((on_tick, tick, data1, velocity))
            elif kind == CONTROL_CHANGE:
                playing = by_program.get((programs[channel], channel))
                controls = playing.controls if playing else before.setdefault(channel, [])
                controls.append((tick, data1, data2))
    return result


def with_hanging_notes_ended(content: bytes) -> bytes:
    """The file with note-offs of every pitch HANGING_TICKS after each track, in the channels that have notes.

    So a reader that pairs each note-on with a note-off of its own shows the note-ons for which there was none left. A
    file whose tracks do not end as they should comes back as it is.
    """
    parts, copied = [], 0
    try:
        for start, end in _chunks(content):
            if content[end - 3 : end] != _END_OF_TRACK:
                return content
            track = content[start:end]
            delta, offs = b"\xff\xff\xff\x7f", b""
            for channel in range(16):
                if NOTE_ON | channel in track:
                    offs += delta + bytes((NOTE_OFF | channel, 0, 64)) + _EVERY_OFF
                    delta = b"\0"
            # What was the delta of the end of the track is now that of an empty event.
            track = track[:-3] + _NOTHING + offs + b"\0" + _END_OF_TRACK
            parts += [content[copied : start - 4], len(track).to_bytes(4, "big"), track]
            copied = end
    except InputError:
        return content
    return b"".join([*parts, content[copied:]])


def has_late_tempos(content: bytes) -> bool:
    """Whether a track after the first may hold tempo changes: true if their bytes occur there, in whatever meaning."""
    first_end = next((end for _, end in _chunks(content)), len(content))
    return content.find(b"\xff\x51\x03", first_end) >= 0


def _chunks(content: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of each track's data; chunks of other kinds are passed over, as the specification asks."""
    position = 8 + max(6, int.from_bytes(content[4:8], "big"))
    while position + 8 <= len(content):
        kind, length = (
            content[position : position + 4],
            int.from_bytes(content[position + 4 : position + 8], "big"),
        )
        start = position + 8
        if kind == b"MTrk":
            if start + length > len(content):
                raise InputError(
                    f"damaged MIDI file: the track at byte {position} should hold {length:,} bytes, "
                    f"but the file ends after {len(content) - start:,}."
                )
            yield start, start + length
        position = start + length


def _track(content: bytes, position: int, end: int) -> Track:
    track = Track()
    tick = status = 0
    try:
        while position < end:
            delta = 0
            while True:
                byte = content[position]
                position += 1
                delta = delta << 7 | byte & 0x7F
                if byte < 0x80:
                    break
            tick += delta
            byte = content[position]
            if byte >= 0x80:
                position += 1
                if byte >= _SYSEX:
                    position = _system_event(content, position, byte, tick, track)
                    continue
                status = byte
            if not status:
                raise InputError(
                    f"damaged MIDI file: data byte 0x{byte:02x} at byte {position} without a status before it."
                )
            kind = status & 0xF0
            size = _DATA_BYTES[kind]
            data1 = content[position] & 0x7F
            data2 = content[position + 1] & 0x7F if size == 2 else 0
            position += size
            track.events.append(ChannelEvent(tick, kind, status & 0x0F, data1, data2))
    except IndexError:
        raise InputError(f"damaged MIDI file: it ends at byte {len(content)}, within an event.") from None
    return track


def _system_event(content: bytes, position: int, status: int, tick: int, track: Track) -> int:
    """Reads a meta or system-exclusive event whose status was just read; the position after it."""
    if status not in (_META, _SYSEX, _ESCAPE):
        if status not in _SYSTEM_DATA_BYTES:
            raise InputError(f"damaged MIDI file: undefined status 0x{status:02x} at byte {position - 1}.")
        return position + _SYSTEM_DATA_BYTES[status]
    meta = -1
    if status == _META:
        meta = content[position]
        position += 1
    length = 0
    while True:
        byte = content[position]
        position += 1
        length = length << 7 | byte & 0x7F
        if byte < 0x80:
            break
    if meta == _TEMPO and length == 3:
        track.tempos.append((tick, int.from_bytes(content[position : position + 3], "big")))
    return position + length
