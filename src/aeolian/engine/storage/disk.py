"""A disk without space: one error for it, wherever it shows. What was finished is kept; the next command goes on."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aeolian.errors import StorageError

FULL = (errno.ENOSPC, errno.EDQUOT)
# A program that needed more than was left has failed for want of space, whatever it says.
_NEARLY_NOTHING_BYTES = 1 << 20


class DiskFull(StorageError):
    """No space left: whatever was going on is to be done again, and nobody's fault."""

    def __init__(self, place: Path) -> None:
        super().__init__(f"No space left in {place}.", remedy="Free some space; `aeolian wait` goes on from here.")


@contextmanager
def told_if_full(place: Path) -> Iterator[None]:
    """Raises `DiskFull` where the block fails for want of space, in files or in SQLite."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(place) from error
        raise
    except sqlite3.OperationalError as error:
        if "full" in str(error) or ("disk I/O error" in str(error) and nearly_full(place)):
            raise DiskFull(place) from error
        raise


def nearly_full(place: Path) -> bool:
    """Whether there is next to no space left where `place` is, or next to no room for further files."""
    room = os.statvfs(place)
    no_files = room.f_files > 0 and room.f_favail < 1
    return no_files or room.f_bavail * room.f_frsize < _NEARLY_NOTHING_BYTES
