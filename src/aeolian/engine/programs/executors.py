"""How a datum's command becomes a process of this machine."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from aeolian.engine.programs import landlock
from aeolian.engine.programs.environment import machine_environment, thread_environment
from aeolian.engine.programs.pfs import link_folders
from aeolian.engine.programs.read_only import works_in
from aeolian.engine.programs.secrets import NO_SECRETS, Secrets, resolve_mounts
from aeolian.platform.specs.spec import Spec

_ROOTS = re.compile(r"(?<![\w.\-/])/(pfs|src)(?=$|[^\w.\-])", re.ASCII)
_PYTHONS = {"python", "python3"}
_CACHE_VARIABLES = ("XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
# In an argument of a `Launch`: the path of the file of its `handed` variables.
HANDED = "{handed}"


@dataclass(frozen=True)
class Command:
    """A datum's command in the words of its spec, and the folders that stand for /pfs and /src.

    `environment` is that of the job, `datum` what differs from datum to datum, `inputs` names the folders in /pfs.
    `read_only`: files of /pfs that are objects of the store. `lives_on`: it is a program of many datums; `worker` is
    then the folder of what it needs to reach its worker where there is no network. `cache`: what a program may keep
    there, later ones find.
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
    datum: dict[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    secrets: Secrets = NO_SECRETS
    mounts: tuple[tuple[str, Path], ...] = ()
    read_only: tuple[Path, ...] = ()
    lives_on: bool = False
    worker: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True)
class Launch:
    """What to start: arguments, environment, folder, and the bytes of its standard input, None for none.

    `read_only` are files that it must not be able to change. `worker` is the folder through which a program of many
    datums reaches its worker; None if it is told a port of this machine. `writable` are the only folders that it can
    write to, but for those that belong to nobody; None where nothing is done about that. `handed`: variables of its
    environment that it reads as lines of a file without a name, whose path takes the place of `HANDED` in an argument.
    """

    argv: list[str]
    environment: dict[str, str] = field(repr=False)
    folder: Path
    stdin: bytes | None
    read_only: tuple[Path, ...] = ()
    worker: Path | None = None
    writable: tuple[Path, ...] | None = None
    handed: dict[str, str] = field(default_factory=dict, repr=False)


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

    def seen(self, command: Command, variables: Mapping[str, str]) -> dict[str, str]:
        """Variables with paths as `command` sees them."""
        ...

    def launch(self, command: Command) -> Launch:
        """The process that does `command`; the links in /pfs are there then.

        One that `lives_on` is told nothing of its datum.
        """
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
        """One for this job: it needs nothing."""
        return ProcessExecutor()

    def protects(self, folder: Path) -> bool:
        """Where the kernel lets us mount: most Linux, but not inside most containers."""
        return works_in(folder)

    def seen(self, command: Command, variables: Mapping[str, str]) -> dict[str, str]:
        """With paths of this machine."""
        return {name: _here(value, command) for name, value in variables.items()}

    def launch(self, command: Command) -> Launch:
        """The process that does `command`."""
        link_folders(command.pfs, command.inputs, command.pfs)
        argv = [_here(word, command) for word in command.argv]
        if argv[0] in _PYTHONS:
            argv[0] = sys.executable
        environment = self._machine | thread_environment(command.threads) | _caches(command.cache)
        environment |= {"TMPDIR": str(command.temporary)}
        environment |= self.seen(command, command.environment)
        environment |= command.secrets.environment
        if not command.lives_on:
            environment |= self.seen(command, command.datum)
        folder = Path(_here(command.working_dir, command)) if command.working_dir else command.pfs.parent
        stdin = stdin_bytes(tuple(_here(line, command) for line in command.stdin))
        own = (command.pfs.parent, *([command.cache] if command.cache else []))
        return Launch(
            argv, environment, folder, stdin, command.read_only, writable=own if landlock.works_here() else None
        )

    @cached_property
    def _machine(self) -> dict[str, str]:
        return machine_environment()

    def settle(self, command: Command) -> None:
        """It did run here."""

    def end(self, command: Command) -> None:
        """Nothing is left: the process group has been killed."""


def stdin_bytes(lines: tuple[str, ...]) -> bytes | None:
    """The lines joined and ended by line feeds, as the cluster's worker does; None for none."""
    return ("\n".join(lines) + "\n").encode() if lines else None


def _here(text: str, command: Command) -> str:
    """`text` with /pfs, /src and the mounts of secrets become paths of this machine."""
    pfs, source = command.pfs, command.source

    def folder(found: "re.Match[str]") -> str:
        if found[1] == "pfs":
            return str(pfs)
        return str(source) if source else found[0]

    return _ROOTS.sub(folder, resolve_mounts(text, command.mounts))


def _caches(folder: Path | None) -> dict[str, str]:
    """Where libraries keep what they have computed once, since they cannot write to the person's own folders."""
    return dict.fromkeys(_CACHE_VARIABLES, str(folder)) if folder else {}
