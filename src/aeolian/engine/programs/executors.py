"""How a datum's command becomes a process of this machine."""

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aeolian.engine.programs import landlock
from aeolian.engine.programs.read_only import works_in
from aeolian.engine.programs.secrets import NO_SECRETS, Secrets, resolve_mounts
from aeolian.engine.specs.spec import Spec

_ROOTS = re.compile(r"(?<![\w.\-/])/(pfs|src)(?=$|[^\w.\-])", re.ASCII)
_PYTHONS = {"python", "python3"}
_CACHE_VARIABLES = ("XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


@dataclass(frozen=True)
class Command:
    """A datum's command in the words of its spec, and the folders that stand for /pfs and /src.

    `read_only`: files of /pfs that are objects of the store. `worker`: for a program of many datums, the folder of what
    it needs to reach its worker where there is no network. `cache`: what a program may keep there, later ones find.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    stdin: tuple[str, ...]
    working_dir: str
    pfs: Path
    source: Path | None
    temporary: Path
    threads: int
    image: str = ""
    name: str = ""
    secrets: Secrets = NO_SECRETS
    mounts: tuple[tuple[str, Path], ...] = ()
    read_only: tuple[Path, ...] = ()
    worker: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True)
class Launch:
    """What to start: arguments, environment, folder, and the bytes of its standard input, None for none.

    `read_only` are files that it must not be able to change. `worker` is the folder through which a program of many
    datums reaches its worker; None if it is told a port of this machine. `writable` are the only folders that it can
    write to, but for those that belong to nobody; None where nothing is done about that.
    """

    argv: list[str]
    environment: dict[str, str] = field(repr=False)
    folder: Path
    stdin: bytes | None
    read_only: tuple[Path, ...] = ()
    worker: Path | None = None
    writable: tuple[Path, ...] | None = None


class Executor(Protocol):
    """Turns commands into processes."""

    @property
    def name(self) -> str:
        """What `--executor` calls it."""
        ...

    @property
    def identity(self) -> str:
        """What stands for the program in a datum's hash; empty where that is the files of /src."""
        ...

    def ready(self, spec: Spec) -> "Executor":
        """The executor for a pipeline's commands. Raises `AeolianError` if something it needs is not here."""
        ...

    def protects(self, folder: Path) -> bool:
        """Whether files of `folder` that `Command.read_only` names cannot be changed by the command."""
        ...

    def launch(self, command: Command) -> Launch:
        """The process that does `command`."""
        ...

    def settle(self, command: Command) -> None:
        """Makes what the program wrote for a datum what it would be if it had run here."""
        ...

    def end(self, command: Command) -> None:
        """Ends what killing the process group leaves behind."""
        ...


class ProcessExecutor:
    """Runs the program as a process of this machine.

    `/pfs/…` and `/src/…` in arguments (also in `--flag=/pfs/x`), standard input and environment become the
    datum's own folders; `python3` is the Python that runs this.
    """

    name = "process"
    identity = ""

    def ready(self, spec: Spec) -> Executor:
        """Itself: it needs nothing."""
        return self

    def protects(self, folder: Path) -> bool:
        """Where the kernel lets us mount: most Linux, but not inside most containers."""
        return works_in(folder)

    def launch(self, command: Command) -> Launch:
        """The process that does `command`."""

        def here(text: str) -> str:
            return _resolve(resolve_mounts(text, command.mounts), command.pfs, command.source)

        argv = [here(word) for word in command.argv]
        if argv[0] in _PYTHONS:
            argv[0] = sys.executable
        environment = _inherited() | thread_environment(command.threads) | _caches(command.cache)
        environment |= {
            "TMPDIR": str(command.temporary),
            **{name: here(value) for name, value in command.environment.items()},
            **command.secrets.environment,
        }
        folder = Path(here(command.working_dir)) if command.working_dir else command.pfs.parent
        stdin = stdin_bytes(tuple(here(line) for line in command.stdin))
        own = (command.pfs.parent, *([command.cache] if command.cache else []))
        return Launch(
            argv, environment, folder, stdin, command.read_only, writable=own if landlock.works_here() else None
        )

    def settle(self, command: Command) -> None:
        """It did run here."""

    def end(self, command: Command) -> None:
        """Nothing is left: the process group has been killed."""


def stdin_bytes(lines: tuple[str, ...]) -> bytes | None:
    """The lines joined and ended by line feeds, as the cluster's worker does; None for none."""
    return ("\n".join(lines) + "\n").encode() if lines else None


def _resolve(text: str, pfs: Path, source: Path | None) -> str:
    def folder(found: "re.Match[str]") -> str:
        if found[1] == "pfs":
            return str(pfs)
        return str(source) if source else found[0]

    return _ROOTS.sub(folder, text)


def _caches(folder: Path | None) -> dict[str, str]:
    """Where libraries keep what they have computed once, since they cannot write to the person's own folders."""
    return dict.fromkeys(_CACHE_VARIABLES, str(folder)) if folder else {}


def _inherited() -> dict[str, str]:
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    environment.setdefault("PYTHONUNBUFFERED", "1")
    return environment


def thread_environment(threads: int) -> dict[str, str]:
    """How many threads numerical libraries may use; what the caller's own environment says of it counts."""
    return {variable: os.environ.get(variable, str(threads)) for variable in _THREAD_VARIABLES}
