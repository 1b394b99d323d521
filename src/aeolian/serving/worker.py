"""A worker: a process that runs models' functions, one request at a time, and what it says on its pipe.

It is told `(name, values)` and answers with `(PART, values)` for each of the outputs, then `(DONE, None)`; or with an
error and its text. SIGINT stops what it is at. Models are made when they are first asked for, and kept.
"""

import logging
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

from aeolian.errors import InputError, UsageError
from aeolian.serving.registry import Emit, Function, Model, Values

PART, DONE, REFUSED, FAILED, STOPPED = "part", "done", "refused", "failed", "stopped"
FORGET = "\0forget"
log = logging.getLogger(__name__)


class Stopped(BaseException):
    """The request was called off."""


class Bench:
    """The models of one worker, and which of them are made."""

    def __init__(self, models: list[Model]) -> None:
        self._models = {model.name: model for model in models}
        self._made: dict[str, Function] = {}

    def make(self, name: str) -> Function:
        """The model's function, made if it is not yet."""
        if name not in self._made:
            self._made[name] = self._models[name].make()
        return self._made[name]

    def forget(self, name: str) -> None:
        """Drops what a model holds."""
        self._made.pop(name, None)

    def run(self, name: str, values: Values | None, emit: Emit) -> tuple[str, Any]:
        """Hands what the model gives to `emit`, and returns how that ended; without values it is only made."""
        try:
            function = self.make(name)
            if values is not None:
                emit(function(values, emit))
        except (InputError, UsageError) as error:
            return REFUSED, str(error)
        except MemoryError:
            return FAILED, "out of memory"
        except Exception as error:  # whatever a model does, the worker goes on
            log.exception("model %s failed", name)
            return FAILED, type(error).__name__
        return DONE, None


class _Stop:
    """Turns SIGINT into `Stopped` while there is work, and into nothing otherwise."""

    def __init__(self) -> None:
        self.working = False
        signal.signal(signal.SIGINT, self._heed)

    def _heed(self, *_: object) -> None:
        if self.working:
            self.working = False
            raise Stopped


def _end_with_the_server() -> None:
    """Ends this process when the server's has ended, whatever either is at."""
    server = multiprocessing.parent_process()
    assert server is not None
    server.join()
    os._exit(1)


def work(pipe: Connection, models: list[Model]) -> None:
    """Answers what comes through `pipe` until it closes."""
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    stop = _Stop()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    bench = Bench(models)

    def emit(part: Values) -> None:
        stop.working = False  # a message goes whole
        pipe.send((PART, part))
        stop.working = True

    pipe.send((DONE, None))
    while True:
        try:
            name, values = pipe.recv()
        except (EOFError, OSError):
            return
        if values == FORGET:
            bench.forget(name)
            pipe.send((DONE, None))
            continue
        try:
            stop.working = True
            answer = bench.run(name, values, emit)
        except Stopped:
            answer = (STOPPED, None)
        finally:
            stop.working = False
        try:
            pipe.send(answer)
        except OSError:
            return
