"""One process runs the jobs of a store; the kernel gives the lock back when it dies, however it dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def held(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether this process has the lock, for the time of the block. With `wait`, it comes to have it.

    Who has it does all jobs that come meanwhile, but for upkeep, whose end is waited for.
    """
    with path.open("a") as file:
        if wait:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield True
            return
        with _gate(path).open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
            mine = _take(file)
        yield mine


@contextmanager
def held_for_upkeep(path: Path) -> Iterator[bool]:
    """Whether this process has the lock, for a block that needs the jobs to rest and runs none itself."""
    with _gate(path).open("a") as gate, path.open("a") as file:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield _take(file)


def _gate(path: Path) -> Path:
    """Held, besides the lock, by upkeep: who finds the lock taken knows by it that jobs are being done."""
    return path.with_name(f"{path.name}-upkeep")


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
