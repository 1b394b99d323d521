"""What is asked of Docker through its command line: whether it is there, whether it has GPUs, the end of containers."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from aeolian.errors import AeolianError

# A file in a datum's folder: the name of the container that runs there.
CONTAINER_FILE = "container"
_CLIENT_SECONDS = 60.0


def find_client() -> str:
    """The command `docker`. Raises `AeolianError` if there is none, or its engine does not answer."""
    client = shutil.which("docker")
    if client is None:
        raise AeolianError(
            "There is no command `docker` on this machine.", remedy="Install Docker, or leave --executor docker out."
        )
    done = ask(client, "version", "--format={{.Server.Version}}")
    if done.returncode:
        reason = (text_of(done.stderr).splitlines() or ["it gave no reason"])[-1].rstrip(".")
        raise AeolianError(
            f"No Docker engine answers ({reason}).", remedy="Start Docker, or leave --executor docker out."
        )
    return client


@lru_cache(maxsize=8)
def offers_gpus(client: str) -> bool:
    """Whether containers can have NVIDIA's GPUs: its runtime is registered, or its devices are (CDI)."""
    done = ask(client, "info", "--format={{json .}}")
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return False
    devices = [device.get("ID", "") for device in told.get("DiscoveredDevices") or []]
    return "nvidia" in (told.get("Runtimes") or {}) or any(name.startswith("nvidia.com/gpu") for name in devices)


def remove(client: str, names: Sequence[str]) -> None:
    """Ends containers, if they are there."""
    ask(client, "rm", "--force", "--volumes", *names)


def end_leftovers(scratch: Path) -> None:
    """Ends the containers of datums that a killed engine left in `scratch`. Costs nothing where there are none."""
    names = []
    for mark in scratch.glob(f"*/{CONTAINER_FILE}*"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            names.append(mark.read_text())
    client = shutil.which("docker")
    if names and client:
        remove(client, names)


def text_of(data: bytes) -> str:
    """What the client wrote, without the space around it."""
    return data.decode(errors="replace").strip()


def ask(client: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """What the client says. In a session of its own, so that Ctrl-C does not end it half-way."""
    try:
        return subprocess.run(
            [client, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_CLIENT_SECONDS,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        remedy = "Restart Docker, or leave --executor docker out."
        raise AeolianError(f"Docker did not answer within {_CLIENT_SECONDS:g} s.", remedy=remedy) from None
