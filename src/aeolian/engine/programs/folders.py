"""Folders in which a program did as it liked: emptying them, removing them, writing a file of our own there."""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path


def remove(folder: Path) -> None:
    """Removes a scratch folder, whatever permissions a program gave its parts."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder, onerror=_unlock)


def empty(folder: Path) -> None:
    """Removes all that is in a folder, whatever permissions a program gave it and its parts."""
    folder.chmod(0o755)
    for path in list(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            remove(path)
        else:
            path.unlink()


def is_ours(status: os.stat_result) -> bool:
    """Whether that of which this is the status can be written to again: a file of this user's, under no other name."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.getuid()


def overwrite(path: Path, content: bytes, mode: int) -> None:
    """Let `path` be a file with this content. One that is there is written over, since a new one costs far more.

    It is not emptied first: then it would go to the disk when it is closed. Raises `OSError` where something else is in
    its place.
    """
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    with os.fdopen(number, "wb", buffering=0) as file:
        if not is_ours(os.fstat(number)):
            raise FileExistsError(f"{path} is not a file of our own")
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]
        if os.fstat(number).st_size > len(content):
            file.truncate(len(content))


def _unlock(function: Callable[[str], object], path: str, error: object) -> None:
    with contextlib.suppress(FileNotFoundError):
        Path(path).parent.chmod(0o700)
        if Path(path).is_dir() and not Path(path).is_symlink():
            Path(path).chmod(0o700)
            shutil.rmtree(path)
        else:
            function(path)
