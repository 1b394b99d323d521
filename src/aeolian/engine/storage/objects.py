"""Contents, each kept once under its SHA-256 and never changed.

A content up to `SMALL_BYTES` is a row of the database: thousands of small files cost one transaction instead of
a file, an fsync and a rename each. A larger one is a file `objects/ab/cdef…`, written beside its place, synced and
renamed into it, so that a file with an object's name always has all of its bytes.

User code never gets an object that it could change. Small contents are written anew; large ones are cloned where the
file system can (copy on write) and otherwise copied inside the kernel. A hard link is cheaper, but it is the object
under a second name, and permissions stop neither root nor the owner: it is made only for callers who see to it that
it cannot be written to (`read_only`).
"""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from aeolian.engine.storage.database import Database
from aeolian.errors import StorageError

SMALL_BYTES = 64 * 1024
BLOCK_BYTES = 1024 * 1024
_FLUSH_BYTES = 8 * BLOCK_BYTES
_FLUSH_COUNT = 2000
_FICLONE = 0x40049409
_CANNOT_CLONE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM}


def _write(target: Path, content: bytes) -> None:
    with target.open("xb") as file:
        file.write(content)


class Objects:
    """The contents of one store."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self._cannot_clone: set[int] = set()  # file systems, by device
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Where the content `name` lies if it is large."""
        return self.folder / name[:2] / name[2:]

    def intake(self) -> "Intake":
        """Takes contents in; while it is open, `exclusive` waits."""
        return Intake(self, self._database)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nothing is taken in during the block: what no commit reaches now is not on its way into one."""
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a content, in blocks. Raises `StorageError` if the store lacks it."""
        row = self._database.one("SELECT data FROM small_object WHERE hash = ?", name)
        if row is not None:
            yield row["data"]
            return
        try:
            with self.path(name).open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    yield block
        except FileNotFoundError:
            raise _missing(name) from None

    def write_to(
        self, name: str, size: int, target: Path, *, link: bool = False, write: Callable[[Path, bytes], None] = _write
    ) -> bool:
        """Makes the new file `target` with this content, its own to do with as it likes.

        With `link` it may be the object itself under a second name, which nobody may change; whether it is. `write`
        makes a small one.
        """
        if size <= SMALL_BYTES:
            row = self._database.one("SELECT data FROM small_object WHERE hash = ?", name)
            if row is None:
                raise _missing(name)
            write(target, row["data"])
            return False
        try:
            source = self.path(name).open("rb")
        except FileNotFoundError:
            raise _missing(name) from None
        with source:
            with target.open("xb") as file:
                if self.clone(source, file):
                    return False
            target.unlink()
            if link and _link(self.path(name), target):
                return True
            with target.open("xb") as file:
                _copy(source, file, size)
        return False

    def clone(self, source: BinaryIO, target: BinaryIO) -> bool:
        """Makes the empty file `target` share the blocks of `source`, where the file system can; whether it could."""
        device = os.fstat(source.fileno()).st_dev
        if device in self._cannot_clone:
            return False
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError as error:
            if error.errno not in _CANNOT_CLONE:
                raise
            self._cannot_clone.add(device)
            return False
        return True


