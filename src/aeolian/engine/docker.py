"""Runs a datum's program in its image, through the command line of Docker.

A container sees the datum's folder as /pfs, the image's own /src, an empty /tmp, and nothing else that can be
written: no network, no capabilities, never root. `Processes` times and ends the client, `clean_up` the container.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aeolian.engine.executors import Command, Executor, Launch, stdin_bytes, thread_environment
from aeolian.engine.spec import Spec
from aeolian.errors import AeolianError, UsageError

CONTAINER_FILE = "container"
# Who programs are where `aeolian` itself is root: nobody.
_NOBODY = 65534
_CLIENT_SECONDS = 60.0
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)([kMGT]|[KMGT]i)?")
_HEEDED = re.compile(r"PATH|HOME|TMPDIR|(DOCKER|BUILDKIT|LD|XDG|SSL|SSH|GO)\w*|\w+_PROXY", re.IGNORECASE)
_CONFINED = (
    "--network=none",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777",
    "--log-driver=none",
)


@dataclass(frozen=True)
class DockerExecutor:
    """Containers of one image. `image_id`, `memory_bytes` and `cpus` come from `ready`; 0 is no limit."""

    client: str
    image_id: str = ""
    memory_bytes: int = 0
    cpus: float = 0.0

    name = "docker"

    @property
    def identity(self) -> str:
        """The image's digest: it holds the program, so a new image is a new program."""
        return self.image_id

    def ready(self, spec: Spec) -> Executor:
        """The executor of a pipeline's image. Raises `AeolianError` if it is not on this machine."""
        image = spec.transform.image
        if not image:
            raise UsageError(f"The pipeline {spec.name} names no image.", remedy="Run it without --executor docker.")
        done = _ask(self.client, "image", "inspect", "--format={{.Id}}", image)
        if done.returncode:
            remedy = f"Build it with `make images`, or fetch it with `docker pull {image}`."
            raise AeolianError(f"The image {image} of the pipeline {spec.name} is not on this machine.", remedy=remedy)
        limits = spec.document.get("resource_limits", {})
        try:
            memory = quantity(str(limits.get("memory") or "0"))
        except ValueError:
            what = f"resource_limits.memory of the pipeline {spec.name} is {limits['memory']!r}."
            raise UsageError(what, remedy="Write it as 512Mi, 4Gi or 4G.") from None
        cpus = min(float(limits.get("cpu") or 0), float(os.cpu_count() or 1))
        return DockerExecutor(self.client, done.stdout.strip(), memory, cpus)

    def protects(self, folder: Path) -> bool:
        """A file can always be mounted read-only."""
        return True

    def launch(self, command: Command) -> Launch:
        """The client that runs `command` in a container; it ends when the container has, with the same code."""
        folder = command.pfs.parent
        (folder / CONTAINER_FILE).write_text(container_name(command))
        argv = [self.client, "run", "--rm", f"--name={container_name(command)}", *_CONFINED, *self._limits()]
        argv += [f"--user={_hand_over(command)}", f"--mount={_bind(command.pfs, '/pfs')}"]
        argv += [f"--mount={_bind(file, _inside(command, file))},readonly" for file in command.read_only]
        argv += [f"--mount={mount},readonly" for mount in _secret_files(command)]
        if command.working_dir:
            argv.append(f"--workdir={command.working_dir}")
        if command.stdin:
            argv.append("--interactive")
        environment = thread_environment(command.threads) | {"HOME": "/tmp"} | command.environment
        environment |= command.secrets.environment
        # By name, as arguments are there for all to read; by value what the client itself would heed.
        of_client = {name for name in environment if _HEEDED.fullmatch(name)}
        argv += [
            f"--env={name}={value}" if name in of_client else f"--env={name}" for name, value in environment.items()
        ]
        by_name = {name: value for name, value in environment.items() if name not in of_client}
        argv += [f"--entrypoint={command.argv[0]}", self.image_id, *command.argv[1:]]
        return Launch(argv, {**os.environ, **by_name}, folder, stdin_bytes(command.stdin))

    def clean_up(self, command: Command) -> None:
        """Ends the container, if it is still there, and makes links to /pfs lead to where that is here."""
        _remove(self.client, [container_name(command)])
        (command.pfs.parent / CONTAINER_FILE).unlink(missing_ok=True)
        _relink(command.pfs)

    def _limits(self) -> list[str]:
        limits = [f"--memory={self.memory_bytes}", f"--memory-swap={self.memory_bytes}"] if self.memory_bytes else []
        return [*limits, f"--cpus={self.cpus:g}"] if self.cpus else limits


