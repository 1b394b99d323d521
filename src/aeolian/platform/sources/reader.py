"""Sources of a put as they are written: `a,b`, a list in a file, URLs."""

import contextlib
import csv
import os
import sys
from typing import BinaryIO

from aeolian.errors import UsageError
from aeolian.platform.sources.fetch import is_url, open_url


class SourceReader:
    """Opens URLs for a put. What it opens is closed with `opened`."""

    def __init__(self, opened: contextlib.ExitStack, *, allow_local: bool = False) -> None:
        self._opened, self._allow_local = opened, allow_local

    def fetch(self, url: str) -> BinaryIO:
        """Return the content at a URL. Raises `UsageError` if there is none."""
        return self._opened.enter_context(contextlib.closing(open_url(url, allow_local=self._allow_local)))

    def read_list(self, place: str) -> list[str]:
        """Return the sources in a file, at a URL or in standard input (`-`), one a line. Raises `UsageError`."""
        if place == "-":
            data = sys.stdin.buffer.read()
        elif is_url(place):
            data = self.fetch(place).read()
        else:
            try:
                with open(place, "rb") as file:  # noqa: PTH123  a name may be any bytes
                    data = file.read()
            except OSError as error:
                raise UsageError(f"{place} cannot be read: {error.strerror}.") from None
        sources = [os.fsdecode(line.rstrip(b"\r")) for line in data.split(b"\n")]
        found = [source for source in sources if source]
        if not found:
            raise UsageError(f"{place} names no source.", remedy="Write one file or URL on each line.")
        return found


def split_sources(words: tuple[str, ...]) -> list[str]:
    """Return the sources in the words of `-f`: a comma parts two, unless a file has it in its name."""
    found: list[str] = []
    for word in words:
        whole = "," not in word or is_url(word) or os.path.lexists(word)
        found += [word] if whole else [part for part in next(csv.reader([word])) if part]
    if not found:
        raise UsageError("There is no source.", remedy="Name a file with -f.")
    return found
