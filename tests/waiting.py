"""Waiting for a condition, for as long as a busy machine takes; what never comes ends the test, not the suite."""

import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# No test asserts how fast something is: this only keeps one that hangs from hanging for ever.
SAFETY_S = 900.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return once `condition()` holds. Raises `AssertionError` naming `what` if it does not within `SAFETY_S`."""
    end = time.monotonic() + SAFETY_S
    while not condition():
        assert time.monotonic() < end, f"waited {SAFETY_S:g} s for {what}"
        time.sleep(0.02)


def measure_cpu_s(argv: Sequence[str | Path], rounds: int = 5) -> float:
    """Return the least processor time, in seconds, of some runs of a command: hardly what else the machine does."""
    return min(_run(argv) for _ in range(rounds))


def _run(argv: Sequence[str | Path]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
