"""ffmpeg as a process: what it is given to read, what it writes, and its complaints in plain words.

The binary is the one bundled in `imageio-ffmpeg`, so nothing need be installed on the machine. It gets the
file as an open descriptor (`fd:`), or a part of it through a pipe, which is the only thing that it may open: the name
of a file, its extension and where it lies play no part, and playlists, concat scripts and the like cannot make it read
another file or the network.
"""

import functools
import os
import re
import selectors
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import IO

import imageio_ffmpeg

from aeolian.errors import AeolianError, InputError
from aeolian.formats.ogg import find_links
from aeolian.formats.sizes import find_sound

STALL_S = 60.0
_MAX_KINDS_OF_COMPLAINT = 50
_MAX_ALLOCATION_BYTES = 1 << 29
_READ_BYTES = 1 << 16
_FED_BYTES = 1 << 18

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
    return path


class Source:
    """What ffmpeg is to read of an open file: all of it, or a `head` in place of its first bytes and a part of it."""

    def __init__(self, file: IO[bytes], start: int = 0, end: int | None = None, head: bytes = b"") -> None:
        self.file = file
        self._start, self._end, self._head = start, end, head
        self._fed = bool(start or head or end is not None)

    def run(self, level: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
        """Starts ffmpeg, doing `arguments` with what is to be read. Its stdout and stderr are pipes."""
        argv = [executable(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", f"repeat+{level}"]
        argv += ["-max_alloc", str(_MAX_ALLOCATION_BYTES), "-protocol_whitelist", "fd,pipe", "-bitexact"]
        argv += ["-i", "pipe:0"] if self._fed else ["-fd", str(self.file.fileno()), "-i", "fd:"]
        process = subprocess.Popen(
            [*argv, *arguments],
            stdin=subprocess.PIPE if self._fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=() if self._fed else (self.file.fileno(),),
            bufsize=0,
        )
        if process.stdin is not None:
            # A descriptor of its own: the file may be closed before the thread has seen that the process is gone.
            pipe, process.stdin = process.stdin, None
            threading.Thread(target=self._feed, args=(pipe, os.dup(self.file.fileno())), daemon=True).start()
        return process

    def _feed(self, pipe: IO[bytes], descriptor: int) -> None:
        at = self._start
        # A broken pipe: it has heard enough, or was ended.
        with suppress(OSError), pipe:
            _write(pipe, self._head)
            while data := os.pread(descriptor, min(_FED_BYTES, self._end - at) if self._end else _FED_BYTES, at):
                _write(pipe, data)
                at += len(data)
        os.close(descriptor)


def _write(pipe: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[pipe.write(left) :]


def sources(file: IO[bytes]) -> list[Source]:
    """Plan what ffmpeg reads, in order, to hear all of `file`: the links of an Ogg, or it all, its header mended."""
    links = find_links(file)
    if len(links) > 1:
        return [Source(file, start, end) for start, end in links]
    sound = find_sound(file)
    if sound is not None and sound.mended_head:
        return [Source(file, sound.start, head=sound.mended_head)]
    return [Source(file)]


class Pipes:
    """Reads a process' stdout on demand and counts what it says on stderr in `told`, so that neither pipe fills up."""

    def __init__(self, process: "subprocess.Popen[bytes]", stall_s: float, told: "Counter[str]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.told = told
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


def as_text(raw: bytes) -> str:
    """UTF-8, or Windows-1252 where it is not: ffmpeg hands on what old files hold."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def stalled(seconds: float) -> InputError:
    """The error for a decoder that had to be killed."""
    return InputError(f"made the decoder hang: nothing came out of it for {seconds:g} s")


def reason(told: "Counter[str]") -> str:
    """Why nothing could be decoded, as one clause; empty if ffmpeg told nothing."""
    everything = "\n".join(told)
    for pattern, meaning in _MEANINGS:
        if pattern.search(everything):
            return meaning
    details = [text for text in told if text and not _NOISE.match(text)]
    if details:
        return f"is not a recording that ffmpeg can decode ({details[0].rstrip('.')})"
    return "is not a recording that ffmpeg can decode" if told else ""
