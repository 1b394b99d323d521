"""`datum_batching`: one process for many datums, which asks for each by the call `NextDatum`.

Each worker thread has a `Batch`: a folder whose `pfs` is swapped between datums under the same path, and a process
that lives as long as there are datums for it. Asking for the next datum ends the one before; a process that ends or
is killed with a datum at hand has failed that datum alone, and the next one gets a new process.
"""

import contextlib
import importlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, BinaryIO, Self

from aeolian.engine.programs import docker_relay
from aeolian.engine.programs.executors import Launch
from aeolian.engine.programs.folders import empty, remove
from aeolian.engine.programs.processes import Exit, Processes, too_long
from aeolian.engine.storage.store import folder_name
from aeolian.errors import AeolianError
from aeolian.next_datum import PORT_VARIABLE

if TYPE_CHECKING:
    from aeolian.engine.programs.batch_server import Asking, BatchServer

_BLOCK_BYTES = 64 * 1024
_SECONDS_BETWEEN_KILLS = 0.1


class Batches:
    """The batches of a job: one for each thread that runs its datums."""

    def __init__(self, processes: Processes, scratch: Path, pipeline: str) -> None:
        self._processes = processes
        self._stem = scratch / f"{folder_name(pipeline)}-batch"
        self._mine = threading.local()
        self._all: list[Batch] = []

    def mine(self) -> "Batch":
        """The batch of the thread that asks."""
        if not hasattr(self._mine, "batch"):
            folder = self._stem.with_name(f"{self._stem.name}-{threading.get_native_id()}")
            self._mine.batch = Batch(self._processes, folder)
            self._all.append(self._mine.batch)
        batch: Batch = self._mine.batch
        return batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for batch in self._all:
            batch.close()


class Batch:
    """A folder, and the process that does the datums laid out there one after another."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.folder = folder
        self._home = folder.with_name(f"{folder.name}.process")
        self.worker = self._home / "worker"
        self._processes = processes
        self._life: _Life | None = None

    def clear(self) -> None:
        """Makes room for the next datum. What the process keeps in its temporary folder stays as long as it lives."""
        if not self._life:
            remove(self.folder)
            return
        # The folder itself stays: a container sees that one, whatever is made in its place.
        empty(self.folder / "pfs")
        remove(self.folder / "secrets")

    def run(
        self,
        launch: Launch,
        datum: Mapping[str, str],
        log: BinaryIO,
        timeout_s: float | None,
        end_rest: Callable[[], None] = lambda: None,
    ) -> Exit:
        """Has the datum that is laid out done. `datum` is its environment, `launch` starts a process if there is none.

        `end_rest` ends what is left of such a process when it has been killed. Raises `AeolianError` if there is no
        grpcio.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if self._life is not None and self._life.over():
            self._end_life()
        if self._life is None:
            self._life = _Life(self._processes, launch, self._home, end_rest)
        end = self._life.do([f"{name}={value}" for name, value in datum.items()], log, deadline)
        if end is None:
            end = replace(self._life.end(log), reason=too_long(timeout_s or 0.0), acceptable=False, late=True)
        if self._life.over():
            self._end_life()
        return end

    def close(self) -> None:
        """Ends the process, and removes the folder."""
        self._end_life()
        remove(self.folder)

    def _end_life(self) -> None:
        if self._life is not None:
            self._life.close()
            self._life = None
        remove(self._home)


