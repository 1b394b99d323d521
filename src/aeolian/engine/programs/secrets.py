"""What a spec calls a secret, read where this machine has it, when a job needs it, and kept nowhere.

Kubernetes keeps secrets by name and key for a cluster. Here a mapping, recorded with the pipeline, says where each is
read: a file, or a variable of the environment of `aeolian`. What is there never goes into the store or a log.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aeolian.errors import AeolianError, UsageError
from aeolian.platform.specs.spec import Secret

_GIVEN = re.compile(r"([A-Za-z0-9][\w.-]*)(?::([\w.-]+))?=(.+)", re.ASCII | re.DOTALL)
_VARIABLE = "env:"
_REMEDY = "Say where with `aeolian update pipeline -f SPEC --secret {}=FILE` (or =env:VARIABLE)."


@dataclass(frozen=True)
class Place:
    """Where the key `key` of the secret `name` is read: an absolute path, or `env:VARIABLE`. No key: every key."""

    name: str
    key: str
    where: str

    def __str__(self) -> str:
        return f"{self.name}{':' if self.key else ''}{self.key}={self.where}"


@dataclass(frozen=True)
class Mount:
    """A folder that a program sees at `path`: (name, file of this machine) of each file in it."""

    path: str
    files: tuple[tuple[str, Path], ...]


@dataclass(frozen=True)
class Secrets:
    """What the programs of a job get. `environment` holds the secrets themselves."""

    environment: dict[str, str] = field(default_factory=dict, repr=False)
    mounts: tuple[Mount, ...] = ()


NO_SECRETS = Secrets()


def parse_place(text: str) -> Place:
    """`NAME[:KEY]=FILE` or `NAME[:KEY]=env:VARIABLE`; the file need not be there yet. Raises `UsageError`."""
    found = _GIVEN.fullmatch(text)
    if found is None or found[3] == _VARIABLE:
        # The text is not repeated: someone may have written the secret itself.
        raise UsageError("A --secret is not clear.", remedy="Write it as NAME[:KEY]=FILE or NAME[:KEY]=env:VARIABLE.")
    name, key, where = found.groups()
    return Place(name, key or "", where if where.startswith(_VARIABLE) else str(Path(where).absolute()))


def merged(old: Sequence[Place], new: Sequence[Place], wanted: Sequence[Secret]) -> tuple[Place, ...]:
    """The places of what is `wanted`: the new ones, and of the old ones those that no new one replaces."""
    names = {secret.name for secret in wanted}
    by_key = {(place.name, place.key): place for place in (*old, *new) if place.name in names}
    return tuple(by_key[key] for key in sorted(by_key))


def resolve(wanted: Sequence[Secret], places: Sequence[Place]) -> Secrets:
    """Reads what is wanted for the environment, and finds what is wanted as files.

    Raises `AeolianError` for what no place is given for, and for what is not there.
    """
    environment, mounts = {}, []
    for secret in wanted:
        if secret.env_var:
            environment[secret.env_var] = _value(secret, _place(secret, places))
        if secret.mount_path:
            found = [place for place in places if place.name == secret.name]
            if not found:
                raise _unknown(secret)
            mounts.append(Mount(secret.mount_path, tuple(_file(secret, place) for place in found)))
    return Secrets(environment, tuple(mounts))


def link_mounts(secrets: Secrets, folder: Path) -> tuple[tuple[str, Path], ...]:
    """Makes a folder of links below `folder` for each mount: (path that the program names, that folder).

    The files themselves are not copied, so that nothing of them is left when a run is killed.
    """
    made = []
    for number, mount in enumerate(secrets.mounts):
        place = folder / str(number)
        place.mkdir(parents=True, exist_ok=True)
        for name, file in mount.files:
            if not (place / name).is_symlink():
                (place / name).symlink_to(file)
        made.append((mount.path, place))
    return tuple(made)


def resolve_mounts(text: str, mounts: Sequence[tuple[str, Path]]) -> str:
    """`text` with each path below a mount become the path where it is."""
    for path, folder in sorted(mounts, key=lambda mount: -len(mount[0])):
        place = str(folder).replace("\\", r"\\")
        text = re.sub(rf"(?<![\w.\-/]){re.escape(path.rstrip('/'))}(?=$|[^\w.\-])", place, text)
    return text


def _place(secret: Secret, places: Sequence[Place]) -> Place:
    for key in (secret.key, ""):
        for place in places:
            if (place.name, place.key) == (secret.name, key):
                return place
    raise _unknown(secret)


def _value(secret: Secret, place: Place) -> str:
    """The secret as a variable's value: of a file, without a line feed at its end."""
    if place.where.startswith(_VARIABLE):
        variable = place.where.removeprefix(_VARIABLE)
        if variable not in os.environ:
            raise AeolianError(
                f"The secret {_named(secret)} is to be read from ${variable}, which is not set.",
                remedy="Set it for `aeolian` and run the pipeline again.",
            )
        return os.environ[variable]
    try:
        content = Path(place.where).read_bytes()
    except OSError as error:
        raise _unreadable(secret, place, error.strerror or "it cannot be read") from None
    if b"\0" in content:
        raise _unreadable(secret, place, "it holds a zero byte, which no variable can")
    return os.fsdecode(content.removesuffix(b"\n"))


def _file(secret: Secret, place: Place) -> tuple[str, Path]:
    if place.where.startswith(_VARIABLE):
        raise AeolianError(
            f"The secret {_named(secret)} is wanted as a file at {secret.mount_path}, and {place.where} is none.",
            remedy=_REMEDY.format(_named(secret)),
        )
    path = Path(place.where)
    if not path.is_file() or not os.access(path, os.R_OK):
        raise _unreadable(secret, place, "there is no such file" if not path.exists() else "it cannot be read")
    return place.key or secret.key or path.name, path


def _named(secret: Secret) -> str:
    return f"{secret.name}:{secret.key}" if secret.key else secret.name


def _unknown(secret: Secret) -> AeolianError:
    what = f"The secret {_named(secret)} is needed, and nothing says where it is."
    return AeolianError(what, remedy=_REMEDY.format(_named(secret)))


def _unreadable(secret: Secret, place: Place, reason: str) -> AeolianError:
    what = f"The secret {_named(secret)} is to be read from {place.where}: {reason}."
    return AeolianError(what, remedy="Put it there and run the pipeline again.")
