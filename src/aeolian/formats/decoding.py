"""Any recording that ffmpeg decodes, from its beginning to its end, as blocks of samples in constant memory.

The links of a chained Ogg file are decoded one after the other, each in a process of its own: one process would end
where the codec or the number of channels changes. They come at the sample rate and with the channels of the first.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aeolian.errors import InputError
from aeolian.formats.closing import Closing
from aeolian.formats.ffmpeg import STALL_S, Pipes, Source, reason, sources
from aeolian.formats.opened import kind_of, opened

MAX_BLOCK_FRAMES = 1 << 20
_HEAD_BYTES = 512
_SAMPLE_BYTES = {"s16": 2, "f32": 4}
# NaN becomes 0, and what is beyond full scale full scale; ffmpeg's own conversion makes -1 of NaN and of infinity.
_BOUNDED = "aeval=exprs=if(isnan(val(ch))\\,0\\,clip(val(ch)\\,-1\\,1)):c=same"


@dataclass(frozen=True)
class Wanted:
    """How the sound is to come. None: as it is in the recording, at most two channels with `at_most_stereo`.

    `beside`: two channels, the same ones if `channels` is 1, and behind them those of the recording. Of a chained Ogg
    file, whose links have channels of their own, they do not come: see `Decoding.beside`.
    """

    sample_rate_hz: int | None = None
    channels: int | None = None
    at_most_stereo: bool = True
    samples: str = "s16"
    bounded: bool = False
    beside: bool = False

    def arguments(self) -> list[str]:
        """What ffmpeg is told for this."""
        filters = [_BOUNDED] if self.bounded else []
        if self.beside:
            mix = "aformat=channel_layouts=" + ("mono,pan=stereo|c0=c0|c1=c0" if self.channels == 1 else "stereo")
            first = ",".join([*filters, "asplit"])
            graph = f"[0:a:0]{first}[one][other];[one]{mix}[mix];[mix][other]amerge[out]"
            argv = ["-filter_complex", graph, "-map", "[out]"]
        else:
            if self.channels is None and self.at_most_stereo:
                filters.append("aformat=channel_layouts=mono|stereo")
            argv = ["-map", "0:a:0", "-vn", "-sn", "-dn"]
            argv += ["-af", ",".join(filters)] if filters else []
            argv += [] if self.channels is None else ["-ac", str(self.channels)]
        argv += ["-map_metadata", "-1"]
        argv += [] if self.sample_rate_hz is None else ["-ar", str(self.sample_rate_hz)]
        return [*argv, "-c:a", f"pcm_{self.samples}le", "-bitexact", "-f", "wav", "-"]


class Decoding(Closing):
    """A recording being decoded: its format, and its sound block by block. Made by `decode`.

    `frames` is how many have come so far. `beside`: whether the recording's own channels come behind the mix.
    """

    def __init__(self, parts: list[Source], wanted: Wanted, stall_s: float, kind: str = "") -> None:
        self.beside = wanted.beside and len(parts) == 1
        wanted = replace(wanted, beside=self.beside)
        self._parts, self._wanted, self._stall_s, self._kind = parts, wanted, stall_s, kind
        self._told: Counter[str] = Counter()
        self._process: subprocess.Popen[bytes] | None = None
        self.frames = 0
        for number in range(len(parts)):
            self._next = number + 1
            try:
                self._pipes, self.sample_rate_hz, self.channels = self._open(parts[number], wanted)
                break
            except InputError:
                if number + 1 == len(parts):
                    self.close()
                    raise
        self._stride = _SAMPLE_BYTES[wanted.samples] * self.channels

    @property
    def complaints(self) -> list[str]:
        """What the decoder disliked so far, each once, with how often."""
        return [f"{text} ({count} times)" if count > 1 else text for text, count in self._told.items()]

    def blocks(self, seconds: float) -> Iterator[bytes]:
        """The sound, whole frames of `seconds` at a time, the last block shorter.

        Raises `InputError` if there is not one sample, or if the decoder gives nothing for `stall_s`.
        """
        size = self._stride * max(1, min(int(seconds * self.sample_rate_hz), MAX_BLOCK_FRAMES))
        held = b""
        while True:
            held += self._pipes.read(size - len(held))
            if len(held) == size:
                self.frames += len(held) // self._stride
                yield held
                held = b""
                continue
            held = held[: len(held) - len(held) % self._stride]
            if not self._open_next():
                break
        if held:
            self.frames += len(held) // self._stride
            yield held
        if not self.frames:
            raise InputError(self._kind or reason(self._told) or "holds no sound: its audio is empty")

    def _open_next(self) -> bool:
        """Goes on to the next part that holds sound. False if there is none."""
        wanted = Wanted(
            self.sample_rate_hz, self.channels, False, samples=self._wanted.samples, bounded=self._wanted.bounded
        )
        while self._next < len(self._parts):
            number, self._next = self._next, self._next + 1
            try:
                self._pipes, _, _ = self._open(self._parts[number], wanted)
                return True
            except InputError as error:
                self._told[f"part {number + 1} of {len(self._parts)} {error}"] += 1
        return False

    def _open(self, part: Source, wanted: Wanted) -> tuple[Pipes, int, int]:
        """Starts a process; returns its pipes, and the sample rate and channels of the WAV header that it writes."""
        self.close()
        self._process = part.run("error", wanted.arguments())
        pipes = Pipes(self._process, self._stall_s, self._told)
        riff, fmt = pipes.read(12), b""
        while len(riff) == 12 and len(chunk := pipes.read(8)) == 8:
            if chunk[:4] == b"data" and fmt:
                return pipes, int.from_bytes(fmt[4:8], "little"), int.from_bytes(fmt[2:4], "little")
            body = pipes.read(int.from_bytes(chunk[4:], "little"))
            fmt = body if chunk[:4] == b"fmt " else fmt
        raise InputError(self._kind or reason(self._told) or "is not a recording that ffmpeg can decode")

    def close(self) -> None:
        """Ends the process that runs."""
        if self._process is not None:
            self._process.kill()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
            self._process.wait()
            self._process = None


@contextmanager
def decode(path: Path, wanted: Wanted | None = None, *, stall_s: float = STALL_S) -> Iterator[Decoding]:
    """Decodes the first audio stream of `path`.

    Raises `InputError`, saying why, for what holds no sound that ffmpeg can decode. The process ends with the
    block, whatever has been read by then.
    """
    with opened(path) as file:
        kind = kind_of(os.pread(file.fileno(), _HEAD_BYTES, 0))
        with Decoding(sources(file), wanted or Wanted(), stall_s, kind) as decoding:
            yield decoding
