"""What jobs that run at once share: the machine's cores, handed out in the order they were asked for, and its GPU."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_DEVICES = Path("/dev")
_GPU_DEVICES = ("nvidia[0-9]*", "kfd")


class Stopped(Exception):
    """The run is ended: what waits for its turn will not have it. Never seen by a user."""


class Resources:
    """`cores` of them, and one GPU, whether or not the machine has it: what asks for one has it to itself."""

    def __init__(self, cores: int) -> None:
        self._free = self._cores = cores
        self._gpu_free = True
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._ended = False

    @contextmanager
    def held(self, cores: int, *, gpu: bool = False, given_up: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Waits for its turn, and has that many cores, and the GPU, for the time of the block.

        First come, first served: a program that wants many cores is not passed by for ever by those that want one.
        Raises `Stopped` after `stop`, and where it was `given_up` meanwhile (see `wake`).
        """
        cores = min(cores, self._cores)
        with self._changed:
            if gpu:
                self._wait(lambda: self._gpu_free, given_up)
                self._gpu_free = False
            try:
                self._wait_in_line(cores, given_up)
            except Stopped:
                self._give_back(0, gpu)
                raise
            self._free -= cores
        try:
            yield
        finally:
            with self._changed:
                self._give_back(cores, gpu)

    def _wait_in_line(self, cores: int, given_up: Callable[[], bool]) -> None:
        me = object()
        self._line.append(me)
        try:
            self._wait(lambda: self._line[0] is me and self._free >= cores, given_up)
        finally:
            self._line.remove(me)
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool], given_up: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._ended or given_up() or ready())
        if self._ended or given_up():
            raise Stopped

    def _give_back(self, cores: int, gpu: bool) -> None:
        self._free += cores
        self._gpu_free = self._gpu_free or gpu
        self._changed.notify_all()

    def wake(self) -> None:
        """Has all that wait look whether they have been given up."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody has a turn any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def has_gpu() -> bool:
    """Whether this machine has a GPU that programs compute on: NVIDIA's or AMD's driver has made its device."""
    return any(next(_DEVICES.glob(pattern), None) for pattern in _GPU_DEVICES)
