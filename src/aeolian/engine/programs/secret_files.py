"""Secrets that `create secret` keeps: a folder each below `secrets/` beside the store, readable by its owner alone.

They are in no database, so no commit, log or `gc` ever has to do with them. A secret is a folder with a file for each
of its keys in `data/`, and `about.json` (type, time). Values are read when a job needs them, and told by nothing here.
"""

import base64
import binascii
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aeolian.engine.programs.secrets import Place
from aeolian.errors import UsageError

_FOLDER = "secrets"
_DATA, _ABOUT = "data", "about.json"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}", re.ASCII)
_DEFAULT_TYPE = "Opaque"
_FIELDS = ("apiVersion", "kind", "metadata", "type", "data", "stringData", "immutable")


@dataclass(frozen=True)
class KeptSecret:
    """A secret as it is listed: nothing of what is in it but the names of its keys."""

    name: str
    type: str
    created: float
    keys: tuple[str, ...]


def create_secret(home: Path, manifest: str) -> KeptSecret:
    """Keeps the secret of a Kubernetes manifest, in JSON or YAML.

    Raises `UsageError` for a text that is none, and for a name that is taken. No message repeats a value.
    """
    name, type_, data = _read_manifest(manifest)
    folder = home / _FOLDER / name
    if folder.exists():
        raise UsageError(f"secret {name} already exists.", remedy=f"Remove it: aeolian delete secret {name}")
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))  # mode 700
    try:
        (partial / _DATA).mkdir(mode=0o700)
        for key, value in data.items():
            _write(partial / _DATA / key, value)
        about = {"type": type_, "created": time.time()}
        _write(partial / _ABOUT, json.dumps(about).encode())
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return find_secret(home, name)


def list_secrets(home: Path) -> list[KeptSecret]:
    """Every secret that is kept, by name."""
    folder = home / _FOLDER
    names = sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []
    return [find_secret(home, name) for name in names]


def find_secret(home: Path, name: str) -> KeptSecret:
    """The secret of this name. Raises `UsageError` if there is none."""
    folder = _find_folder(home, name)
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    keys = tuple(sorted(path.name for path in (folder / _DATA).iterdir()))
    return KeptSecret(name, about["type"], about["created"], keys)


def delete_secret(home: Path, name: str) -> None:
    """Forgets a secret. Raises `UsageError` if there is none."""
    shutil.rmtree(_find_folder(home, name))


def add_kept(home: Path, given: Sequence[Place]) -> tuple[Place, ...]:
    """The places that a pipeline was `given`, and those of each kept key for which it was given none."""
    folder, said = home / _FOLDER, {(place.name, place.key) for place in given}
    return (
        *given,
        *(
            Place(secret.name, key, str(folder / secret.name / _DATA / key))
            for secret in list_secrets(home)
            for key in secret.keys
            if not said & {(secret.name, key), (secret.name, "")}
        ),
    )


def _find_folder(home: Path, name: str) -> Path:
    folder = home / _FOLDER / name
    if not _NAME.fullmatch(name) or not (folder / _ABOUT).is_file():
        raise UsageError(f"secret {name!r} not found.", remedy="See `aeolian list secret`.")
    return folder


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read_manifest(text: str) -> tuple[str, str, dict[str, bytes]]:
    """Name, type and values of a manifest. `data` is in base64, `stringData` is text and wins."""
    manifest = _parse(text)
    if manifest.get("kind", "Secret") != "Secret":
        raise _wrong("kind", 'is not "Secret"')
    for field in manifest:
        if field not in _FIELDS:
            raise _wrong(str(field), "is no field of a secret")
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong("metadata.name", "must be lower-case letters, digits, `-` and `.`, as Kubernetes has it")
    type_ = manifest.get("type", _DEFAULT_TYPE)
    if not isinstance(type_, str):
        raise _wrong("type", "must be text")
    encoded, plain = _texts(manifest, "data"), _texts(manifest, "stringData")
    data = {key: _decode(key, value) for key, value in encoded.items()}
    data |= {key: value.encode("utf-8", "surrogateescape") for key, value in plain.items()}
    return name, type_, data


def _parse(text: str) -> dict[str, Any]:
    """The object that a text in JSON or YAML holds. What a parser says is not repeated: it quotes the text."""
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f" (line {mark.line + 1})" if mark else ""
            raise UsageError(f"The secret's manifest is neither JSON nor YAML{where}.") from None
    if not isinstance(found, dict):
        raise UsageError("The secret's manifest is no object.", remedy='Write {"kind": "Secret", "metadata": …}.')
    return found


def _texts(manifest: dict[str, Any], field: str) -> dict[str, str]:
    found = manifest.get(field) or {}
    if not isinstance(found, dict):
        raise _wrong(field, "must be an object of texts")
    for key, value in found.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key) or set(key) == {"."}:
            raise _wrong(field, "has a key that is not letters, digits, `-`, `_` and `.`")
        if not isinstance(value, str):
            raise _wrong(f"{field}.{key}", "must be text")
    return found


def _decode(key: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(f"data.{key}", "is not base64; plain text belongs under stringData") from None


def _wrong(field: str, what: str) -> UsageError:
    return UsageError(f"The secret's manifest: {field} {what}.")
