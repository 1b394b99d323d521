"""Any recording that ffmpeg decodes, as blocks of 16-bit PCM, and its complaints in plain words.

The binary is the one bundled in `imageio-ffmpeg`, so nothing need be installed on the machine. It gets the
file as an open descriptor (`fd:`), which is the only thing that it may open: the name of a file, its
extension and where it lies play no part, and playlists, concat scripts and the like cannot make it read
another file or the network.
"""

import functools
import os
import re
import selectors
import subprocess
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from aeolian.errors import AeolianError, InputError

with warnings.catch_warnings():
    # pydub looks for a system-wide ffmpeg when imported and warns that there is none; it is given one below.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

STALL_S = 60.0
MAX_BLOCK_FRAMES = 1 << 20
_MAX_KINDS_OF_COMPLAINT = 50
_MAX_ALLOCATION_BYTES = 1 << 29
_READ_BYTES = 1 << 16
_HEAD_BYTES = 512

# What ffmpeg says, and what it means. The first match in the whole of its output tells the reason.
_MEANINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"matches no streams|does not contain any stream", "has no audio stream"),
        (
            r"\bDRM\b|\bdrm[si]\b|encrypted|activation_bytes|decryption key",
            "is encrypted (DRM), so it cannot be decoded",
        ),
        (r"not on whitelist|protocol .*not found", "refers to other files instead of holding sound"),
        (r"partial file", "is cut off before any sound begins"),
        (r"moov atom not found", "is incomplete: its index (moov atom) is missing"),
        (r"decoder .*not found|unknown decoder|no decoder", "is in a codec that ffmpeg cannot decode"),
        (r"error opening input: end of file", "ends before any sound begins"),
    )
)
# What is often found among recordings, by its first bytes.
_KINDS = (
    (b"MThd", "is a MIDI file, not a recording"),
    (b"\x89PNG", "is a picture, not a recording"),
    (b"\xff\xd8\xff", "is a picture, not a recording"),
    (b"GIF8", "is a picture, not a recording"),
    (b"%PDF", "is a PDF, not a recording"),
    (b"PK\x03\x04", "is a ZIP archive, not a recording"),
    (b"#EXTM3U", "is a playlist, not a recording"),
    (b"[playlist]", "is a playlist, not a recording"),
)
_NOISE = re.compile(
    r"^(Error opening (input|output) file|Error opening input: |Error parsing options|Failed to set value"
    r"|To ignore this|Last message|At least one output|Conversion failed|Nothing was written|Task finished"
    r"|Terminating thread|Exiting)"
)


@functools.cache
def executable() -> str:
    """The path of the bundled ffmpeg. Raises `AeolianError` where the platform has none."""
    try:
        path: str = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise AeolianError(
            "There is no ffmpeg for this machine in the package imageio-ffmpeg.",
            remedy="Install ffmpeg and set IMAGEIO_FFMPEG_EXE to its path.",
        ) from error
    AudioSegment.converter = path
    return path


