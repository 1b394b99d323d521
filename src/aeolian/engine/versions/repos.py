"""Repos and branches."""

import difflib
import re
import time
from dataclasses import dataclass

from aeolian.engine.specs.check import NAME, NAME_RULE
from aeolian.engine.storage.store import Store
from aeolian.engine.versions.catalog import pipelines
from aeolian.errors import UsageError

_COMMIT_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Repo:
    """A repo as it is listed; `size` and `files` are those of its `master`. `pipeline` is true for an output repo."""

    name: str
    description: str
    created: float
    branches: tuple[str, ...]
    files: int
    size: int
    pipeline: bool


def create_repo(store: Store, name: str, description: str = "") -> None:
    """A new, empty repo. Raises `UsageError` if the name is taken or no name."""
    check_name("repo", name)
    with store.db.transaction():
        if store.db.one("SELECT 1 FROM repo WHERE name = ?", name):
            raise UsageError(
                f"The repo {name} exists already.", remedy=f"Its files are in `aeolian list file {name}@master`."
            )
        store.db.run("INSERT INTO repo (name, description, created) VALUES (?, ?, ?)", name, description, time.time())


def ensure_repo(store: Store, name: str, description: str = "") -> bool:
    """Makes the repo if it is missing; says whether it was."""
    with store.db.transaction():
        if store.db.one("SELECT 1 FROM repo WHERE name = ?", name):
            return False
        create_repo(store, name, description)
        return True


def check_name(kind: str, name: str) -> None:
    """Raises `UsageError` unless `name` may name a repo, a branch or a pipeline."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a {kind}.", remedy=f"A name has {NAME_RULE}.")


def delete_repo(store: Store, name: str) -> None:
    """Removes the repo and its history. Raises `UsageError` while a pipeline reads or writes it."""
    with store.db.transaction():
        repo = repo_id(store, name)
        if store.db.one("SELECT 1 FROM pipeline WHERE name = ?", name):
            raise UsageError(
                f"{name} holds what the pipeline {name} makes.", remedy=f"Use `aeolian delete pipeline {name}`."
            )
        readers = sorted(p.spec.name for p in pipelines(store) if any(part.repo == name for part in p.spec.inputs()))
        if readers:
            raise UsageError(
                f"{name} is read by the pipeline {', '.join(readers)}.", remedy="Delete the pipeline first."
            )
        store.db.run("DELETE FROM repo WHERE id = ?", repo)


def list_repos(store: Store) -> list[Repo]:
    """Every repo, by name."""
    return [_repo(store, row["name"]) for row in store.db.all("SELECT name FROM repo ORDER BY name")]


def inspect_repo(store: Store, name: str) -> Repo:
    """One repo. Raises `UsageError` if there is none of that name."""
    repo_id(store, name)
    return _repo(store, name)


def _repo(store: Store, name: str) -> Repo:
    row = store.db.one("SELECT * FROM repo WHERE name = ?", name)
    assert row is not None
    branches = [b["name"] for b in store.db.all("SELECT name FROM branch WHERE repo_id = ? ORDER BY name", row["id"])]
    head = store.db.one(
        "SELECT tree FROM named_commit WHERE repo_id = ? AND branch = 'master' AND state != 'open'"
        " ORDER BY seq DESC LIMIT 1",
        row["id"],
    )
    files, size = store.trees.totals(head["tree"]) if head else (0, 0)
    output = store.db.one("SELECT 1 FROM pipeline WHERE name = ?", name) is not None
    return Repo(name, row["description"], row["created"], tuple(branches), files, size, output)


def repo_id(store: Store, name: str) -> int:
    """The row of a repo. Raises `UsageError`, with the nearest name, if there is none."""
    row = store.db.one("SELECT id FROM repo WHERE name = ?", name)
    if row is not None:
        return int(row["id"])
    names = [row["name"] for row in store.db.all("SELECT name FROM repo ORDER BY name")]
    raise UsageError(
        f"There is no repo {name!r}.", remedy=suggest(name, names, f"Make it with `aeolian create repo {name}`.")
    )


def suggest(name: str, names: list[str], otherwise: str) -> str:
    """`Did you mean …?`, or the other sentence where nothing is near."""
    near = difflib.get_close_matches(name, names, 1, 0.6)
    return f"Did you mean {near[0]}?" if near else otherwise


def branch_id(store: Store, repo: str, branch: str, *, create: bool = False) -> int | None:
    """The row of a branch; made if need be with `create`, else None where there is none."""
    owner = repo_id(store, repo)
    row = store.db.one("SELECT id FROM branch WHERE repo_id = ? AND name = ?", owner, branch)
    if row is not None:
        return int(row["id"])
    if not create:
        return None
    check_name("branch", branch)
    if _COMMIT_ID.fullmatch(branch):
        raise UsageError(f"{branch} cannot name a branch.", remedy="It is written as the id of a commit is.")
    return store.db.run("INSERT INTO branch (repo_id, name) VALUES (?, ?)", owner, branch)
