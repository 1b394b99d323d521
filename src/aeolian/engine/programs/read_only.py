"""Lets a program read files that it cannot change, whoever it is: a read-only mount over each, in a world of its own.

A hard link to an object of the store costs nothing, but it is the object: permissions stop neither root nor the
owner from writing to it. So the program is started by this file, run as a script, which first enters a mount
namespace of its own (on Linux; with a user namespace where it is not root) and mounts each file read-only over
itself. A write, a truncation, `chmod`, `rm` and a further hard link then fail, and nobody else sees the mounts.

As it is run by path, without `site` and before every program that needs it, this file imports the standard library
alone, and little of it.
"""

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

# Starting a program through here costs about 20 ms, in which some 64 MiB are copied, though not yet to the disk.
WORTH_BYTES = 32 * 1024 * 1024
# The arguments that name the files have to fit into what the kernel takes.
MOST_FILES = 1000

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_SLAVE = 1, 32, 4096, 16384, 1 << 19
# What statvfs says of a mount, and the flag that keeps it so: a remount that would drop one is refused.
_KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}


class Start:
    """How to start a program through here, in a `with` statement: `argv`, with the descriptors `handed` on to it."""

    def __init__(
        self, argv: Sequence[str], folder: Path, files: Sequence[Path], writable: Sequence[Path] | None = None
    ) -> None:
        self._report, self._told = os.pipe()
        self.handed = (self._told,)
        script = [sys.executable, "-I", "-S", __file__, str(self._told), str(folder), str(len(files))]
        confined = [str(len(writable)), *map(str, writable)] if writable is not None else ["-1"]
        self.argv = [*script, *map(str, files), *confined, *argv]

    def failure(self) -> OSError | None:
        """Why the program could not be started, once that is known; None if it runs. To be asked after the start."""
        self._close_told()
        # The other end is closed by the program's start, or by the end of what was to start it.
        number = os.read(self._report, 64)
        return OSError(int(number), os.strerror(int(number))) if number else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._close_told()
        os.close(self._report)

    def _close_told(self) -> None:
        if self._told >= 0:
            os.close(self._told)
            self._told = -1


@lru_cache(maxsize=8)
def works_in(folder: Path) -> bool:
    """Whether this machine lets us do it to files of `folder`; tried on one of them."""
    if sys.platform != "linux":
        return False
    with tempfile.NamedTemporaryFile(dir=folder, prefix="probe-") as probe:
        argv = [sys.executable, "-I", "-S", __file__, "-1", str(folder), "1", probe.name, "-1"]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _enter_namespace(libc: ctypes.CDLL) -> None:
    """A mount namespace of our own, in which later mounts of the machine still appear, but none of ours outside."""
    uid, gid = os.getuid(), os.getgid()
    _call(libc.unshare(_CLONE_NEWNS if uid == 0 else _CLONE_NEWNS | _CLONE_NEWUSER))
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    _call(libc.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None))


def _make_read_only(libc: ctypes.CDLL, path: str) -> None:
    name = os.fsencode(path)
    _call(libc.mount(name, name, None, _MS_BIND, None))
    kept = sum(flag for told, flag in _KEPT.items() if os.statvfs(path).f_flag & told)
    _call(libc.mount(None, name, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept, None))


def _call(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _can_be_written(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        return False
    return True


def _confine(folders: Sequence[str]) -> None:
    """As `landlock` does it, loaded by its path: a script has no packages, and its folder holds names of modules."""
    path = Path(__file__).with_name("landlock.py")
    spec = importlib.util.spec_from_file_location("landlock", path)
    assert spec is not None and spec.loader is not None
    landlock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(landlock)
    landlock.restrict_thread(folders, 1)


def _main(told: int, folder: str, count: int, *words: str) -> int:
    files, confined, rest = words[:count], int(words[count]), words[count + 1 :]
    folders, argv = rest[: max(confined, 0)], rest[max(confined, 0) :]
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mount.argtypes = (*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p)
        _enter_namespace(libc)
        for path in files:
            _make_read_only(libc, path)
        if not argv:
            return int(any(map(_can_be_written, files)))
        # The folder it was in is seen without the mounts; the same name, looked up again, is seen with them.
        os.chdir(folder)
        if confined >= 0:
            _confine(folders)
        os.set_inheritable(told, False)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, os.environ)
    except OSError as error:
        if told >= 0:
            os.write(told, str(error.errno).encode())
        return 127


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
