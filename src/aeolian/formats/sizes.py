"""What the headers of WAV, RF64, Wave64 and AIFF say of how much sound follows, and what is really there.

A program that writes into a pipe cannot go back and fill the sizes in: it leaves 0 or the greatest number. ffmpeg takes
that for no sound in RF64, Wave64 and AIFF, libsndfile in WAV and RF64.
"""

import os
import struct
from dataclasses import dataclass
from typing import IO

# A file is said to be cut off if this much less is in it than it declares, and more than a second.
CUT_OFF_SHARE = 0.05
# From here up a size in 32 bits means "unknown": 0xFFFFFFFF, 0x7FFFFFFF less a header, sox's 0x7FFFF000.
UNKNOWN_32 = 0x7FFF_0000
_UNKNOWN_64 = 1 << 62
_MAX_HEADER_BYTES = 1 << 20
_MAX_CHUNKS = 1000
_EXTENSIBLE = 0xFFFE
_ONE_EXPONENT = 16383  # of 1.0, as 80 bits have it
_UNCOMPRESSED = (1, 3)  # integers, floating-point numbers
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_CHUNK_BYTES = 24


@dataclass(frozen=True)
class Sound:
    """Where the samples are: how many bytes the header names (None where it leaves that open), and how many there are.

    `mended_head` is the file up to the samples, with the sizes filled in; empty where readers do without.
    """

    start: int
    declared_bytes: int | None
    bytes_there: int
    bytes_per_s: float
    mended_head: bytes

    @property
    def declared_s(self) -> float | None:
        """The length that the header names, in seconds."""
        return self.declared_bytes / self.bytes_per_s if self.declared_bytes is not None and self.bytes_per_s else None


def cut_off_remark(duration_s: float, declared_s: float | None) -> str:
    """Say in how far a recording of `duration_s` lacks what its container declares; empty where it does not."""
    if declared_s is None or declared_s - duration_s <= max(1.0, CUT_OFF_SHARE * declared_s):
        return ""
    return f"cut off: {duration_s:.1f} s of the {declared_s:.1f} s that its header names"


def find_sound(file: IO[bytes]) -> Sound | None:
    """Find the samples of an uncompressed WAV, RF64, Wave64 or AIFF; None for any other file or a header cut short."""
    size = os.fstat(file.fileno()).st_size
    data = os.pread(file.fileno(), _MAX_HEADER_BYTES, 0)
    try:
        if data[:4] in (b"RIFF", b"RF64", b"BW64") and data[8:12] == b"WAVE":
            return _in_wav(data, size)
        if data[:16] == _W64_RIFF and data[24:28] == b"wave":
            return _in_w64(data, size)
        if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
            return _in_aiff(data, size)
    except struct.error:
        return None
    return None


def _in_wav(data: bytes, size: int) -> Sound | None:
    at, bytes_per_s, large = 12, 0, None
    for _ in range(_MAX_CHUNKS):
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"fmt ":
            kind, bytes_per_s = _format(data, at + 8)
            if kind not in _UNCOMPRESSED:
                return None
        elif name == b"ds64":
            large = at
        elif name == b"data":
            break
        at += 8 + length + length % 2
    else:
        return None
    start, head = at + 8, bytearray()
    there = size - start
    declared: int | None = length if 0 < length < UNKNOWN_32 else None
    if data[:4] != b"RIFF" and large is not None:
        (declared,) = struct.unpack_from("<Q", data, large + 16)
        if not declared or declared >= _UNKNOWN_64:
            declared, head = None, bytearray(data[:start])
            struct.pack_into("<QQ", head, large + 8, size - 8, there)
    elif declared is None and UNKNOWN_32 <= length < 0xFFFF_FFFF and length <= there:
        declared = length  # It is true: a file of some 2 to 4 GiB.
    return Sound(start, declared, there, bytes_per_s, bytes(head))


def _in_w64(data: bytes, size: int) -> Sound | None:
    at, bytes_per_s = 40, 0
    for _ in range(_MAX_CHUNKS):
        name, tail, length = struct.unpack_from("<4s12sQ", data, at)
        if tail != _W64_TAIL:
            return None
        if name == b"fmt ":
            kind, bytes_per_s = _format(data, at + _W64_CHUNK_BYTES)
            if kind not in _UNCOMPRESSED:
                return None
        elif name == b"data":
            break
        at += max(_W64_CHUNK_BYTES, length + -length % 8)
    else:
        return None
    start, head = at + _W64_CHUNK_BYTES, bytearray()
    declared: int | None = length - _W64_CHUNK_BYTES
    if length <= _W64_CHUNK_BYTES or length >= _UNKNOWN_64:
        declared, head = None, bytearray(data[:start])
        struct.pack_into("<Q", head, 16, size)
        struct.pack_into("<Q", head, at + 16, size - at)
    return Sound(start, declared, size - start, bytes_per_s, bytes(head))


def _format(data: bytes, at: int) -> tuple[int, int]:
    """The kind of samples that a `fmt ` chunk names, and bytes a second."""
    kind, _, rate_hz, _, stride = struct.unpack_from("<HHIIH", data, at)
    if kind == _EXTENSIBLE and len(data) >= at + 26:
        (kind,) = struct.unpack_from("<H", data, at + 24)
    return kind, rate_hz * stride


def _in_aiff(data: bytes, size: int) -> Sound | None:
    at, common = 12, None
    for _ in range(_MAX_CHUNKS):
        name, length = struct.unpack_from(">4sI", data, at)
        if name == b"COMM":
            common = at
        elif name == b"SSND":
            break
        at += 8 + length + length % 2
    else:
        return None
    if common is None:
        return None  # It is behind the samples, where nothing can be repaired.
    channels, frames, bits, exponent, mantissa = struct.unpack_from(">HIHHQ", data, common + 8)
    kind = data[common + 26 : common + 30] if data[8:12] == b"AIFC" else b"NONE"
    if kind not in (b"NONE", b"twos", b"sowt", b"fl32", b"FL32", b"fl64", b"FL64", b"in24", b"in32", b"raw "):
        return None
    if not 0 <= exponent - _ONE_EXPONENT < 32:
        return None  # The sample rate is nonsense.
    stride = channels * ((bits + 7) // 8)
    rate_hz = mantissa * 2.0 ** (exponent - _ONE_EXPONENT - 63)
    start, head = at + 16, bytearray()
    declared: int | None = frames * stride
    if length <= 8 or length >= UNKNOWN_32 or not frames or frames == 0xFFFF_FFFF:
        declared, head = None, bytearray(data[:start])
        whole = min((size - start) // max(1, stride), 0xFFFF_FFFE)
        struct.pack_into(">I", head, 4, min(size - 8, 0xFFFF_FFFF))
        struct.pack_into(">I", head, common + 10, whole)
        struct.pack_into(">I", head, at + 4, min(size - at - 8, 0xFFFF_FFFF))
    return Sound(start, declared, size - start, stride * rate_hz, bytes(head))
