"""What a recording says of itself: container, codec, duration and tags, read by ffmpeg without decoding.

There is no ffprobe beside the bundled ffmpeg, so the format is read from what ffmpeg prints about its input,
and the tags from the `ffmetadata` it writes. All of it is for reports: nothing is decided by it.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from aeolian.formats.ffmpeg import STALL_S, as_text, command_line, opened, stalled

MAX_TAGS = 200
MAX_TAG_CHARACTERS = 2000


@dataclass(frozen=True)
class Probe:
    """What a file says of itself, empty where it says nothing. `duration_s` is often an estimate."""

    container: str = ""
    codec: str = ""
    sample_rate_hz: int | None = None
    layout: str = ""
    duration_s: float | None = None
    tags: dict[str, str] = field(default_factory=dict)


def probe(path: Path, *, timeout_s: float = STALL_S) -> Probe:
    """Reads the headers and tags of `path`. A file that is no audio gives an empty `Probe`.

    Raises `InputError` when ffmpeg hangs.
    """
    arguments = ["-map", "0:a:0", "-c", "copy", "-t", "0", "-bitexact", "-f", "ffmetadata", "-"]
    with opened(path) as file:
        try:
            done = subprocess.run(
                command_line(file, "info", arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                pass_fds=(file.fileno(),),
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise stalled(timeout_s) from error
    return parse_probe(done.stderr, done.stdout)


def parse_probe(told: bytes, metadata: bytes) -> Probe:
    """A `Probe` of what ffmpeg prints about its input (`told`) and of the ffmetadata it writes."""
    text = as_text(told).partition("\nOutput #0")[0]
    container = re.search(r"^Input #0, (\S+), from ", text, re.MULTILINE)
    duration = re.search(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", text, re.MULTILINE)
    stream = re.search(r"^  Stream #0:\d+.*?: Audio: ([\w.-]+)([^\n]*)", text, re.MULTILINE)
    rate = re.search(r"\b(\d+) Hz(?:, ([^,\n]+))?", stream[2]) if stream else None
    return Probe(
        container=container[1] if container else "",
        codec=stream[1] if stream else "",
        sample_rate_hz=int(rate[1]) if rate else None,
        layout=(rate[2] or "").strip() if rate else "",
        duration_s=int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]) if duration else None,
        tags=parse_tags(metadata),
    )


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