def command_line(file: IO[bytes], level: str, arguments: list[str]) -> list[str]:
    """The argv that does `arguments` with what is in `file`, whose descriptor must be passed on."""
    descriptor = str(file.fileno())
    argv = [executable(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", f"repeat+{level}"]
    argv += ["-max_alloc", str(_MAX_ALLOCATION_BYTES), "-protocol_whitelist", "fd,pipe", "-bitexact"]
    return [*argv, "-fd", descriptor, "-i", "fd:", *arguments]


class Decoding:
    """A recording being decoded: its format, and its sound block by block. Made by `decode`."""

    def __init__(self, process: "subprocess.Popen[bytes]", stall_s: float, kind: str = "") -> None:
        self._pipes = _Pipes(process, stall_s)
        self._kind = kind
        self.sample_rate_hz, self.channels = self._header()
        self.frames = 0

    @property
    def complaints(self) -> list[str]:
        """What the decoder disliked so far, each once, with how often."""
        return [f"{text} ({count} times)" if count > 1 else text for text, count in self._pipes.told.items()]

    def blocks(self, seconds: float) -> Iterator[AudioSegment]:
        """The sound, as 16-bit `pydub.AudioSegment`s of `seconds`, the last one shorter.

        Raises `InputError` if there is not one sample, or if the decoder gives nothing for `stall_s`.
        """
        stride = 2 * self.channels
        frames = max(1, min(int(seconds * self.sample_rate_hz), MAX_BLOCK_FRAMES))
        while data := self._pipes.read(frames * stride):
            data = data[: len(data) - len(data) % stride]
            if not data:
                break
            self.frames += len(data) // stride
            yield AudioSegment(data=data, sample_width=2, frame_rate=self.sample_rate_hz, channels=self.channels)
        if not self.frames:
            raise InputError(self._kind or _reason(self._pipes.told) or "holds no sound: its audio is empty")

    def _header(self) -> tuple[int, int]:
        """Sample rate and channels, from the WAV header that ffmpeg writes before the samples."""
        riff, fmt = self._pipes.read(12), b""
        while len(riff) == 12 and len(chunk := self._pipes.read(8)) == 8:
            if chunk[:4] == b"data" and fmt:
                return int.from_bytes(fmt[4:8], "little"), int.from_bytes(fmt[2:4], "little")
            body = self._pipes.read(int.from_bytes(chunk[4:], "little"))
            fmt = body if chunk[:4] == b"fmt " else fmt
        raise InputError(self._kind or _reason(self._pipes.told) or "is not a recording that ffmpeg can decode")


@contextmanager
def decode(
    path: Path, *, sample_rate_hz: int | None = None, channels: int | None = None, stall_s: float = STALL_S
) -> Iterator[Decoding]:
    """Decodes the first audio stream of `path`, at its own sample rate and as mono or stereo, unless told
    otherwise.

    Raises `InputError`, saying why, for what holds no sound that ffmpeg can decode. The process ends with the
    block, whatever has been read by then.
    """
    argv = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1"]
    argv += ["-af", "aformat=channel_layouts=mono|stereo"] if channels is None else ["-ac", str(channels)]
    argv += [] if sample_rate_hz is None else ["-ar", str(sample_rate_hz)]
    argv += ["-c:a", "pcm_s16le", "-bitexact", "-f", "wav", "-"]
    with (
        opened(path) as file,
        subprocess.Popen(
            command_line(file, "error", argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(file.fileno(),),
            bufsize=0,
        ) as process,
    ):
        try:
            yield Decoding(process, stall_s, kind_of(os.pread(file.fileno(), _HEAD_BYTES, 0)))
        finally:
            process.kill()


class _Pipes:
    """Reads a process' stdout on demand and keeps what it says on stderr, so that neither pipe fills up."""

    def __init__(self, process: "subprocess.Popen[bytes]", stall_s: float) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.told: Counter[str] = Counter()
        self._stall_s = stall_s
        self._stdout, self._stderr = process.stdout.fileno(), process.stderr.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._selector.register(self._stderr, selectors.EVENT_READ)
        self._line = b""

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes of stdout, or fewer at its end. Raises `InputError` after silence."""
        data = bytearray()
        deadline_s = time.monotonic() + self._stall_s
        while self._selector.get_map() and len(data) < size:
            for key, _ in self._selector.select(max(0.0, deadline_s - time.monotonic())):
                wanted = min(size - len(data), _READ_BYTES) if key.fd == self._stdout else _READ_BYTES
                if not wanted:
                    continue
                received = os.read(key.fd, wanted)
                if not received:
                    self._selector.unregister(key.fd)
                elif key.fd == self._stdout:
                    data += received
                    deadline_s = time.monotonic() + self._stall_s
                else:
                    self._listen(received)
            if time.monotonic() > deadline_s:
                raise stalled(self._stall_s)
        return bytes(data)

    def _listen(self, received: bytes) -> None:
        *lines, self._line = (self._line[-_READ_BYTES:] + received).split(b"\n")
        for line in lines:
            text = re.sub(r"^(\[[^\]]*\]\s*)+", "", as_text(line).strip())
            if text in self.told or len(self.told) < _MAX_KINDS_OF_COMPLAINT:
                self.told[text] += 1


def opened(path: Path) -> IO[bytes]:
    """The open file. Raises `InputError` if it cannot be opened or is empty."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}") from error
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise InputError("is empty (0 bytes)")
    return file


def kind_of(head: bytes) -> str:
    """What a file that is no recording is, told by its first bytes; empty where they do not tell."""
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    printable = all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
    return "is a text file, not a recording" if len(head) > 1 and printable else ""


def as_text(raw: bytes) -> str:
    """UTF-8, or Windows-1252 where it is not: ffmpeg hands on what old files hold."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def stalled(seconds: float) -> InputError:
    """The error for a decoder that had to be killed."""
    return InputError(f"made the decoder hang: nothing came out of it for {seconds:g} s")


def _reason(told: "Counter[str]") -> str:
    """Why nothing could be decoded, as one clause; empty if ffmpeg told nothing."""
    everything = "\n".join(told)
    for pattern, meaning in _MEANINGS:
        if pattern.search(everything):
            return meaning
    details = [text for text in told if text and not _NOISE.match(text)]
    if details:
        return f"is not a recording that ffmpeg can decode ({details[0].rstrip('.')})"
    return "is not a recording that ffmpeg can decode" if told else ""
