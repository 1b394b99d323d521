"""The chunks of a Standard MIDI file: its header and where its tracks lie, in a RIFF wrapper or not.

What stands around the tracks may be out of order: a header longer than six bytes, chunks of other kinds, bytes that
belong to no chunk, a wrong number of tracks. All tracks that are there whole are found, and what was odd is said.
Sources: the Standard MIDI Files 1.0 specification (MIDI Manufacturers Association, 1996) and RP-029 for RIFF.
"""

import struct
from dataclasses import dataclass, field

from aeolian.errors import InputError

_HEADER_BYTES = 14
_LAST_FORMAT = 2
_SMPTE_FLAG = 0x8000
_RIFF_KINDS = (b"data", b"LIST", b"DISP", b"RIFF")
# Frames a second by the code in the header; 29 stands for the 29.97 of "30 drop frame".
_FRAMES_PER_S = {24: 24.0, 25: 25.0, 29: 30_000 / 1_001, 30: 30.0}


@dataclass(frozen=True)
class Division:
    """What a tick is: a part of a quarter note, whose length tempos set, or, in SMPTE time code, of a second."""

    ticks_per_quarter: int = 0
    ticks_per_s: float = 0.0


@dataclass(frozen=True)
class Chunks:
    """A file's header (format 0–2, division) and the (start, end) of each track's data in `content`, in file order."""

    content: bytes
    format: int
    division: Division
    tracks: list[tuple[int, int]]
    remarks: list[str] = field(default_factory=list)

    def track(self, index: int) -> bytes:
        """The data of one track."""
        start, end = self.tracks[index]
        return self.content[start:end]


def find_chunks(content: bytes) -> Chunks:
    """Finds header and tracks in the bytes of a file.

    Raises InputError, naming the place, for a file that is not MIDI, a header that is cut short or says what cannot
    be, a track that goes on after the end of the file, and a file without tracks.
    """
    begin, stop = _unwrap(content)
    if content[begin : begin + 4] != b"MThd":
        raise InputError(f"not a MIDI file: it starts with {content[begin : begin + 4]!r}, not with b'MThd'.")
    if stop - begin < _HEADER_BYTES:
        raise InputError(f"damaged MIDI file: it ends at byte {stop}, within its header of {_HEADER_BYTES} bytes.")
    length, file_format, announced, division = struct.unpack(">LHHH", content[begin + 4 : begin + _HEADER_BYTES])
    unit = _read_division(division)
    remarks: list[str] = []
    if file_format > _LAST_FORMAT:
        remarks.append(f"there is no MIDI format {file_format}; it is read as format 1")
        file_format = 1
    tracks = _find_tracks(content, begin + 8 + max(6, length), stop, remarks)
    if not tracks:
        raise InputError("damaged MIDI file: no track in it.")
    if len(tracks) != announced:
        remarks.append(f"its header names {announced} tracks, and {len(tracks)} are there")
    return Chunks(content, file_format, unit, tracks, remarks)


def _read_division(division: int) -> Division:
    if not division & _SMPTE_FLAG:
        if division == 0:
            raise InputError("damaged MIDI file: 0 ticks a quarter note; 1…32767 are possible.")
        return Division(ticks_per_quarter=division)
    frames, ticks = 0x100 - (division >> 8), division & 0xFF
    if frames not in _FRAMES_PER_S or not ticks:
        raise InputError(
            f"damaged MIDI file: SMPTE time code of {frames} frames a second and {ticks} ticks a frame; "
            "24, 25, 29 or 30 frames and 1…255 ticks are possible."
        )
    return Division(ticks_per_s=_FRAMES_PER_S[frames] * ticks)


def _unwrap(content: bytes) -> tuple[int, int]:
    """(start, end) of the MIDI file in `content`: all of it, or the `data` chunk of a RIFF file of the kind RMID.

    Chunks of a RIFF file may come in any order. One of an odd size is followed by a byte of padding, which some
    programs leave out.
    """
    if content[:4] != b"RIFF":
        return 0, len(content)
    if content[8:12] != b"RMID":
        raise InputError(f"not a MIDI file: a RIFF file of the kind {content[8:12]!r}, not b'RMID'.")
    position = 12
    while position + 8 <= len(content):
        kind, length = content[position : position + 4], int.from_bytes(content[position + 4 : position + 8], "little")
        start, end = position + 8, position + 8 + length
        if kind == b"data" and content[start : start + 4] == b"MThd":
            # Without its own length, or with one too great, the chunk ends with the file.
            return start, end if length >= _HEADER_BYTES and end <= len(content) else len(content)
        position = end + (length % 2 if content[end : end + 4] not in _RIFF_KINDS else 0)
    if (start := content.find(b"MThd", 12)) < 0:
        raise InputError("damaged MIDI file: a RIFF file of the kind RMID without a MIDI file in it.")
    return start, len(content)


def _find_tracks(content: bytes, position: int, stop: int, remarks: list[str]) -> list[tuple[int, int]]:
    """(start, end) of each track's data. Chunks of other kinds are passed over, as the specification asks."""
    tracks = []
    while position + 8 <= stop:
        kind = content[position : position + 4]
        start = position + 8
        end = start + int.from_bytes(content[position + 4 : start], "big")
        if kind == b"MThd":
            remarks.append(f"another MIDI file, from byte {position} on, is left out")
            break
        if kind == b"MTrk":
            if end > stop:
                raise InputError(
                    f"damaged MIDI file: the track at byte {position} should hold {end - start:,} bytes, "
                    f"but the file ends after {stop - start:,}."
                )
            tracks.append((start, end))
        elif end > stop or not (kind.isascii() and kind.decode("ascii").isprintable()):
            if (end := content.find(b"MTrk", position, stop)) < 0:
                break  # what follows the last track is nobody's
            remarks.append(f"{end - position} bytes at byte {position} belong to no chunk, and are passed over")
        position = end
    return tracks
