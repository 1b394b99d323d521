"""The folders in which a job's datums are laid out: one for each thread, made once and swept between two datums.

A folder made and removed for every datum is a dozen changes of directories, on a busy disk more than the program's own
time. What a sweep leaves is what `lay_out` begins with; a folder that a program left in any other shape is removed.
"""

import os
import re
import stat
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Self

from aeolian.engine.jobs.spares import Spares
from aeolian.engine.programs.folders import is_ours, overwrite, remove
from aeolian.engine.programs.pfs import DOTENV, OUT, SCRATCH, real_folder
from aeolian.engine.programs.processes import PID_FILE
from aeolian.engine.storage.store import folder_name

_PRIVATE = 0o700


class Place:
    """A thread's folder for one datum after another."""

    def __init__(self, folder: Path, *, lasting: bool) -> None:
        self.folder = folder
        self.spares = Spares(folder.with_name(f"{folder.name}.spare"))
        self.bare: frozenset[Path] = frozenset()  # folders of it that are there
        self._lasting = lasting
        self._names: tuple[str, ...] | None = None

    def make_ready(self, names: tuple[str, ...]) -> None:
        """Make the folder what `lay_out` needs for inputs of these `names`: bare, or not there."""
        if self._names != names:
            self._remove()
        self._names = names

    def clear(self) -> None:
        """Take away what the last datum left."""
        if self._names is None or not (self._lasting and _sweep(self.folder, {*self._names, OUT}, self.spares)):
            self._remove()
        elif not self.bare:
            pfs = self.folder / "pfs"
            inner = (self.folder / "tmp", pfs, pfs / SCRATCH, *(real_folder(pfs, name) for name in (*self._names, OUT)))
            self.bare = frozenset({self.folder, *inner})

    def _remove(self) -> None:
        remove(self.folder)
        self._names, self.bare = None, frozenset()

    def close(self) -> None:
        """Remove it."""
        remove(self.folder)
        self.spares.remove()


class Places:
    """The places of a job, `lasting` where its programs run as who lays them out; gone at the end of the block."""

    def __init__(self, scratch: Path, pipeline: str, *, lasting: bool) -> None:
        self._stem = scratch / folder_name(pipeline)
        self._lasting = lasting
        self._mine = threading.local()
        self._all: list[Place] = []

    def mine(self) -> Place:
        """Return the place of the thread that asks."""
        if not hasattr(self._mine, "place"):
            folder = self._stem.with_name(f"{self._stem.name}-{threading.get_native_id()}")
            self._mine.place = Place(folder, lasting=self._lasting)
            self._all.append(self._mine.place)
        place: Place = self._mine.place
        return place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for place in self._all:
            place.close()


def list_places(scratch: Path, pipeline: str) -> list[Path]:
    """Return the folders in which datums of a pipeline run that have a process of their own, whoever runs them."""
    stem = re.compile(rf"{re.escape(folder_name(pipeline))}-\d+", re.ASCII)
    return [folder for folder in scratch.iterdir() if stem.fullmatch(folder.name)]


def _sweep(folder: Path, names: Collection[str], spares: Spares) -> bool:
    """Remove all but the bare folders and links for inputs of these `names`; say whether nothing else is left.

    Files may become `spares`.
    """
    pfs = folder / "pfs"
    links = {name: str(real_folder(pfs, name)) for name in names}
    try:
        if not _keep_folders(folder, {"tmp", "pfs"}, file=PID_FILE):
            return False
        overwrite(folder / PID_FILE, b"-", 0o600)  # nobody runs here
        return (
            _keep_folders(pfs, {SCRATCH}, links, file=DOTENV)
            and _keep_folders(pfs / SCRATCH, names)
            and _keep_folders(folder / "tmp", ())
            and all(_keep_folders(real_folder(pfs, name), (), spares=spares) for name in names)
        )
    except OSError:
        return False


def _keep_folders(
    folder: Path,
    kept: Collection[str],
    links: dict[str, str] | None = None,
    *,
    file: str = "",
    spares: Spares | None = None,
) -> bool:
    """Remove what is in `folder` but the private folders `kept` and the `links`; say whether all of those are there.

    A `file` that will be written over stays too, if it is there; others may become `spares`.
    """
    left, links = 0, links or {}
    with os.scandir(folder) as found:
        for item in list(found):
            status = item.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                if item.name in kept and stat.S_IMODE(status.st_mode) == _PRIVATE:
                    left += 1
                else:
                    remove(Path(item.path))
            elif item.name in links and stat.S_ISLNK(status.st_mode) and os.readlink(item.path) == links[item.name]:  # noqa: PTH115
                left += 1
            elif item.name == file and is_ours(status):
                continue
            elif not (spares and spares.keep(item.path, status)):
                os.unlink(item.path)  # noqa: PTH108
    return left == len(kept) + len(links)
