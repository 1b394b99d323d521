"""How a test says what it stands for, and the specs that tests write."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

NOBODY = "0123456789ab4def8123456789ab4def"  # an id as commits have, of none of them

Test = TypeVar("Test", bound=Callable[..., Any])


def pachyderm(*names: str) -> Callable[[Test], Test]:
    """Name the functions of Pachyderm's suite that a test covers, `package.TestName`; `not_tried.txt` has the rest."""
    return pytest.mark.pachyderm(*names)


def differs(line: str) -> Callable[[Test], Test]:
    """Quote the line of `docs/engine.md` that says why the two platforms differ on purpose in what a test asserts."""
    return pytest.mark.differs(line)


def pfs(repo: str, glob: str = "/*", **more: Any) -> dict[str, Any]:
    """The input of one repo."""
    return {"pfs": {"repo": repo, "glob": glob, **more}}


def cross(*inputs: dict[str, Any]) -> dict[str, Any]:
    """Every combination."""
    return {"cross": list(inputs)}


def join(*inputs: dict[str, Any]) -> dict[str, Any]:
    """What has the same key."""
    return {"join": list(inputs)}


def group(*inputs: dict[str, Any]) -> dict[str, Any]:
    """All of a key at once."""
    return {"group": list(inputs)}


def union(*inputs: dict[str, Any]) -> dict[str, Any]:
    """One after the other."""
    return {"union": list(inputs)}


def spec(name: str, input: dict[str, Any] | None, *script: str, **more: Any) -> dict[str, Any]:
    """A pipeline whose program is a script for bash that stops at the first error. `transform` is added to."""
    transform = {"cmd": ["bash", "-e"], "stdin": list(script), **more.pop("transform", {})}
    found = {"pipeline": {"name": name}, "transform": transform, **more}
    return found if input is None else {**found, "input": input}


COPY = "cp -r /pfs/in/* /pfs/out/"


def copy(name: str, repo: str, glob: str = "/*", **more: Any) -> dict[str, Any]:
    """A pipeline that passes on what it reads."""
    return spec(name, pfs(repo, glob, name="in"), COPY, **more)
