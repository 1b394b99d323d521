"""The links of a chained Ogg file (RFC 3533, section 4): whole recordings, one behind the other, in one file.

A radio's stream is such a file, and so is what `cat` makes of several. Each link may have a codec, a sample rate and a
number of channels of its own. Most readers, libsndfile among them, stop behind the first.
"""

import os
from typing import IO

MAX_LINKS = 4096
_CAPTURE = b"OggS"
_HEADER_BYTES = 27
_MAX_SEGMENTS = 255
_FIRST_PAGE = 0x02
_SEARCHED_BYTES = 1 << 16


def find_links(file: IO[bytes]) -> list[tuple[int, int]]:
    """Find where in `file` each link begins and ends, in bytes; nothing if it is no Ogg file.

    A link begins at the first page of a stream, unless it follows another such page: those are the streams of one link.
    What is between links belongs to the one before. The last of MAX_LINKS goes to the end of the file.
    """
    descriptor = file.fileno()
    if os.pread(descriptor, len(_CAPTURE), 0) != _CAPTURE:
        return []
    starts: list[int] = []
    among_first_pages = False
    at: int | None = 0
    resume = len(_CAPTURE)
    while at is not None and len(starts) < MAX_LINKS:
        page = os.pread(descriptor, _HEADER_BYTES + _MAX_SEGMENTS, at)
        if len(page) < _HEADER_BYTES or not page.startswith(_CAPTURE):
            # The page before was cut short, or there is junk behind it: the next link may begin within it.
            at = _find_page(descriptor, resume)
            resume = (at or 0) + len(_CAPTURE)
            among_first_pages = False
            continue
        resume = at + _HEADER_BYTES
        first = bool(page[5] & _FIRST_PAGE)
        if first and not among_first_pages:
            starts.append(at)
        among_first_pages = first
        segments = page[_HEADER_BYTES : _HEADER_BYTES + page[26]]
        at += _HEADER_BYTES + len(segments) + sum(segments)
    return list(zip(starts, [*starts[1:], os.fstat(descriptor).st_size], strict=False))


def _find_page(descriptor: int, at: int) -> int | None:
    """Find where the next page begins, from byte `at` on."""
    while len(block := os.pread(descriptor, _SEARCHED_BYTES, at)) >= len(_CAPTURE):
        if (found := block.find(_CAPTURE)) >= 0:
            return at + found
        at += len(block) - len(_CAPTURE) + 1
    return None
