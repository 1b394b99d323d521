"""What a recording says of itself: container, codec, duration and tags, read by ffmpeg without decoding.

There is no ffprobe beside the bundled ffmpeg, so the format is read from what ffmpeg prints about its input,
and the tags from the `ffmetadata` it writes. All of it is for reports: nothing is decided by it.
"""

import re
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from aeolian.formats.ffmpeg import STALL_S, Source, as_text, sources, stalled
from aeolian.formats.opened import opened
from aeolian.formats.sizes import find_sound

MAX_TAGS = 200
# Ten hours of MP3 take two seconds, on a machine that does nothing else.
MEASURING_S = 600.0
# Containers whose length ffmpeg reads, rather than adds up: not Ogg, whose pages only number the samples (from anything
# on), nor Matroska, whose length is that of the film. For MP3 it is the frame of Xing or VBRI, if there is one.
_DECLARING = frozenset({"mp3", "flac", "mov", "asf", "ape", "tta", "wv", "mpc", "mpc8", "tak", "caf", "au", "dsf"})
_CHANNELS = {"mono": 1, "stereo": 2, "downmix": 2, "quad": 4, "hexagonal": 6, "octagonal": 8, "cube": 8}
_ESTIMATED = re.compile(r"Estimating duration from bitrate|using bitrate for duration")
MAX_TAG_CHARACTERS = 2000


@dataclass(frozen=True)
class Probe:
    """What a file says of itself, empty where it says nothing.

    `duration_s` is often ffmpeg's estimate; `declared_s` is the length of the sound that the container itself names,
    None where it names none. `floats`: the samples are floating-point numbers, of which some may be none, or too great.
    """

    container: str = ""
    codec: str = ""
    sample_rate_hz: int | None = None
    layout: str = ""
    duration_s: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    declared_s: float | None = None
    floats: bool = False

    @property
    def channels(self) -> int:
        """How many channels `layout` has; 0 if it does not say."""
        if found := re.match(r"(\d+) channels", self.layout):
            return int(found[1])
        if found := re.match(r"\d+(\.\d+)+", self.layout):
            return sum(map(int, found[0].split(".")))
        return _CHANNELS.get(re.split(r"[(\s]", self.layout)[0], 0)

    @property
    def deep_channel(self) -> int | None:
        """The place of the channel of deep effects among the others, as ffmpeg orders them; None without one."""
        return min(3, self.channels - 1) if re.match(r"\d+\.1\b", self.layout) else None


def probe(path: Path, *, timeout_s: float = STALL_S) -> Probe:
    """Reads the headers and tags of `path`, of a chained file those of the first link; one of no audio gives an empty
    `Probe`.

    Raises `InputError` when ffmpeg hangs.
    """
    arguments = ["-map", "0:a:0", "-c", "copy", "-t", "0", "-bitexact", "-f", "ffmetadata", "-"]
    with opened(path) as file:
        parts, sound = sources(file), find_sound(file)
        metadata, told = _run(parts[0], "info", arguments, timeout_s)
    found = parse_probe(told, metadata)
    return found if sound is None else replace(found, declared_s=sound.declared_s)


def measure_s(path: Path, *, timeout_s: float = MEASURING_S) -> float:
    """Measure how long the sound of `path` lasts, in seconds, by its packets: quick, and exact to some milliseconds.

    0 for what is no audio. Raises `InputError` when it takes longer than `timeout_s`.
    """
    arguments = ["-map", "0:a:0", "-c", "copy", "-progress", "pipe:1", "-f", "null", "-"]
    total_s = 0.0
    with opened(path) as file:
        for part in sources(file):
            written, _ = _run(part, "quiet", arguments, timeout_s)
            times = re.findall(rb"^out_time_us=(\d+)", written, re.MULTILINE)
            total_s += int(times[-1]) / 1e6 if times else 0.0
    return total_s


def _run(part: Source, level: str, arguments: list[str], timeout_s: float) -> tuple[bytes, bytes]:
    """What ffmpeg writes on stdout and stderr."""
    with part.run(level, arguments) as process:
        try:
            return process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise stalled(timeout_s) from error
        finally:
            process.kill()


def parse_probe(told: bytes, metadata: bytes) -> Probe:
    """A `Probe` of what ffmpeg prints about its input (`told`) and of the ffmetadata it writes."""
    text = as_text(told).partition("\nOutput #0")[0]
    container = re.search(r"^Input #0, (\S+), from ", text, re.MULTILINE)
    duration = re.search(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", text, re.MULTILINE)
    stream = re.search(r"^  Stream #0:\d+.*?: Audio: ([\w.-]+)([^\n]*)", text, re.MULTILINE)
    rate = re.search(r"\b(\d+) Hz(?:, ([^,\n]+))?", stream[2]) if stream else None
    duration_s = int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]) if duration else None
    floats = stream is not None and (stream[1].startswith("pcm_f") or stream[1] == "wavpack")
    return Probe(
        container=container[1] if container else "",
        codec=stream[1] if stream else "",
        sample_rate_hz=int(rate[1]) if rate else None,
        layout=(rate[2] or "").strip() if rate else "",
        duration_s=duration_s,
        tags=parse_tags(metadata),
        declared_s=None if duration_s is None else _declared_s(text, duration_s, container[1] if container else ""),
        floats=floats and re.search(r"\b(flt|dbl)p?\b", stream[2] if stream else "") is not None,
    )


def _declared_s(text: str, duration_s: float, container: str) -> float | None:
    """The length that the container names for its sound: no estimate, and not that of a film around it."""
    streams = re.findall(r"^  Stream #0:\d+[^\n]*", text, re.MULTILINE)
    if _ESTIMATED.search(text) or not _DECLARING & set(container.split(",")):
        return None
    films = sum(" Video: " in stream and "(attached pic)" not in stream for stream in streams)
    if films or sum(" Audio: " in stream for stream in streams) > 1:
        return None
    start = re.search(r"^  Duration: [^\n]*?, start: (-?[\d.]+)", text, re.MULTILINE)
    return duration_s - max(0.0, float(start[1]) if start else 0.0)


def parse_tags(metadata: bytes) -> dict[str, str]:
    """The tags in ffmpeg's `ffmetadata` (ffmpeg-formats manual, section "Metadata"), sorted by name.

    Old tags name no encoding: what is not UTF-8 is taken for Windows-1252. Several values of one name are
    joined by `; `; chapters, and the name of ffmpeg itself, are left out.
    """
    tags: dict[str, str] = {}
    in_chapter = False
    for line in re.findall(rb"(?:\\.|[^\\\n])+", metadata, re.DOTALL):
        text = as_text(line)
        if text.startswith((";", "#")):
            continue
        if text in ("[CHAPTER]", "[STREAM]"):
            in_chapter = text == "[CHAPTER]"
            continue
        parts = re.fullmatch(r"((?:\\.|[^=\\])*)=(.*)", text, re.DOTALL)
        if in_chapter or parts is None:
            continue
        name, value = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL).strip() for part in parts.groups())
        _add(tags, name, value)
    return dict(sorted(tags.items()))


def _add(tags: dict[str, str], name: str, value: str) -> None:
    if not value or (name == "encoder" and value.startswith("Lav")):
        return
    if name not in tags and len(tags) < MAX_TAGS:
        tags[name] = value[:MAX_TAG_CHARACTERS]
    elif name in tags and value not in tags[name].split("; "):
        tags[name] = f"{tags[name]}; {value}"[:MAX_TAG_CHARACTERS]
