"""Runs a datum's program in its image, through the command line of Docker.

A container sees the datum's folder as /pfs, the image's own /src, an empty /tmp, and nothing else that can be
written: no network, no capabilities, never root. `Processes` times and ends the client, `end` the container.
"""

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from aeolian.engine.programs import docker_client, docker_image, docker_relay
from aeolian.engine.programs.docker_client import CONTAINER_FILE
from aeolian.engine.programs.environment import thread_environment
from aeolian.engine.programs.executors import HANDED, Command, Executor, Launch, stdin_bytes
from aeolian.engine.programs.pfs import link_folders, relink_outputs
from aeolian.errors import UsageError
from aeolian.next_datum import PORT_VARIABLE
from aeolian.platform.specs.spec import Spec

log = logging.getLogger(__name__)

# Who programs are where `aeolian` itself is root: nobody.
_NOBODY = (65534, 65534)
# Where a program of many datums finds its worker: a port of its own loopback interface, as on a cluster, and behind it
# a folder that engine and container share.
_WORKER_PORT = 1080
_WORKER_FOLDER = "/run/aeolian"
# Docker reads a file of variables line by line, and a line up to 64 KiB.
_LONGEST_LINE = 16_000
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)([kMGT]|[KMGT]i)?")
# What the client, or what it calls, itself heeds: such variables are not put into its own environment.
_HEEDED = re.compile(r"PATH|HOME|TMPDIR|(DOCKER|BUILDKIT|LD|XDG|SSL|SSH|GO)\w*|\w+_PROXY", re.IGNORECASE)
_CONFINED = (
    "--network=none",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=4096",
    "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777",
    "--log-driver=none",
)


@dataclass(frozen=True)
class DockerExecutor:
    """Containers of one image. All but `client` comes from `ready`.

    0 is no limit of memory or cores; `user` (uid, gid) is what the spec asks for, where it is applied; `gpus` is how
    many the containers get.
    """

    client: str
    image_id: str = ""
    memory_bytes: int = 0
    cpus: float = 0.0
    user: tuple[int, int] | None = None
    gpus: int = 0

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
        image_id = docker_image.image_id(self.client, image, spec.name)
        limits = spec.document.get("resource_limits", {})
        try:
            memory = quantity(str(limits.get("memory") or "0"))
        except ValueError:
            what = f"resource_limits.memory of the pipeline {spec.name} is {limits['memory']!r}."
            raise UsageError(what, remedy="Write it as 512Mi, 4Gi or 4G.") from None
        cpus = min(float(limits.get("cpu") or 0), float(os.cpu_count() or 1))
        user = _user(self.client, image_id, spec)
        return replace(
            self, image_id=image_id, memory_bytes=memory, cpus=cpus, user=user, gpus=_gpus(self.client, spec)
        )

    def protects(self, folder: Path) -> bool:
        """A file can always be mounted read-only."""
        return True

    def launch(self, command: Command) -> Launch:
        """The client that runs `command` in a container; it ends when the container has, with the same code."""
        folder = command.pfs.parent
        _mark(command).write_text(container_name(command))
        link_folders(command.pfs, command.inputs, Path("/pfs"), anew=True)
        uid, gid = _hand_over(command, self.user)
        argv = [self.client, "run", "--rm", f"--name={container_name(command)}", *_CONFINED, *self._resources()]
        argv += [f"--user={uid}:{gid}", f"--mount={_bind(command.pfs, '/pfs')}"]
        argv += [f"--mount={_bind(file, _inside(command, file))},readonly" for file in command.read_only]
        argv += [f"--mount={mount},readonly" for mount in _secret_files(command)]
        if command.working_dir:
            argv.append(f"--workdir={command.working_dir}")
        if command.stdin:
            argv.append("--interactive")
        environment = thread_environment(command.threads) | {"HOME": "/tmp"} | command.environment
        environment |= command.secrets.environment | ({} if command.lives_on else command.datum)
        words = command.argv
        if command.worker:
            argv.append(f"--mount={_bind(command.worker, _WORKER_FOLDER)},readonly")
            environment |= {PORT_VARIABLE: str(_WORKER_PORT), "no_grpc_proxy": "localhost"}
            relay = Path(docker_relay.__file__).read_text()
            words = ("python3", "-I", "-c", relay, str(_WORKER_PORT), _WORKER_FOLDER, *words)
        # No value is an argument, as arguments are there for all to read.
        handed = _of_client(environment)
        argv += [f"--env={name}" for name in environment if name not in handed]
        argv += [f"--env-file={HANDED}"] if handed else []
        argv += [f"--entrypoint={words[0]}", self.image_id, *words[1:]]
        client = os.environ | {name: value for name, value in environment.items() if name not in handed}
        stdin = stdin_bytes(command.stdin)
        return Launch(argv, client, folder, stdin, worker=command.worker, handed=handed)

    def seen(self, command: Command, variables: Mapping[str, str]) -> dict[str, str]:
        """As the spec has them: a container sees the real /pfs."""
        return dict(variables)

    def settle(self, command: Command) -> None:
        """Makes links to /pfs lead to where that is here."""
        relink_outputs(command.pfs)
        link_folders(command.pfs, command.inputs, command.pfs, anew=True)

    def end(self, command: Command) -> None:
        """Ends the container, if it is still there."""
        docker_client.remove(self.client, [container_name(command)])
        _mark(command).unlink(missing_ok=True)

    def _resources(self) -> list[str]:
        given = [f"--memory={self.memory_bytes}", f"--memory-swap={self.memory_bytes}"] if self.memory_bytes else []
        given += [f"--cpus={self.cpus:g}"] if self.cpus else []
        return [*given, f"--gpus={self.gpus}"] if self.gpus else given


