"""Where `aeolian`'s verbs go: to the engine of this machine, or to a pachd that pachctl knows.

A context is a name. `local` is this machine; the others are those of pachctl's own configuration file, which both
commands read and write. `AEOLIAN_CONTEXT` goes before what `aeolian context use` has kept.
"""

import base64
import binascii
import json
import os
import tempfile
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeolian.errors import UsageError

LOCAL = "local"
VARIABLE = "AEOLIAN_CONTEXT"
_SECURE, _PLAIN = ("grpcs", "https"), ("grpc", "http")
_DEFAULT_PORT = 30650


@dataclass(frozen=True)
class Context:
    """A pachd: `address` as host:port, whether it wants TLS, by which certificates (PEM), who one is, which project."""

    name: str
    address: str
    tls: bool = False
    certificates: bytes = b""
    token: str = ""
    project: str = "default"


def configuration_file() -> Path:
    """Return where pachctl keeps its contexts: `$PACH_CONFIG`, or its file in the home folder."""
    return Path(os.environ.get("PACH_CONFIG") or Path.home() / ".pachyderm" / "config.json")


def list_contexts() -> list[str]:
    """Return the names of all contexts, `local` first."""
    return [LOCAL, *sorted(name for name in _contexts(_read()) if name != LOCAL)]


def active_context() -> str:
    """Return the name of the context that is meant where none is named."""
    named = os.environ.get(VARIABLE, "")
    if named:
        return named
    try:
        return _chosen_file().read_text(encoding="utf-8").strip() or LOCAL
    except OSError:
        return LOCAL


def use_context(name: str) -> None:
    """Keep `name` as the context that is meant where none is named. Raises `UsageError` if there is none."""
    if name != LOCAL:
        find_context(name)
    _write(_chosen_file(), f"{name}\n")


def find_context(name: str) -> Context:
    """Return a context of pachctl's by its name, or one that is an address (`grpc://host:30650`).

    Raises `UsageError` if there is none, or if it cannot be read.
    """
    if "://" in name:
        address, tls = parse_pachd_address(name)
        return Context(name, address, tls)
    found = _contexts(_read()).get(name)
    if found is None:
        known = ", ".join(list_contexts())
        raise UsageError(f"There is no context {name!r}; there are: {known}.", remedy="See `aeolian context list`.")
    address, tls = parse_pachd_address(str(found.get("pachd_address") or f"grpc://localhost:{_DEFAULT_PORT}"))
    try:
        certificates = base64.b64decode(str(found.get("server_cas") or ""), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(
            f"The server_cas of the context {name} is not base64.", remedy=f"Mend it in {configuration_file()}."
        ) from None
    return Context(
        name,
        address,
        tls or bool(certificates),
        certificates,
        str(found.get("session_token") or ""),
        str(found.get("project") or "default"),
    )


def add_context(
    name: str, address: str, *, token: str = "", certificates: bytes = b"", project: str = "", overwrite: bool = False
) -> None:
    """Write a context into pachctl's file. Raises `UsageError` for a name or an address that cannot be."""
    if not name or name == LOCAL or "/" in name or name != name.strip():
        raise UsageError(f"{name!r} cannot name a context.", remedy=f"Choose another word; {LOCAL} is this machine.")
    parse_pachd_address(address)
    content = _read()
    if name in _contexts(content) and not overwrite:
        raise UsageError(f"There is a context {name} already.", remedy="Write over it with --overwrite.")
    found: dict[str, Any] = {"pachd_address": address, "project": project or "default"}
    if token:
        found["session_token"] = token
    if certificates:
        found["server_cas"] = base64.b64encode(certificates).decode()
    content.setdefault("user_id", uuid.uuid4().hex)
    version = content.setdefault("v2", {})
    version.setdefault("contexts", {})[name] = found
    version.setdefault("active_context", name)
    _write(configuration_file(), json.dumps(content, indent=2) + "\n")


def parse_pachd_address(text: str) -> tuple[str, bool]:
    """Return host:port, and whether it wants TLS. Raises `UsageError` for what is no address of a pachd."""
    remedy = "Write it as grpc://host:30650, or with TLS as grpcs://host:443."
    try:
        parts = urllib.parse.urlsplit(text if "://" in text else f"grpc://{text}")
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text!r} is no address of a pachd: {error}.", remedy=remedy) from None
    if parts.scheme not in (*_SECURE, *_PLAIN) or not parts.hostname or parts.path.strip("/") or parts.username:
        raise UsageError(f"{text!r} is no address of a pachd.", remedy=remedy)
    secure = parts.scheme in _SECURE
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port or (443 if secure else _DEFAULT_PORT)}", secure


def _chosen_file() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "aeolian" / "context"


def _read() -> dict[str, Any]:
    file = configuration_file()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}.", remedy="pachctl wrote it; mend or remove it.") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file} holds no contexts.", remedy="pachctl wrote it; mend or remove it.")
    return content


def _contexts(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    version = content.get("v2")
    found = version.get("contexts") if isinstance(version, dict) else None
    return (
        {str(name): each for name, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}
    )


def _write(file: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as partial:
            partial.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
