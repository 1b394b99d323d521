"""Work shared out among processes that are forked: they have everything that this one has, and start at once.

For work that leaves no threads behind, as numpy's with one BLAS thread does. What a process makes does not depend on
how many there are.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import TypeVar

from aeolian.errors import AeolianError
from aeolian.stages.progress import Report

Part = TypeVar("Part")
Made = TypeVar("Made")
Work = Callable[[Part, Report], Made]

CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"  # macOS: its own libraries do not survive a fork


def in_processes(work: Work[Part, Made], parts: Sequence[Part], processes: int, report: Report) -> list[Made]:
    """What `work(part, report)` makes of each part, in order; this process takes a share too, and reports for all.

    Raises what `work` raises, and AeolianError if a process was killed.
    """
    processes = max(1, min(processes, len(parts))) if CAN_FORK else 1
    others = [_Other(work, parts[first::processes]) for first in range(1, processes)]
    try:
        made: dict[int, Made] = {}
        mine = range(0, len(parts), processes)
        for nth, number in enumerate(mine):

            def advance(done: int, total: int, note: str = "", *, nth: int = nth) -> None:
                report((nth * total + done) // len(mine), total, note)

            made[number] = work(parts[number], advance)
        for first, other in enumerate(others, start=1):
            made |= zip(range(first, len(parts), processes), other.made(), strict=True)
        return [made[number] for number in range(len(parts))]
    finally:
        for other in others:
            other.end()


class _Other:
    """A process that does some of the parts."""

    def __init__(self, work: Work[Part, Made], parts: Sequence[Part]) -> None:
        context = multiprocessing.get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_do, args=(work, parts, sender, os.getpid()), daemon=True)
        self._process.start()
        sender.close()

    def made(self) -> list[Made]:
        """Waits for what it made."""
        try:
            made, error = self._receiver.recv()
        except EOFError:
            raise AeolianError(
                "A process that did a part of the work was killed.", remedy="If memory was short, ask for less at once."
            ) from None
        if error is not None:
            raise error
        return made  # type: ignore[no-any-return]

    def end(self) -> None:
        """Leaves nothing of it."""
        self._process.kill()
        self._process.join()
        self._receiver.close()


def _do(work: Work[Part, Made], parts: Sequence[Part], sender: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process

    def go_on(done: int, total: int, note: str = "") -> None:
        if os.getppid() != parent:
            os._exit(1)

    try:
        sender.send(([work(part, go_on) for part in parts], None))
    except Exception as error:
        sender.send(([], error))
