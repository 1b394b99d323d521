"""Standard MIDI file events, read one by one in plain Python: exact, and slower than symusic.

`formats.midi` turns to it for the files that symusic reads otherwise (`formats.smf_scan` knows them) or whose notes its
pairing leaves ambiguous, and to say at which byte a damaged file breaks. Source: the Standard MIDI Files 1.0
specification (MIDI Manufacturers Association, 1996). More than it allows is read where there is one way to read it:
running status goes on after a system-exclusive or meta event, lengths may be padded with zeros, and a track may do
without its end.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from aeolian.errors import InputError
from aeolian.formats.smf_chunks import Chunks, Division, find_chunks
from aeolian.formats.tempo_map import DEFAULT_MICROSECONDS_PER_QUARTER

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE = 0x80, 0x90, 0xB0, 0xC0
SUSTAIN_CONTROLLER = 64
DRUM_CHANNEL = 9
META, SYSEX, ESCAPE = 0xFF, 0xF0, 0xF7
# The specification allows 28 bits in four bytes; mido reads what five hold, and so do we.
_LARGEST_LENGTH = 0x7_FFFF_FFFF
_TEMPO, _END_OF_TRACK, _SIGNATURE, _MARKER = 0x51, 0x2F, 0x58, 0x06
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_READ_KINDS = (NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE)
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}
FORMAT_OF_PATTERNS = 2


class ChannelEvent(NamedTuple):
    """A channel message: `tick` since the start of the track, `kind` 0x80…0xE0, channel 0–15, two data bytes."""

    tick: int
    kind: int
    channel: int
    data1: int
    data2: int


@dataclass
class Track:
    """One MTrk chunk: its channel events in file order, its tempos (tick, microseconds a quarter), and its end.

    Also its time signatures (tick, beats, of which note) and its markers (tick, text).
    """

    events: list[ChannelEvent] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)
    end_tick: int = 0
    signatures: list[tuple[int, int, int]] = field(default_factory=list)
    markers: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class MidiFile:
    """A parsed file: format 0–2, what a tick is, and its tracks."""

    format: int
    division: Division
    tracks: list[Track]

    @property
    def tempos(self) -> list[tuple[int, int]]:
        """The tempos of all tracks by tick; at one tick, in the order of the tracks and of the file."""
        return sorted((tempo for track in self.tracks for tempo in track.tempos), key=lambda tempo: tempo[0])


@dataclass
class Instrument:
    """What a program plays on a channel of a track, in ticks: (on, off, pitch, velocity), (tick, controller, value)."""

    program: int
    is_drum: bool
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    controls: list[tuple[int, int, int]] = field(default_factory=list)


def parse(content: bytes) -> MidiFile:
    """All channel events and tempos of a file. Raises InputError naming the byte at which it breaks."""
    return parse_chunks(find_chunks(content))


def parse_chunks(chunks: Chunks) -> MidiFile:
    """All channel events and tempos of a file whose chunks are found. Raises InputError as `parse` does."""
    tracks = [_parse_track(chunks.track(index), start) for index, (start, _) in enumerate(chunks.tracks)]
    return MidiFile(chunks.format, chunks.division, tracks)


def put_in_sequence(midi: MidiFile) -> MidiFile:
    """The file with its tracks at the times at which they are played.

    Those of formats 0 and 1 are played together. Those of format 2 are patterns of their own: here one follows the
    other, each from the end of the one before, with its own tempos (120 beats a minute until it sets one), and the
    pedals up at its end.
    """
    if midi.format != FORMAT_OF_PATTERNS:
        return midi
    placed, begin = [], 0
    for track in midi.tracks:
        end = begin + track.end_tick
        events = [event._replace(tick=begin + event.tick) for event in track.events]
        channels = sorted({e.channel for e in events if e.kind == CONTROL_CHANGE and e.data1 == SUSTAIN_CONTROLLER})
        events += [ChannelEvent(end, CONTROL_CHANGE, channel, SUSTAIN_CONTROLLER, 0) for channel in channels]
        tempos = [(begin, DEFAULT_MICROSECONDS_PER_QUARTER), *((begin + tick, tempo) for tick, tempo in track.tempos)]
        placed.append(Track(events, tempos, end))
        begin = end
    return MidiFile(midi.format, midi.division, placed)


def find_instruments(midi: MidiFile) -> list[Instrument]:
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


def read_length(data: bytes, position: int) -> tuple[int, int]:
    """A variable-length quantity and the position after it. Raises ValueError for one over 35 bits, IndexError."""
    value = 0
    while True:
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if value > _LARGEST_LENGTH:
            raise ValueError(value)
        if byte < 0x80:
            return value, position


def _parse_track(data: bytes, begin: int) -> Track:
    """The events of a track's data, which starts at byte `begin` of the file."""
    track = Track()
    tick = position = status = 0
    try:
        while position < len(data):
            delta = data[position]
            position += 1
            if delta >= 0x80:
                delta, position = read_length(data, position - 1)
            tick += delta
            byte = data[position]
            if byte >= SYSEX:
                position, is_end = _read_system_event(data, position, begin, tick, track)
                if is_end:
                    break
                continue
            if byte >= 0x80:
                position += 1
                status = byte
            elif not status:
                raise InputError(
                    f"damaged MIDI file: data byte 0x{byte:02x} at byte {begin + position} without a status before it."
                )
            kind = status & 0xF0
            size = _DATA_BYTES[kind]
            data1 = data[position]
            data2 = data[position + 1] if size == 2 else 0
            if (data1 | data2) >= 0x80:
                if kind in _READ_KINDS:
                    _refuse_data(data, position, begin, status)
                data1, data2 = data1 & 0x7F, data2 & 0x7F
            position += size
            track.events.append(ChannelEvent(tick, kind, status & 0x0F, data1, data2))
    except IndexError:
        position = len(data) + 1
    except ValueError:
        raise InputError(f"damaged MIDI file: a length of more than 35 bits after byte {begin + position}.") from None
    if position > len(data):
        raise InputError(f"damaged MIDI file: its track ends at byte {begin + len(data)}, within an event.")
    track.end_tick = tick
    return track


def _read_system_event(data: bytes, position: int, begin: int, tick: int, track: Track) -> tuple[int, bool]:
    """Reads a meta, system-exclusive or other system event; the position after it, and whether it ends the track."""
    status = data[position]
    if status not in (META, SYSEX, ESCAPE):
        if status not in _SYSTEM_DATA_BYTES:
            raise InputError(f"damaged MIDI file: undefined status 0x{status:02x} at byte {begin + position}.")
        return position + 1 + _SYSTEM_DATA_BYTES[status], False
    meta = data[position + 1] if status == META else -1
    length, position = read_length(data, position + (2 if status == META else 1))
    if meta == _END_OF_TRACK:
        return position, True
    if meta == _TEMPO and length == 3:
        track.tempos.append((tick, int.from_bytes(data[position : position + 3], "big")))
    elif meta == _SIGNATURE and length >= 2 and position + 2 <= len(data):
        track.signatures.append((tick, data[position], 1 << min(data[position + 1], 7)))
    elif meta == _MARKER:
        track.markers.append((tick, data[position : position + length].decode("utf-8", "replace")))
    return position + length, False


def _refuse_data(data: bytes, position: int, begin: int, status: int) -> None:
    """Raises InputError for the first byte of a message that should be data (0…127) and is not."""
    while data[position] < 0x80:
        position += 1
    raise InputError(
        f"damaged MIDI file: 0x{data[position]:02x} at byte {begin + position}, where a message of status "
        f"0x{status:02x} has data of 0…127."
    )
