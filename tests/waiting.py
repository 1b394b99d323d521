"""Waiting for a condition, for as long as a busy machine takes; what never comes ends the test, not the suite."""

import time
from collections.abc import Callable

# No test asserts how fast something is: this only keeps one that hangs from hanging for ever.
SAFETY_S = 900.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return once `condition()` holds. Raises `AssertionError` naming `what` if it does not within `SAFETY_S`."""
    end = time.monotonic() + SAFETY_S
    while not condition():
        assert time.monotonic() < end, f"waited {SAFETY_S:g} s for {what}"
        time.sleep(0.02)