def docker_executor() -> DockerExecutor:
    """The executor of this machine's Docker. Raises `AeolianError` if there is none, or its engine does not answer."""
    client = shutil.which("docker")
    if client is None:
        raise AeolianError(
            "There is no command `docker` on this machine.", remedy="Install Docker, or leave --executor docker out."
        )
    done = _ask(client, "version", "--format={{.Server.Version}}")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1].rstrip(".")
        raise AeolianError(
            f"No Docker engine answers ({reason}).", remedy="Start Docker, or leave --executor docker out."
        )
    return DockerExecutor(client)


def end_leftovers(scratch: Path) -> None:
    """Ends the containers of datums that a killed engine left in `scratch`. Costs nothing where there are none."""
    names = []
    for mark in scratch.glob(f"*/{CONTAINER_FILE}"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            names.append(mark.read_text())
    client = shutil.which("docker")
    if names and client:
        _remove(client, names)


def container_name(command: Command) -> str:
    """The container of a datum's folder: no two folders share one."""
    return f"aeolian-{hashlib.sha256(os.fsencode(command.pfs)).hexdigest()[:24]}"


def quantity(text: str) -> int:
    """Bytes of a Kubernetes quantity: `512Mi`, `4G`, `1.5Gi`, `1000`. Raises `ValueError` for anything else."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(text)
    return int(float(match[1]) * _UNITS[match[2] or ""])


def _bind(source: Path, target: str) -> str:
    """A mount in Docker's notation, which is one line of CSV."""
    fields = [f"source={source}", f"target={target}"]
    return ",".join(["type=bind", *('"' + field.replace('"', '""') + '"' for field in fields)])


def _secret_files(command: Command) -> list[str]:
    """A mount for each file of the command's secrets, read where the caller keeps it."""
    return [
        _bind(link.resolve(), f"{path.rstrip('/')}/{link.name}")
        for path, folder in command.mounts
        for link in sorted(folder.iterdir())
    ]


def _inside(command: Command, file: Path) -> str:
    """The path at which the container sees a file of the datum."""
    return f"/pfs/{file.relative_to(command.pfs)}"


def _hand_over(command: Command) -> str:
    """Who the program is, as `UID:GID`: the caller, or nobody, who is given the datum's files, for root."""
    if os.getuid():
        return f"{os.getuid()}:{os.getgid()}"
    not_its_own = set(command.read_only)
    os.chown(command.pfs, _NOBODY, _NOBODY)
    for folder, folders, files in os.walk(command.pfs):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path not in not_its_own:
                os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    return f"{_NOBODY}:{_NOBODY}"


def _relink(pfs: Path) -> None:
    """Absolute links into /pfs, which is elsewhere on this machine, become links to there; no link is followed."""
    for folder, folders, files in os.walk(pfs / "out"):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink() and (target := str(path.readlink())).startswith("/pfs/"):
                path.unlink()
                path.symlink_to(f"{pfs}{target.removeprefix('/pfs')}")


def _remove(client: str, names: Sequence[str]) -> None:
    _ask(client, "rm", "--force", "--volumes", *names)


def _ask(client: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """What the client says. In a session of its own, so that Ctrl-C does not end it half-way."""
    try:
        return subprocess.run(
            [client, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CLIENT_SECONDS,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        remedy = "Restart Docker, or leave --executor docker out."
        raise AeolianError(f"Docker did not answer within {_CLIENT_SECONDS:g} s.", remedy=remedy) from None