def docker_executor() -> DockerExecutor:
    """The executor of this machine's Docker. Raises `AeolianError` if there is none, or its engine does not answer."""
    return DockerExecutor(docker_client.find_client())


def container_name(command: Command) -> str:
    """The container of a command: no two that run at once share one."""
    of_many = "-batch" if command.worker else ""
    return f"aeolian-{hashlib.sha256(os.fsencode(command.pfs)).hexdigest()[:24]}{of_many}"


def quantity(text: str) -> int:
    """Bytes of a Kubernetes quantity: `512Mi`, `4G`, `1.5Gi`, `1000`. Raises `ValueError` for anything else."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(text)
    return int(float(match[1]) * _UNITS[match[2] or ""])


def _user(client: str, image: str, spec: Spec) -> tuple[int, int] | None:
    """Who `transform.user` says; None where that is nobody, root, or not for us to give files to."""
    if not spec.transform.user or os.getuid():
        return None
    user = docker_image.user_of(client, image, spec.transform.user)
    if user[0] == 0:
        _warn(f"pipeline {spec.name}: transform.user is root; here no program in an image is, so it is nobody")
        return None
    return user


def _gpus(client: str, spec: Spec) -> int:
    if spec.gpus and not docker_client.offers_gpus(client):
        _warn(f"pipeline {spec.name} asks for a GPU; Docker has none to give here, so it runs without")
        return 0
    return spec.gpus


@lru_cache(maxsize=256)
def _warn(what: str) -> None:
    """Says it once."""
    log.warning(what)


def _of_client(environment: dict[str, str]) -> dict[str, str]:
    """Those variables that would change what the client does, where they were in its own environment.

    Raises `UsageError` for a value that cannot be handed to it otherwise.
    """
    handed = {name: value for name, value in environment.items() if _HEEDED.fullmatch(name)}
    for name, value in handed.items():
        if len(value.splitlines()) > 1 or len(value) > _LONGEST_LINE or value != value.strip("\r\n"):
            what = f"The variable {name} has several lines, and Docker's client cannot pass it on under that name."
            raise UsageError(what, remedy="Give it another name in the spec, or mount it as a file (mount_path).")
    return handed


def _mark(command: Command) -> Path:
    """The file that tells a later engine which container to end."""
    return command.pfs.parent / (f"{CONTAINER_FILE}-batch" if command.worker else CONTAINER_FILE)


def _bind(source: Path, target: str) -> str:
    """A mount in Docker's notation, which is one line of CSV."""
    fields = [f"source={source}", f"target={target}"]
    return ",".join(["type=bind", *('"' + field.replace('"', '""') + '"' for field in fields)])


def _inside(command: Command, file: Path) -> str:
    """The path at which the container sees a file of the datum."""
    return f"/pfs/{file.relative_to(command.pfs)}"


def _secret_files(command: Command) -> list[str]:
    """A mount for each file of the command's secrets, read where the caller keeps it."""
    return [
        _bind(link.resolve(), f"{path.rstrip('/')}/{link.name}")
        for path, folder in command.mounts
        for link in sorted(folder.iterdir())
    ]


def _hand_over(command: Command, wanted: tuple[int, int] | None) -> tuple[int, int]:
    """Who the program is: the caller; for root the wanted user, or nobody, who is given the datum's files."""
    if os.getuid():
        return os.getuid(), os.getgid()
    who, not_its_own = wanted or _NOBODY, set(command.read_only)
    os.chown(command.pfs, *who)
    for folder, folders, files in os.walk(command.pfs):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path not in not_its_own:
                os.chown(path, *who, follow_symlinks=False)
    return who
