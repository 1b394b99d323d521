"""What is asked of Docker through its command line: images, the users in them, GPUs, and the end of containers."""

import io
import json
import logging
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from functools import lru_cache

from aeolian.errors import AeolianError, UsageError

log = logging.getLogger(__name__)
_CLIENT_SECONDS = 60.0


def find_client() -> str:
    """The command `docker`. Raises `AeolianError` if there is none, or its engine does not answer."""
    client = shutil.which("docker")
    if client is None:
        raise AeolianError(
            "There is no command `docker` on this machine.", remedy="Install Docker, or leave --executor docker out."
        )
    done = _ask(client, "version", "--format={{.Server.Version}}")
    if done.returncode:
        reason = (_text(done.stderr).splitlines() or ["it gave no reason"])[-1].rstrip(".")
        raise AeolianError(
            f"No Docker engine answers ({reason}).", remedy="Start Docker, or leave --executor docker out."
        )
    return client


def image_id(client: str, image: str, pipeline: str) -> str:
    """The digest of an image. Raises `AeolianError` if it is not on this machine."""
    done = _ask(client, "image", "inspect", "--format={{.Id}}", image)
    if done.returncode:
        remedy = f"Build it with `make images`, or fetch it with `docker pull {image}`."
        raise AeolianError(f"The image {image} of the pipeline {pipeline} is not on this machine.", remedy=remedy)
    return _text(done.stdout)


@lru_cache(maxsize=8)
def offers_gpus(client: str) -> bool:
    """Whether containers can have NVIDIA's GPUs: its runtime is registered, or its devices are (CDI)."""
    done = _ask(client, "info", "--format={{json .}}")
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return False
    devices = [device.get("ID", "") for device in told.get("DiscoveredDevices") or []]
    return "nvidia" in (told.get("Runtimes") or {}) or any(name.startswith("nvidia.com/gpu") for name in devices)


@lru_cache(maxsize=64)
def user_of(client: str, image: str, user: str) -> tuple[int, int]:
    """User and group number of `transform.user`: `1000`, `1000:1000`, or names that the image knows.

    Raises `UsageError` if it does not know them.
    """
    name, _, group = user.partition(":")
    try:
        if name.isdecimal():
            # Docker would put a number alone into root's group.
            uid, own_group = int(name), int(name)
        else:
            fields = _table(client, image, "/etc/passwd")[name]
            uid, own_group = int(fields[2]), int(fields[3])
        if not group:
            return uid, own_group
        return uid, int(group) if group.isdecimal() else int(_table(client, image, "/etc/group")[group][2])
    except (KeyError, IndexError, ValueError):
        what = f"The image {image} has no user {user!r}, whom transform.user names."
        raise UsageError(what, remedy="Write numbers, as 1000:1000, or a user of the image.") from None


def remove(client: str, names: Sequence[str]) -> None:
    """Ends containers, if they are there."""
    _ask(client, "rm", "--force", "--volumes", *names)


def _table(client: str, image: str, path: str) -> dict[str, list[str]]:
    """The lines of a file of the image that has fields parted by colons, by the first; empty if it has no such file."""
    made = _ask(client, "create", "--network=none", image, "nothing")
    if made.returncode:
        return {}
    container = _text(made.stdout)
    try:
        copied = _ask(client, "cp", "--follow-link", f"{container}:{path}", "-")
    finally:
        remove(client, [container])
    try:
        with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
            file = archive.extractfile(archive.getmembers()[0])
            lines = file.read().decode(errors="replace").splitlines() if file else []
    except (tarfile.TarError, IndexError):
        return {}
    return {fields[0]: fields for fields in (line.split(":") for line in lines)}


def _text(data: bytes) -> str:
    return data.decode(errors="replace").strip()


def _ask(client: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
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
