"""A file that may be a recording, opened, and what it is by its first bytes if it is none."""

import os
from pathlib import Path
from typing import IO

from aeolian.errors import InputError

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
