"""Processes that left their group to outlive their datum: found again and ended, on Linux.

The kernel is asked to hand orphans of our processes to us instead of to init. An orphan is known by the datum's id
in its environment; nothing else of ours is touched. Elsewhere than on Linux only the process group is ended.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_TASKS = Path("/proc/self/task")


def adopt_orphans() -> bool:
    """Makes this process the one that orphans are handed to; whether that could be done."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def end_strays(marks: dict[str, str], ours: Collection[int]) -> int:
    """Kills every orphan whose environment has all of `marks`, and what it leaves behind in turn; how many.

    `ours` are the processes that we started and still wait for.
    """
    wanted = {f"{name}={value}".encode() for name, value in marks.items()}
    killed: set[int] = set()
    while fresh := [pid for pid in _children() if pid not in ours and pid not in killed and _has(pid, wanted)]:
        for pid in fresh:
            killed.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
    return len(killed)


def reap_group(group: int) -> None:
    """Waits for what has ended of a process group whose leader is gone: orphans that nobody else would wait for."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass


def _children() -> list[int]:
    """Those of our first thread: an orphan is given to it, and what another thread started is waited for there."""
    try:
        return [int(pid) for pid in (_TASKS / str(os.getpid()) / "children").read_text().split()]
    except OSError:
        return []


def _has(pid: int, wanted: set[bytes]) -> bool:
    try:
        return wanted <= set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return False
