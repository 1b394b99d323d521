"""MIDI files made byte by byte, with all that the specification allows and few programs write, and their notes."""

from dataclasses import dataclass, field
from random import Random

END = b"\0\xff\x2f\0"
Row = tuple[float, float, int, int]


def length(value: int, padding: int = 0) -> bytes:
    """A variable-length quantity, with so many needless bytes before it."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return b"\x80" * padding + bytes(reversed(groups))


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "big") + data


def header(file_format: int, tracks: int, division: int, more: bytes = b"") -> bytes:
    return chunk(b"MThd", b"".join(n.to_bytes(2, "big") for n in (file_format, tracks, division)) + more)


def smf(*tracks: bytes, file_format: int = 1, division: int = 480) -> bytes:
    """A file of these tracks, each without its end, which is added."""
    chunks = [chunk(b"MTrk", track + END) for track in tracks]
    return b"".join([header(file_format, len(tracks), division), *chunks])


def riff(*chunks: tuple[bytes, bytes], padded: bool = True) -> bytes:
    """A RIFF file of the kind RMID with these chunks, those of odd size padded as they should be, or not."""
    parts = [
        kind + len(data).to_bytes(4, "little") + data + (b"\0" if padded and len(data) % 2 else b"")
        for kind, data in chunks
    ]
    body = b"RMID" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@dataclass
class OddFile:
    """A file's bytes, the notes in it (drums apart), and whether mido can read it."""

    content: bytes
    notes: list[Row]
    drums: int
    mido_reads_it: bool


@dataclass
class _Track:
    """Writes one track event by event, each in one of the ways in which it can be written."""

    rng: Random
    is_loose: bool  # running status goes on after a system-exclusive message, which the specification forbids
    is_calm: bool  # nothing is padded or divided
    data: bytes = b""
    tick: int = 0
    status: int = 0
    is_running_cut: bool = False
    texts: list[bytes] = field(default_factory=lambda: [b"", b"a", b"\xf0\x7f", b"\xff\x2f\x00", b"\xc0\x05\x00\x90"])

    def event(self, tick: int, message: bytes) -> None:
        """A channel message at `tick`, after whatever else comes to mind."""
        while self.rng.random() < 0.3:
            self._clutter(self.rng.randint(self.tick, tick))
        running = self.status == message[0] and self.rng.random() < 0.7 and (self.is_loose or not self.is_running_cut)
        self._delta(tick)
        self.data += message[1:] if running else message
        self.status, self.is_running_cut = message[0], False

    def tempo(self, tick: int, microseconds: int) -> None:
        self._delta(tick)
        self.data += b"\xff\x51\x03" + microseconds.to_bytes(3, "big")

    def _clutter(self, tick: int) -> None:
        self._delta(tick)
        seven_bits = bytes(self.rng.randrange(128) for _ in range(self.rng.choice([0, 1, 5, 130])))
        kind = self.rng.choice(["meta", "whole"] if self.is_calm else ["meta", "meta", "whole", "divided", "escape"])
        if kind == "meta":
            text = self.rng.choice(self.texts[:3] if self.is_calm else self.texts)
            self.data += b"\xff" + bytes([self.rng.choice([1, 3, 5, 6, 0x7F])]) + self._length(len(text)) + text
            return
        self.is_running_cut = True
        if kind == "escape":
            self.data += b"\xf7" + self._length(len(seven_bits)) + seven_bits
            return
        self.data += b"\xf0" + self._length(len(seven_bits) + (kind == "whole")) + seven_bits
        if kind == "whole":
            self.data += b"\xf7"
            return
        while self.rng.random() < 0.5:
            self.data += length(0) + b"\xf7" + self._length(len(seven_bits)) + seven_bits
        self.data += length(0) + b"\xf7" + self._length(len(seven_bits) + 1) + seven_bits + b"\xf7"

    def _delta(self, tick: int) -> None:
        self.data += self._length(tick - self.tick)
        self.tick = tick

    def _length(self, value: int) -> bytes:
        return length(value, 0 if self.is_calm else self.rng.choice([0, 0, 0, 0, 1, 2, 5]))


def odd_file(rng: Random) -> OddFile:
    """A file of format 0, 1 or 2 with one to three tracks; no pitch is played twice in a track."""
    division, file_format = rng.choice([1, 96, 480, 32767]), rng.choice([0, 1, 1, 2])
    is_loose, is_wrapped, is_calm = rng.random() < 0.3, rng.random() < 0.3, rng.random() < 0.5
    step = rng.choice([0, 1, division // 3 + 1, division * 2])
    played, tracks, ends, tempos = [], [], [], []
    for number in range(1 if file_format == 0 else rng.randint(1, 3)):
        events: list[tuple[int, bytes]] = []
        channels = [rng.choice([0, 1, 9])] if is_calm else [0, 0, 1, 9]
        for pitch in rng.sample(range(128), rng.randint(0, 6)):
            channel, velocity = rng.choice(channels), rng.randint(1, 127)
            on = rng.randint(0, 20) * step
            off = on + rng.randint(1, 20) * max(step, 1)
            closing = bytes([0x90 | channel, pitch, 0]) if rng.random() < 0.5 else bytes([0x80 | channel, pitch, 64])
            events += [(on, bytes([0x90 | channel, pitch, velocity])), (off, closing)]
            played.append((number, channel, on, off, pitch, velocity))
        changes = sorted((rng.randint(0, 30) * step, rng.randint(1, 3_000_000)) for _ in range(rng.randint(0, 3)))
        tempos += [(number, *change) for change in changes]
        track = _Track(rng, is_loose, is_calm)
        for tick, message in sorted([*events, *changes], key=lambda event: event[0]):
            track.event(tick, message) if isinstance(message, bytes) else track.tempo(tick, message)
        ends.append(track.tick)
        tracks.append(chunk(b"MTrk", track.data + END))
    extra = rng.choice([b"", b"", b"\0\1\2\3"])
    between = chunk(b"XFIH", b"MTrk of another kind") if is_wrapped else b""
    content = header(file_format, len(tracks), division, extra) + b"".join(between + track for track in tracks)
    if is_wrapped and rng.random() < 0.5:
        info = (b"LIST", b"INFOINAM\5\0\0\0tune\0")
        content = riff(*rng.choice([[info, (b"data", content)], [(b"data", content), info]]), padded=rng.random() < 0.5)
    rows = [
        (
            _seconds(tempos, ends, number, on, division, file_format),
            _seconds(tempos, ends, number, off, division, file_format),
            pitch,
            velocity,
        )
        for number, channel, on, off, pitch, velocity in played
        if channel != 9
    ]
    mido_reads_it = not is_loose and not is_wrapped and file_format != 2
    return OddFile(content, sorted(rows), len(played) - len(rows), mido_reads_it)


def _seconds(
    tempos: list[tuple[int, int, int]], ends: list[int], number: int, tick: int, division: int, file_format: int
) -> float:
    """When a tick of a track is, step by step, as one would work it out by hand."""
    if file_format == 2:
        before = sum(_seconds(tempos, ends, n, ends[n], division, 3) for n in range(number))
        return before + _seconds(tempos, ends, number, tick, division, 3)
    counting = [tempo for tempo in tempos if file_format != 3 or tempo[0] == number]
    seconds, last, microseconds = 0.0, 0, 500_000
    for _, at, changed in sorted(counting, key=lambda tempo: tempo[1]):
        if at > tick:
            break
        seconds += (at - last) * microseconds / division / 1e6
        last, microseconds = at, changed
    return seconds + (tick - last) * microseconds / division / 1e6