class _Life:
    """One process from its start to its end, and the server that it asks. Used by one thread."""

    def __init__(self, processes: Processes, launch: Launch, home: Path, end_rest: Callable[[], None]) -> None:
        self._processes = processes
        self._end_rest = end_rest
        self._pid = 0
        self._exit: Exit | None = None
        self._asking: Asking | None = None
        self._events: SimpleQueue[Asking | Exit] = SimpleQueue()
        for folder in filter(None, (home, launch.worker)):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._server = _serve(self._tell, launch.worker)
        self._output, writer = _shared_pipe(launch.worker) if launch.worker else os.pipe()
        self._bell, self._ringer = socket.socketpair()
        os.set_blocking(self._output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        if self._server.port:
            launch = replace(launch, environment=launch.environment | _worker_environment(self._server.port))
        self._thread = threading.Thread(target=self._live, args=(launch, writer, home), name="batch", daemon=True)
        self._thread.start()

    def over(self) -> bool:
        """Whether the process has ended since it last asked."""
        with contextlib.suppress(Empty):
            while True:
                self._take(self._events.get_nowait())
        return self._exit is not None

    def do(self, environment: list[str], log: BinaryIO, deadline: float | None) -> Exit | None:
        """Hands a datum to the process once it asks, and waits until it is done; None if the time is over first."""
        if self._asking is None and not self._asks(log, deadline):
            return self._exit and _premature(self._exit)
        asking, self._asking = self._asking, None
        assert asking is not None
        asking.answer(environment)
        if not self._asks(log, deadline) or self._asking is None:
            return self._exit and _premature(self._exit)
        return Exit(1, self._asking.error, acceptable=False) if self._asking.error else Exit(0)

    def end(self, log: BinaryIO) -> Exit:
        """Kills the process, with its group."""
        while self._exit is None:
            self._processes.end(self._pid)
            self._asks(log, time.monotonic() + _SECONDS_BETWEEN_KILLS)
        return self._exit

    def close(self) -> None:
        """Ends the process and the server."""
        with Path(os.devnull).open("wb", buffering=0) as nowhere:
            self.end(nowhere)
        self._thread.join()
        self._end_rest()
        self._server.close()
        self._selector.close()
        self._bell.close()
        self._ringer.close()
        os.close(self._output)

    def _live(self, launch: Launch, writer: int, home: Path) -> None:
        end = Exit(None, "the program cannot be started", started=False)
        try:
            with os.fdopen(writer, "wb", buffering=0) as output:
                end = self._processes.run(launch, output, home, None, self._started)
        except OSError as error:
            end = replace(end, reason=f"{end.reason}: {error.strerror}")
        finally:
            self._tell(end)

    def _started(self, pid: int) -> None:
        self._pid = pid

    def _tell(self, event: "Asking | Exit") -> None:
        """Called by the threads of the server and of the process."""
        self._events.put(event)
        with contextlib.suppress(OSError):
            self._ringer.send(b"!")

    def _asks(self, log: BinaryIO, deadline: float | None) -> bool:
        """Waits until the process asks (true) or ends, or time is over. Meanwhile what it writes goes to `log`."""
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                for key, _ in self._selector.select(left):
                    if key.fileobj is self._bell:
                        self._bell.recv(_BLOCK_BYTES)
                    else:
                        self._copy(log)
                continue
            # All that was written before the call is in the pipe by now, and belongs to this datum.
            self._copy(log)
            self._take(event)
            return self._exit is None

    def _take(self, event: "Asking | Exit") -> None:
        if isinstance(event, Exit):
            self._exit = event
        else:
            self._asking = event

    def _copy(self, log: BinaryIO) -> None:
        try:
            while block := os.read(self._output, _BLOCK_BYTES):
                log.write(block)
        except BlockingIOError:
            return
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._output)


def _premature(end: Exit) -> Exit:
    if end.code != 0:
        return end
    reason = "it ended without asking for another datum; with datum_batching a program is to ask until it is ended"
    return replace(end, reason=reason, acceptable=False)


def _worker_environment(port: int) -> dict[str, str]:
    # A proxy for the world outside is none for the worker.
    spared = [os.environ.get(name, "") for name in ("no_grpc_proxy", "no_proxy")]
    return {PORT_VARIABLE: str(port), "no_grpc_proxy": ",".join(filter(None, ["localhost", *spared]))}


def _shared_pipe(folder: Path) -> tuple[int, int]:
    """Both ends of a pipe that also a container into which `folder` is mounted can write to."""
    path = folder / docker_relay.OUTPUT
    os.mkfifo(path)
    path.chmod(0o666)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return reader, os.open(path, os.O_WRONLY)


def _serve(asked: "Callable[[Asking], None]", folder: Path | None) -> "BatchServer":
    # Not at the top: grpcio takes a quarter of a second to load, and other pipelines do without.
    try:
        module = importlib.import_module("aeolian.engine.programs.batch_server")
    except ModuleNotFoundError as error:
        raise AeolianError(
            f"datum_batching needs the package {error.name}.",
            remedy="Install grpcio, or take datum_batching out of the spec.",
        ) from None
    server: BatchServer = module.BatchServer(asked, folder)
    return server
