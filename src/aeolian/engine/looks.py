"""One look at a folder of this machine: which files and folders stand there, and what could not be seen."""

import errno
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

PARTIAL = (".part", ".partial", ".crdownload", ".tmp")
# Device, inode, size, and when content and status last changed: all that a changed file cannot keep together.
_STAMP = struct.Struct("=QQqqq")
_GONE = (errno.ENOENT, errno.ENOTDIR)

Identity = tuple[int, int]


@dataclass
class Look:
    """Paths are relative to the folder, without a slash before them; "" is the folder itself.

    `files` has a stamp for each file, `folders` device and inode of each folder that could be listed to its end.
    `unseen` says of files and folders why they could not be seen; `left_out` of others why they are no files to take.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    folders: dict[str, Identity] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def where_unseen(self, path: str) -> str | None:
        """What could not be seen, so that nothing can be said of `path`: it, or a folder above. None if it was."""
        return next((part for part in (path, *holders(path)) if part in self.unseen), None) if self.unseen else None


def look_at(folder: str) -> Look:
    """Everything below `folder` but hidden files and folders, and files that others are still fetching."""
    look, places = Look(), [""]
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    while places:
        place = places.pop()
        try:
            # Opened once: what is listed is what `fstat` saw, whatever is mounted or moved meanwhile.
            handle = os.open(os.path.join(folder, place), flags | (os.O_NOFOLLOW if place else 0))  # noqa: PTH118
        except OSError as error:
            if place == "" or error.errno not in _GONE:
                look.unseen[place] = _text(error)
            continue
        try:
            status = os.fstat(handle)
            with os.scandir(handle) as entries:
                for entry in entries:
                    places += _note(look, place, entry, handle)
            look.folders[place] = (status.st_dev, status.st_ino)
        except OSError as error:
            look.unseen[place] = _text(error)
        finally:
            os.close(handle)
    return look


def holders(path: str) -> Iterator[str]:
    """The folders that hold `path`, the nearest first, "" the last."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def stamp(status: os.stat_result) -> bytes:
    """What tells a file from itself after a change."""
    return _STAMP.pack(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def identity_of(mark: bytes) -> Identity:
    """Device and inode in a stamp."""
    device, inode, *_ = _STAMP.unpack(mark)
    return device, inode


def _note(look: Look, place: str, entry: "os.DirEntry[str]", handle: int) -> Iterator[str]:
    """Puts one thing of a folder where it belongs in `look`; yields it if it is a folder."""
    if entry.name.startswith("."):
        return
    path = f"{place}/{entry.name}" if place else entry.name
    try:
        if entry.is_dir(follow_symlinks=False):
            yield path
            return
        if entry.name.endswith(PARTIAL):
            return
        status = os.stat(entry.name, dir_fd=handle)
    except OSError as error:
        if not entry.is_symlink():
            # Where one file cannot be looked at, mostly none of the folder's can.
            if error.errno not in _GONE:
                look.unseen[place] = _text(error)
        elif error.errno in _GONE:
            look.left_out[path] = "a link that leads nowhere"
        elif error.errno == errno.ELOOP:
            look.left_out[path] = "a link that leads in a circle"
        else:
            look.unseen[path] = _text(error)
        return
    if stat.S_ISREG(status.st_mode):
        look.files[path] = stamp(status)
    elif stat.S_ISDIR(status.st_mode):
        look.left_out[path] = "a link to a folder"
    else:
        look.left_out[path] = "a pipe, socket or device"


def _text(error: OSError) -> str:
    return error.strerror or str(error)
