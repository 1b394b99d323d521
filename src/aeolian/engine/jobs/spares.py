"""Small files that a datum left, for the next to begin with.

A file that is made and removed for every datum costs more than what is in it: ext4, for one, looks at every file that
was removed in the last minute before it makes the next.
"""

import os
from pathlib import Path

from aeolian.engine.programs.folders import is_ours, remove

_MOST = 32
_MOST_BYTES = 64 * 1024
_MODE = 0o644


class Spares:
    """Files in a folder of their own, where no program can write. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[str] = []
        self._made = 0

    def keep(self, path: str, status: os.stat_result) -> bool:
        """Move the file here if it is small and of our own, and there is room; return whether it was."""
        if len(self._paths) >= _MOST or status.st_size > _MOST_BYTES or not is_ours(status):
            return False
        if not self._made:
            self._folder.mkdir(0o700, exist_ok=True)
        self._made += 1
        spare = f"{self._folder}/{self._made}"
        os.rename(path, spare)  # noqa: PTH104
        os.chmod(spare, _MODE)  # noqa: PTH101
        self._paths.append(spare)
        return True

    def move_to(self, target: Path) -> None:
        """Let `target` be one of the files, if there is one, with whatever is in it. Nothing may be there yet."""
        if self._paths:
            os.rename(self._paths.pop(), target)  # noqa: PTH104

    def remove(self) -> None:
        """Remove them all."""
        self._paths.clear()
        if self._made:
            remove(self._folder)
