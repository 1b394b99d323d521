"""Which MIDI files symusic reads as the event reader does, told from their bytes, and how they are handed to it.

symusic is fifty times as fast as `formats.smf`, and takes for granted what some files do not keep: it loses the thread
at a system-exclusive message in several packets, at running status after one, at a length padded to five bytes; it ends
a track at the first end of track; it counts ticks in 32 bits; and it loses controllers after a change of program. Such
files are found here by a few passes over the bytes, and, of those that look suspect, by one that goes from event to
event. A file may be taken for one of them wrongly (the bytes may stand in a text), and is then only read more slowly.
"""

import re

import numpy as np
import numpy.typing as npt

from aeolian.formats.smf import META, NOTE_OFF, NOTE_ON, PROGRAM_CHANGE, SYSEX, read_length
from aeolian.formats.smf_chunks import Chunks

# Where `wrap_for_symusic` ends notes that hang: the largest time that an event can lie after the one before it.
HANGING_TICKS = 0x0FFFFFFF
END_MARK = "\x01end of track"
_END_OF_TRACK, _TEMPO, _TRACK_NAME, _MARKER = b"\xff\x2f", b"\xff\x51", b"\xff\x03", b"\xff\x06"
_EVERY_OFF = b"".join(bytes((0, pitch, 64)) for pitch in range(1, 128))
_LARGEST_TICK = 0x7FFFFFFF - HANGING_TICKS
_LENGTH = rb"[\x80-\xff]{0,3}+[\x00-\x7f]"
# Nothing is ever given back (`++`): what a byte begins, only it can tell. So this is as fast as it can be.
_CHANNEL_MESSAGES = re.compile(
    rb"(?s:(?:%(length)s(?:[\x80-\xbf\xe0-\xef]%(data)s%(data)s(?:%(length)s%(data)s%(data)s)*+"
    rb"|[\xc0-\xdf]%(data)s(?:%(length)s%(data)s)*+|\xff\x51\x03...))++)"
    % {b"length": _LENGTH, b"data": rb"[\x00-\x7f]"}
)
_SYSTEM_EVENT = re.compile(rb"%(length)s(?P<kind>\xf0|\xff[\x00-\x7f])(?P<length>%(length)s)" % {b"length": _LENGTH})
_NOTES = [re.compile(b"[\\x%02x][\\x00-\\x7f]{2}" % (NOTE_ON | channel)) for channel in range(16)]
_PROGRAM_AND_MORE = re.compile(rb"[\x00-\x7f](?:\x00[\x00-\x7f]|[\x80-\xff]{0,3}[\x00-\x7f][\x80-\xff])")


def is_plain(chunks: Chunks) -> bool:
    """Whether symusic reads every track as `formats.smf` does, but for the pairing of notes."""
    tracks = [_without_tempos(chunks.track(index)) for index in range(len(chunks.tracks))]
    if not all(track.endswith(b"\xff\x2f\x00") for track in tracks):
        return False
    content = b"".join(tracks)
    if content.count(_END_OF_TRACK) != len(tracks) or content.count(_TEMPO) != content.count(_TEMPO + b"\x03"):
        return False
    values = np.frombuffer(content, np.uint8)
    return (
        _has_short_times(values)
        and not any(_has_late_program(track) for track in tracks)
        and (not _is_suspect(values) or all(_is_in_step(track) for track in tracks))
    )


def wrap_for_symusic(chunks: Chunks) -> bytes:
    """The file's tracks in a header that symusic takes, each with its number for a name.

    In place of the end of each track stands a marker END_MARK, by which a reader shows that it got there event by
    event. After it, HANGING_TICKS later, come note-offs of every pitch in the channels that have notes: so a reader
    that pairs each note-on with a note-off of its own shows the note-ons for which there was none left. The tracks must
    be `is_plain`.
    """
    mark = _MARKER + bytes([len(END_MARK)]) + END_MARK.encode()
    head = b"MThd\0\0\0\6\0\1" + len(chunks.tracks).to_bytes(2, "big")
    parts = [head, (chunks.division.ticks_per_quarter or 1).to_bytes(2, "big")]
    for index in range(len(chunks.tracks)):
        track = chunks.track(index)
        delta, offs = b"\xff\xff\xff\x7f", b""
        for channel in range(16):
            if NOTE_ON | channel in track:
                offs += delta + bytes((NOTE_OFF | channel, 0, 64)) + _EVERY_OFF
                delta = b"\0"
        name = b"%05d" % index
        track = b"".join([track[:-3], mark, b"\0", _TRACK_NAME, b"\5", name, offs, b"\0", _END_OF_TRACK, b"\0"])
        parts += [b"MTrk", len(track).to_bytes(4, "big"), track]
    return b"".join(parts)


def _without_tempos(track: bytes) -> bytes:
    """The track with tempos of 0: they hold any byte, and none of those begins anything."""
    first, *others = track.split(_TEMPO + b"\x03")
    return (_TEMPO + b"\x03\0\0\0").join([first, *(other[3:] for other in others)])


def _has_late_program(track: bytes) -> bool:
    """Whether a channel changes its program after its first note, so that symusic loses what controllers do then.

    A byte 0xCn begins a change of program or a length. It is taken for the former if what follows is a program, a delta
    time, and a status byte, or at once another program.
    """
    values = np.frombuffer(track, np.uint8)
    return any(
        _NOTES[track[position] & 0x0F].search(track, 0, position) and _PROGRAM_AND_MORE.match(track, position + 1)
        for position in np.flatnonzero((values & 0xF0) == PROGRAM_CHANGE).tolist()
    )


def _has_short_times(values: npt.NDArray[np.uint8]) -> bool:
    """Whether delta times cannot add up to more than _LARGEST_TICK, however they lie.

    Bytes of 0x80 and more are status bytes, all but the last of a length, or text.
    """
    high = values >= 0x80
    pairs = high[1:] & high[:-1]
    triples = pairs[1:] & high[:-2]
    counts = [len(values), *(int(np.count_nonzero(at)) for at in (high, pairs, triples))]
    if sum(count << 7 * (place + 1) for place, count in enumerate(counts)) <= _LARGEST_TICK:
        return True
    # The sum of all that could be read as a time: each byte counts by how many bytes it is from the end.
    seven = (values & 0x7F).astype(np.int64)
    places = [~high, high[:-1] & ~high[1:], pairs[:-1] & ~high[2:], triples[:-1] & ~high[3:]]
    return sum(int(seven[: len(at)][at].sum()) << 7 * place for place, at in enumerate(places)) <= _LARGEST_TICK


def _is_suspect(values: npt.NDArray[np.uint8]) -> bool:
    """Whether there may be a system message, or a length of more than four bytes: four high bytes in a row."""
    if ((values >= SYSEX) & (values != META)).any():
        return True
    high = values >= 0x80
    pairs = high[1:] & high[:-1]
    return bool((pairs[2:] & pairs[:-2]).any())


def _is_in_step(track: bytes) -> bool:
    """Whether a track holds only what symusic reads in step with `formats.smf`, event by event.

    That is channel messages, meta events, and system-exclusive messages that are not continued in a packet of their own
    and have a status byte after them; all lengths in at most four bytes.
    """
    position = 0
    while True:
        if run := _CHANNEL_MESSAGES.match(track, position):
            position = run.end()
        event = _SYSTEM_EVENT.match(track, position)
        if not event:
            return False
        if event["kind"] == _END_OF_TRACK:
            return event.end() == len(track)
        length, _ = read_length(event["length"], 0)
        position = event.end() + length