class Intake:
    """Contents on their way in. Large ones are safe at once, small ones when the block ends well.

    Inside a transaction of the caller, small ones become part of it.
    """

    def __init__(self, objects: Objects, database: Database) -> None:
        self._objects = objects
        self._database = database
        self._small: dict[str, bytes] = {}
        self._small_bytes = 0

    def __enter__(self) -> Self:
        self._lock = (self._objects.folder / "lock").open("a")
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._lock.close()

    def add(self, path: Path | str, *, take: bool = False) -> tuple[str, int]:
        """Takes the regular file `path` in: the hash and the size in bytes of its content.

        With `take`, the file itself becomes the object, if it is large, has no second name, and lies on the
        same file system. Raises `OSError` if it cannot be read.
        """
        # A pipe that has taken the file's place is not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", str(path))
            if status.st_size <= SMALL_BYTES:
                return self._add_stream(file)
            if take and status.st_nlink == 1 and status.st_dev == self._objects.folder.stat().st_dev:
                return self._take(Path(path), file)
            return self._add_clone(file) or self._add_stream(file)

    def add_stream(self, stream: BinaryIO) -> tuple[str, int]:
        """Takes in all that `stream` yields."""
        return self._add_stream(stream)

    def flush(self) -> None:
        """Writes the small contents gathered so far."""
        if self._small:
            with self._database.transaction():
                self._database.many("INSERT OR IGNORE INTO small_object VALUES (?, ?)", self._small.items())
            self._small, self._small_bytes = {}, 0

    def _add_stream(self, stream: BinaryIO) -> tuple[str, int]:
        head = _read_up_to(stream, SMALL_BYTES + 1)
        if len(head) <= SMALL_BYTES:
            name = hashlib.sha256(head).hexdigest()
            self._small[name] = head
            self._small_bytes += len(head)
            if self._small_bytes > _FLUSH_BYTES or len(self._small) >= _FLUSH_COUNT:
                self.flush()
            return name, len(head)
        digest, size = hashlib.sha256(), 0
        handle, temporary = tempfile.mkstemp(prefix="new-", dir=self._objects.folder)
        try:
            with os.fdopen(handle, "wb", buffering=0) as target:
                block = head
                while block:
                    digest.update(block)
                    _write_all(target, block)
                    size += len(block)
                    block = stream.read(BLOCK_BYTES)
                os.fsync(handle)
            self._place(Path(temporary), digest.hexdigest())
        finally:
            Path(temporary).unlink(missing_ok=True)
        return digest.hexdigest(), size

    def _add_clone(self, source: BinaryIO) -> tuple[str, int] | None:
        """Takes in a file by sharing its blocks; None where the file system cannot."""
        handle, temporary = tempfile.mkstemp(prefix="new-", dir=self._objects.folder)
        try:
            with os.fdopen(handle, "r+b", buffering=0) as target:
                return self._take(Path(temporary), target) if self._objects.clone(source, target) else None
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _take(self, path: Path, file: BinaryIO) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
        os.fsync(file.fileno())
        self._place(path, digest.hexdigest())
        return digest.hexdigest(), size

    def _place(self, written: Path, name: str) -> None:
        place = self._objects.path(name)
        try:
            place.parent.mkdir()
        except FileExistsError:
            pass
        else:
            _sync_folder(self._objects.folder)
        if not place.exists():
            written.chmod(0o444)
            written.rename(place)
        # Also where it was there: who renamed it may not have come to this yet.
        _sync_folder(place.parent)


def _sync_folder(path: Path) -> None:
    """Sees to it that the names in a folder outlive a loss of power."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_up_to(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes, or fewer where the stream ends: a pipe gives less than it is asked for."""
    head = stream.read(count) or b""
    while len(head) < count and (more := stream.read(count - len(head))):
        head += more
    return head


def _write_all(target: BinaryIO, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[target.write(view) :]


def _link(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except OSError as error:
        # Not every file system has hard links, none without end.
        if error.errno not in {*_CANNOT_CLONE, errno.EMLINK}:
            raise
        return False
    return True


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    if not _copy_in_kernel(source, target, size):
        shutil.copyfileobj(source, target, BLOCK_BYTES)


def _copy_in_kernel(source: BinaryIO, target: BinaryIO, size: int) -> bool:
    """Copies without passing the bytes through this process; False where the system has no such call."""
    if not hasattr(os, "copy_file_range"):
        return False
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source.fileno(), target.fileno(), size - done)
        except OSError as error:
            if done or error.errno not in _CANNOT_CLONE:
                raise
            return False
        if not count:
            raise StorageError(f"{source.name} is shorter than it was.", remedy="Run `aeolian fsck`.")
        done += count
    return True


def _missing(name: str) -> StorageError:
    return StorageError(f"The store lacks the content {name}.", remedy="`aeolian fsck` tells what is damaged.")
