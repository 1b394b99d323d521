"""The pool: as many workers as there are, a bounded queue before them, and an end to what takes too long.

Each worker process has a thread here, which hands it one job after the other. A job is called off by SIGINT, and where
that does nothing within a second, by SIGKILL. A process that dies is replaced, and its job answered with `NotReady`.
"""

import contextlib
import logging
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from aeolian.serving import worker
from aeolian.serving.failures import Busy, Internal, Invalid, NotReady, RequestError, TimedOut
from aeolian.serving.limits import Limits
from aeolian.serving.registry import Model, Values

log = logging.getLogger(__name__)
START_S = 120.0
_LOOK_S = 0.1
_STOPPING = "the server is stopping."
_SPAWN = multiprocessing.get_context("spawn")

# What a job hears, on a thread of the pool: an output, None at its end, or why it failed.
Hear = Callable[["Values | RequestError | None"], None]


class Job:
    """One request of a model. Without values the model is only loaded."""

    def __init__(self, model: Model, values: Values | None, hear: Hear) -> None:
        self.model, self.values, self.hear = model, values, hear
        self.called_off = threading.Event()
        self.deadline_s = time.monotonic() + model.limit_s


class Workers:
    """The pool. `open` starts nothing: a process starts with its first job."""

    def __init__(self, models: list[Model], limits: Limits) -> None:
        self._models, self._limits = [model for model in models if model.apart], limits
        self.bench = worker.Bench([model for model in models if not model.apart])
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._outstanding = 0
        self.deaths = 0
        self.closed = False
        self._seats = [_Seat(self, limits) for _ in range(limits.workers)]
        self._threads = [
            threading.Thread(target=self._serve, args=(seat,), name=f"worker-{number}", daemon=True)
            for number, seat in enumerate(self._seats)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def outstanding(self) -> int:
        """Jobs that wait or run."""
        return self._outstanding

    def check_room(self) -> None:
        """Raises `Busy` if a job would be refused."""
        if self._outstanding >= self._limits.workers + self._limits.queue:
            raise Busy(f"{self._outstanding} requests are being worked on or wait; try again.")

    def submit(self, job: Job) -> None:
        """Puts a job into the queue. Raises `Busy` at once where it is full, `NotReady` when the server stops."""
        if self.closed:
            raise NotReady(_STOPPING)
        with self._lock:
            self.check_room()
            self._outstanding += 1
        self._jobs.put(job)

    def forget(self, name: str) -> None:
        """Has every worker drop a model, when it is next free."""
        self.bench.forget(name)
        for seat in self._seats:
            seat.to_forget.add(name)

    def start_process(self) -> "tuple[Any, Connection]":
        """A new worker process, ready."""
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=worker.work, args=(theirs, self._models), daemon=True)
        process.start()
        theirs.close()
        if not ours.poll(START_S):
            process.kill()
            raise NotReady("a worker process did not start.")
        ours.recv()
        return process, ours

    def close(self) -> None:
        """Ends the processes, whatever they are at; their jobs hear that the server stops."""
        self.closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for seat in self._seats:
            seat.end()
        for thread in self._threads:
            thread.join(self._limits.grace_s + 5)

    def _serve(self, seat: "_Seat") -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.hear(seat.run(job))
            except Exception as error:  # a thread that ends would be a worker fewer
                log.exception("worker")
                job.hear(Internal(f"the server failed ({type(error).__name__})."))
            finally:
                with self._lock:
                    self._outstanding -= 1

    def count_death(self) -> None:
        """One more worker has died."""
        with self._lock:
            self.deaths += 1


class _Seat:
    """The place of one worker: its process, which may be replaced."""

    def __init__(self, pool: Workers, limits: Limits) -> None:
        self._pool, self._grace_s = pool, limits.grace_s
        self._process: Any = None
        self._pipe: Connection | None = None
        self.to_forget: set[str] = set()

    def run(self, job: Job) -> RequestError | None:
        """Runs a job to its end; what is wrong, or None."""
        if job.called_off.is_set():
            return None
        if self._pool.closed:
            return NotReady(_STOPPING)
        if not job.model.apart:
            return self._run_here(job)
        try:
            if self._process is None or not self._process.is_alive():
                self._process, self._pipe = self._pool.start_process()
            assert self._pipe is not None
            self._forget(self._pipe)
            self._pipe.send((job.model.name, job.values))
            return self._listen(job, self._pipe)
        except (EOFError, OSError):
            self.end()
            if self._pool.closed:
                return NotReady(_STOPPING)
            self._pool.count_death()
            log.error("a worker died in %s; another takes its place", job.model.name)
            return NotReady(f"the worker that ran model {job.model.name!r} died; another has taken its place.")

    def _run_here(self, job: Job) -> RequestError | None:
        """Runs a model that is light enough for a thread of the server; it is stopped between two outputs."""

        def emit(part: Values) -> None:
            if job.called_off.is_set():
                raise worker.Stopped
            job.hear(part)

        try:
            return _outcome(job.model, *self._pool.bench.run(job.model.name, job.values, emit))
        except worker.Stopped:
            return None

    def _listen(self, job: Job, pipe: Connection) -> RequestError | None:
        while True:
            if pipe.poll(_next_look_s(job)):
                kind, what = pipe.recv()
                if kind == worker.PART:
                    job.hear(what)
                    continue
                return _outcome(job.model, kind, what)
            late = time.monotonic() > job.deadline_s
            if late or job.called_off.is_set():
                self._stop(pipe)
                limit = f"model {job.model.name!r} took longer than {job.model.limit_s:g} s, and was stopped."
                return TimedOut(limit) if late else None

    def _stop(self, pipe: Connection) -> None:
        """Stops the process' work, or else the process."""
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(self._process.pid, signal.SIGINT)
        end_s = time.monotonic() + self._grace_s
        while pipe.poll(max(0.0, end_s - time.monotonic())):
            if pipe.recv()[0] != worker.PART:
                return
        self.end()

    def _forget(self, pipe: Connection) -> None:
        while self.to_forget:
            pipe.send((self.to_forget.pop(), worker.FORGET))
            pipe.recv()

    def end(self) -> None:
        """Kills the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()
        if self._pipe is not None:
            self._pipe.close()


def _next_look_s(job: Job) -> float:
    return 0.02 if job.called_off.is_set() else max(0.0, min(_LOOK_S, job.deadline_s - time.monotonic()))


def _outcome(model: Model, kind: str, what: Any) -> RequestError | None:
    if kind == worker.REFUSED:
        return Invalid(f"model {model.name!r}: {what}")
    if kind == worker.FAILED:
        return Internal(f"model {model.name!r} failed ({what}); the server's log has more.")
    return None
