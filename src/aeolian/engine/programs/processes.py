"""Processes that user code runs in: started without a shell, timed, and ended with all that they started."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aeolian.engine.programs import read_only
from aeolian.engine.programs.executors import HANDED, Launch
from aeolian.engine.programs.folders import overwrite
from aeolian.engine.programs.landlock import start_confined
from aeolian.engine.programs.strays import adopt_orphans, end_strays, reap_group
from aeolian.next_datum import PORT_VARIABLE

PID_FILE = "pid"
RESTART_FILE = "restart"
_SHORT_OF_MEMORY = ", as where memory is short"
# What tells a datum's processes from all others; those of a program of many datums have a port of their own.
_DATUM_MARKS = ("PACH_DATUM_ID", "PACH_JOB_ID", "PPS_PIPELINE_NAME")
_BATCH_MARKS = (PORT_VARIABLE, "PACH_JOB_ID", "PPS_PIPELINE_NAME")


@dataclass(frozen=True)
class Exit:
    """How a process ended: its code (negative for a signal, None if it never started) and what is wrong with that.

    `acceptable`: whether `accept_return_code` may make it a success. `late`: it was ended because its time was over.
    """

    code: int | None
    reason: str = ""
    started: bool = True
    acceptable: bool = True
    late: bool = False


class Processes:
    """The processes that run now, so that they can all be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self.stopped = False
        self._adopts = adopt_orphans()

    def stop(self) -> None:
        """Kills every process that runs, and starts no more."""
        with self._lock:
            self.stopped = True
            for group in self._groups:
                kill_group(group)

    def end(self, pid: int) -> None:
        """Kills one process with its group, if it still runs."""
        with self._lock:
            if pid in self._groups:
                kill_group(pid)

    def run(
        self,
        launch: Launch,
        log: BinaryIO,
        scratch: Path,
        timeout_s: float | None,
        started: Callable[[int], None] | None = None,
    ) -> Exit:
        """Runs a process to its end, its output in `log`; whatever it left running is killed then.

        `started` is told the number of the process.
        """
        stdin: BinaryIO | int = subprocess.DEVNULL
        with contextlib.ExitStack() as stack:
            if launch.stdin is not None:
                stdin = stack.enter_context(_nameless_file(scratch, launch.stdin))
            start, argv, handed = None, launch.argv, list[int]()
            if launch.handed:
                variables = stack.enter_context(_nameless_file(scratch, _lines(launch.handed)))
                handed.append(variables.fileno())
                argv = [word.replace(HANDED, f"/dev/fd/{handed[0]}") for word in argv]
            if launch.read_only:
                start = stack.enter_context(read_only.Start(argv, launch.folder, launch.read_only, launch.writable))
                argv, handed = start.argv, [*handed, *start.handed]
            with self._lock:
                if self.stopped:
                    return Exit(None, "stopped", started=False)
                try:
                    process = _start(launch, argv, handed, stdin, log)
                except (OSError, ValueError) as error:
                    return Exit(None, _cannot_start(launch, error), started=False)
                self._groups.add(process.pid)
            failure = start.failure() if start else None
        _note(scratch, process.pid, launch.environment.get("PACH_DATUM_ID", ""))
        if started:
            started(process.pid)
        end = self._finish(process, timeout_s)
        if failure:
            return Exit(None, _cannot_start(launch, failure), started=False)
        if self._adopts:
            reap_group(process.pid)
            with self._lock:
                marks = _DATUM_MARKS if "PACH_DATUM_ID" in launch.environment else _BATCH_MARKS
                end_strays({name: launch.environment.get(name, "") for name in marks}, self._groups)
        return end

    def _finish(self, process: "subprocess.Popen[bytes]", timeout_s: float | None) -> Exit:
        late = threading.Event()

        def expire() -> None:
            late.set()
            kill_group(process.pid)

        timer = threading.Timer(timeout_s, expire) if timeout_s is not None else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            if hasattr(os, "waitid"):
                # Not reaped yet, so that the group's number cannot belong to anyone else when it is killed.
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                kill_group(process.pid)
            code = process.wait()
        finally:
            if timer:
                timer.cancel()
            with self._lock:
                self._groups.discard(process.pid)
        if late.is_set():
            return Exit(code, too_long(timeout_s or 0.0), acceptable=False, late=True)
        return Exit(code, _meaning(code))


def _start(
    launch: Launch, argv: Sequence[str], handed: Sequence[int], stdin: BinaryIO | int, log: BinaryIO
) -> "subprocess.Popen[bytes]":
    """Start the process of `launch` by `argv`, with the descriptors `handed` on, to write where `launch` says."""

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=launch.folder,
            env=launch.environment,
            start_new_session=True,
            pass_fds=handed,
        )

    # What is started through `read_only` has to mount first, and confines itself after that.
    if launch.writable is None or launch.read_only:
        return start()
    return start_confined(start, launch.writable, log)


def too_long(timeout_s: float) -> str:
    """Why a process that was given `timeout_s` has failed."""
    return f"it ran longer than {timeout_s:g} s"


def kill_group(group: int) -> None:
    """Kills a process group, if there still is one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def kill_noted(scratch: Path) -> None:
    """Kills what a killed engine left running in `scratch`, if it is still the same process."""
    pid, started, _ = _noted(scratch)
    if pid and started == _start_time(pid) != "?":
        kill_group(pid)


def restart_noted(scratch: Path, datum: str) -> bool:
    """Kills what runs of a datum in `scratch`, whoever began it, and marks it to be begun again; whether it ran."""
    if _noted(scratch)[2] != datum:
        return False
    with contextlib.suppress(FileNotFoundError):
        (scratch / RESTART_FILE).touch()
    kill_noted(scratch)
    return True


def _noted(scratch: Path) -> tuple[int, str, str]:
    """The process that was started in `scratch`, the moment at which it was, and the id of its datum; 0 for none."""
    try:
        pid, started, datum = (scratch / PID_FILE).read_text().split(" ")
        return int(pid), started, datum
    except (OSError, ValueError):
        return 0, "", ""


def _note(scratch: Path, pid: int, datum: str) -> None:
    with contextlib.suppress(OSError):
        overwrite(scratch / PID_FILE, f"{pid} {_start_time(pid)} {datum}".encode(), 0o600)


def _nameless_file(folder: Path, content: bytes) -> BinaryIO:
    """A file with this content that no other process can find, at its beginning."""
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return file


def _lines(variables: Mapping[str, str]) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in variables.items()).encode("utf-8", "surrogateescape")


def _start_time(pid: int) -> str:
    """The moment a process started, in the kernel's ticks since boot; `?` where that is not told."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "?"


def _cannot_start(launch: Launch, error: Exception) -> str:
    what = error.strerror if isinstance(error, OSError) else str(error)
    if isinstance(error, OSError) and not launch.folder.is_dir():
        return f"its working_dir {str(launch.folder)!r} is no folder of this machine"
    if isinstance(error, FileNotFoundError) and "/" not in launch.argv[0]:
        what = "PATH has no such program; install it, or run the pipeline in its image (--executor docker)"
    return f"{launch.argv[0]!r} cannot be started: {what}"


def _meaning(code: int) -> str:
    if code == 0:
        return ""
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name if number > 0 else ""
    except ValueError:
        name = f"signal {number}" if code < 0 else ""
    hint = _SHORT_OF_MEMORY if number == signal.SIGKILL else ""
    if code < 0:
        return f"killed by {name}{hint}"
    return f"exit code {code}{f' ({name})' if hint else ''}{hint}"
