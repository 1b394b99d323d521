"""Keeps a program from writing where it should not, whoever it is: Landlock, in the Linux kernel since 5.19.

A program runs as the person who typed the command, or as root; nothing else would keep it from that person's files.
A thread that restricts itself is restricted for good, and so is all that it starts. So a program is started by a thread
that is made for it: what it may write is in its rules, everything else can only be read. What Landlock does not see
stays possible: modes, owners and times of files can be changed by whoever owns them.

Source: the kernel's documentation, `userspace-api/landlock`. This file imports the standard library alone, since
`read_only` loads it by path.
"""

import contextlib
import ctypes
import os
import stat
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeVar

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
# Removing and making folders, files, devices, sockets, pipes and links, and moving from folder to folder.
_CHANGE_FOLDERS = sum(1 << bit for bit in (*range(4, 13), 13))
# Without moves from folder to folder (the kernel's second version), `mv` out of a temporary folder would not work.
_LEAST_VERSION, _TRUNCATE_VERSION = 2, 3
# Where every program may write. Of folders only those that belong to nobody; of devices none that holds data.
OPEN_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/dev/pts", "/dev/dri")
_OPEN_FILES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx")
_OPEN_DEVICES: tuple[str, ...] = ("nvidia*", "kfd")

_T = TypeVar("_T")


@lru_cache(maxsize=1)
def works_here() -> bool:
    """Say whether this kernel can confine a program."""
    return _version() >= _LEAST_VERSION


def restrict_thread(folders: Sequence[str | Path], log: int) -> None:
    """Confine this thread, for good, and all that it starts: it may write below `folders` and to the open file `log`.

    Raises `OSError` where the kernel refuses.
    """
    truncate = _TRUNCATE if _version() >= _TRUNCATE_VERSION else 0
    in_file, in_folder = _WRITE_FILE | truncate, _WRITE_FILE | truncate | _CHANGE_FOLDERS
    libc = _libc()
    ruleset = _call(libc.syscall(_CREATE_RULESET, struct.pack("=Q", in_folder), 8, 0))
    try:
        for number, is_folder in _open_to_all():
            _allow(libc, ruleset, number, in_folder if is_folder else in_file)
        for folder in folders:
            with contextlib.closing(_Opened(folder)) as opened:
                _allow(libc, ruleset, opened.number, in_folder)
        # A program may open it again, as /dev/stderr. What is no file, a pipe, can be opened in any case.
        if stat.S_ISREG(os.fstat(log).st_mode):
            _allow(libc, ruleset, log, in_file)
        _call(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _call(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def start_confined(start: Callable[[], _T], folders: Sequence[Path], log: BinaryIO) -> _T:
    """Return what `start` returns, called in a thread of its own that is confined as `restrict_thread` says."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            restrict_thread(folders, log.fileno())
            done.append(start())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="confined")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


class _Opened:
    """A path's descriptor, for rules alone."""

    def __init__(self, path: str | Path) -> None:
        self.number = os.open(path, os.O_PATH | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.number)


@lru_cache(maxsize=1)
def _open_to_all() -> tuple[tuple[int, bool], ...]:
    """The descriptors, kept open, of what every program may write, and whether each is a folder."""
    return tuple(_opened_for_all())


def _opened_for_all() -> Iterator[tuple[int, bool]]:
    devices = [str(path) for pattern in _OPEN_DEVICES for path in sorted(Path("/dev").glob(pattern))]
    for path in (*OPEN_FOLDERS, *_OPEN_FILES, *devices):
        with contextlib.suppress(OSError):
            yield _Opened(path).number, Path(path).is_dir()


def _allow(libc: ctypes.CDLL, ruleset: int, number: int, rights: int) -> None:
    _call(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, number), 0))


@lru_cache(maxsize=1)
def _version() -> int:
    """The kernel's version of Landlock, 0 where it has none or does not let us."""
    if sys.platform != "linux":
        return 0
    return max(int(_libc().syscall(_CREATE_RULESET, None, 0, _VERSION)), 0)


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _call(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
