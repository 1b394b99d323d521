"""Images as Docker has them: their digests, and the users that they know."""

import io
import tarfile
from functools import lru_cache

from aeolian.engine.programs.docker_client import ask, remove, text_of
from aeolian.errors import AeolianError, UsageError


def image_id(client: str, image: str, pipeline: str) -> str:
    """The digest of an image. Raises `AeolianError` if it is not on this machine."""
    done = ask(client, "image", "inspect", "--format={{.Id}}", image)
    if done.returncode:
        remedy = f"Build it with `make images`, or fetch it with `docker pull {image}`."
        raise AeolianError(f"The image {image} of the pipeline {pipeline} is not on this machine.", remedy=remedy)
    return text_of(done.stdout)


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


def _table(client: str, image: str, path: str) -> dict[str, list[str]]:
    """The lines of a file of the image that has fields parted by colons, by the first; empty if it has no such file."""
    made = ask(client, "create", "--network=none", image, "nothing")
    if made.returncode:
        return {}
    container = text_of(made.stdout)
    try:
        copied = ask(client, "cp", "--follow-link", f"{container}:{path}", "-")
    finally:
        remove(client, [container])
    try:
        with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
            file = archive.extractfile(archive.getmembers()[0])
            lines = file.read().decode(errors="replace").splitlines() if file else []
    except (tarfile.TarError, IndexError):
        return {}
    return {fields[0]: fields for fields in (line.split(":") for line in lines)}
