"""Which commit `repo@reference` names, and what came before it."""

import re
from dataclasses import dataclass
from typing import Any

from aeolian.engine.storage.database import Row
from aeolian.engine.storage.store import Store
from aeolian.engine.versions.repos import branch_id, repo_id, suggest
from aeolian.engine.versions.sources import find_read
from aeolian.errors import UsageError
from aeolian.platform.addresses import ID, ID_LENGTH, Address, parse_reference
from aeolian.platform.specs.names import full_name


@dataclass(frozen=True)
class Commit:
    """One state of one branch. state: open, finished, failed; origin: user, auto. Times in seconds since 1970.

    `branch` is the one that it was made on, "" if that was deleted; `parent` is the row of the commit before.
    """

    repo: str
    branch: str
    id: str
    seq: int
    state: str
    origin: str
    tree: str
    description: str
    created: float
    finished: float | None
    row: int
    parent: int | None


_FIELDS = "repo, branch, id, seq, state, origin, tree, description, created, finished, row, parent"
_SELECT = f"SELECT {_FIELDS} FROM named_commit"
_HEAD = f"SELECT {_FIELDS.replace('seq', 'commit_seq AS seq')} FROM branch_head"
# What a user sees of a branch: its newest commit, but not one that a job is still to fill.
_SEEN = "(state != 'open' OR origin = 'user' OR NOT EXISTS (SELECT 1 FROM pipeline p WHERE p.name = repo))"
# A commit and those before it, as far as one that is not among them, at most so many.
_CHAIN = (
    "WITH RECURSIVE chain (row, parent, depth) AS (SELECT row, parent, 0 FROM revision WHERE row = ?1"
    " UNION ALL SELECT r.row, r.parent, depth + 1 FROM chain c JOIN revision r ON r.row = c.parent"
    " WHERE c.parent IS NOT ?2 LIMIT ?3)"
)


def make_commit(row: Row) -> Commit:
    """Return the commit in a row of `named_commit`."""
    values: dict[str, Any] = dict(row)
    return Commit(**values | {"branch": values["branch"] or ""})


def resolve(store: Store, address: Address) -> Commit:
    """Return the commit that `repo@reference` names.

    That is a branch's head (also an open commit, but not one that a job is still to fill), a commit by (the start of)
    its id, or what was read of the repo under an id; `^`, `~` and `.` behind it mean an ancestor. Raises `UsageError`
    if there is none.
    """
    owner = repo_id(store, address.repo)
    name, steps = parse_reference(address.reference)
    branch = branch_id(store, address.repo, name)
    found = head(store, branch) if branch is not None else None
    if found is None and ID.fullmatch(name):
        found = _by_id(store, address.repo, owner, name)
    if found is None:
        what = f"commit {address.repo}@{name} not found."
        raise UsageError(what, remedy=_branches(store, owner, name))
    ancestor = find_ancestor(store, found, steps)
    if ancestor is None:
        remedy = f"It has {len(ancestors(store, found))} commits: see `aeolian list commit {address.repo}@{name}`."
        raise UsageError(f"commit {address.repo}@{address.reference} not found.", remedy=remedy)
    return ancestor


def head(store: Store, branch: int) -> Commit | None:
    """Return what a user sees of the branch in row `branch`, None if it has no commit."""
    row = store.db.one(f"{_HEAD} WHERE branch_id = ? AND {_SEEN} ORDER BY branch_head.seq DESC LIMIT 1", branch)
    return make_commit(row) if row else None


def closed_head(store: Store, branch: int) -> Commit | None:
    """Return the newest commit of a branch that nobody can still put files into, None if it has none."""
    row = store.db.one(f"{_HEAD} WHERE branch_id = ? AND state != 'open' ORDER BY branch_head.seq DESC LIMIT 1", branch)
    return make_commit(row) if row else None


def closed_at(store: Store, address: Address) -> Commit | None:
    """Return the newest closed commit of a branch, None if it has none or is not there yet."""
    branch = branch_id(store, address.repo, address.reference)
    return closed_head(store, branch) if branch is not None else None


def find_coming(store: Store, address: Address) -> Commit:
    """Return the commit that `repo@reference` names, of a branch also one that a job is still to fill.

    Raises `UsageError` if there is none.
    """
    branch = branch_id(store, address.repo, address.reference)
    row = store.db.one(f"{_HEAD} WHERE branch_id = ? ORDER BY branch_head.seq DESC LIMIT 1", branch) if branch else None
    return make_commit(row) if row else resolve(store, address)


def is_id(store: Store, text: str, project: str) -> bool:
    """Return whether `text` is an id, or the start of one, and no repo of the project."""
    name = full_name(text, project)
    return bool(ID.fullmatch(text)) and store.db.one("SELECT 1 FROM repo WHERE name = ?", name) is None


def find_commit(store: Store, row: int) -> Commit:
    """Return the commit in a row of the table."""
    found = store.db.one(f"{_SELECT} WHERE row = ?", row)
    assert found is not None
    return make_commit(found)


def parent(store: Store, commit: Commit) -> Commit | None:
    """Return the commit before this one, or None."""
    return find_commit(store, commit.parent) if commit.parent is not None else None


def ancestors(store: Store, commit: Commit, *, until: int | None = None, limit: int = -1) -> list[Commit]:
    """Return `commit` and those before it, newest first, as far as the one in row `until`, which is not among them."""
    if commit.row == until:
        return []
    fields = ", ".join(f"n.{field}" for field in _FIELDS.split(", "))
    rows = store.db.all(
        f"{_CHAIN} SELECT {fields} FROM chain c JOIN named_commit n ON n.row = c.row ORDER BY depth",
        commit.row,
        until,
        limit,
    )
    return [make_commit(row) for row in rows]


def find_ancestor(store: Store, commit: Commit, steps: int) -> Commit | None:
    """Return the commit so many steps back, or for `steps` below 0 the one at that place from the first, if any."""
    if steps == 0:
        return commit
    most, order, place = (steps + 1, "depth", steps) if steps > 0 else (-1, "depth DESC", -steps - 1)
    row = store.db.one(
        f"{_CHAIN} SELECT row FROM chain ORDER BY {order} LIMIT 1 OFFSET {place}", commit.row, None, most
    )
    return find_commit(store, row["row"]) if row else None


def list_commits(store: Store, repo: str | None = None, branch: str | None = None, limit: int = -1) -> list[Commit]:
    """Return commits, newest first: the head of a branch with its ancestors, those of one repo, or all."""
    if repo is not None and branch is not None:
        return ancestors(store, resolve(store, Address(repo, branch)), limit=limit)
    where, values = "1", list[object]()
    if repo is not None:
        where, values = "repo_id = ?", [repo_id(store, repo)]
    rows = store.db.all(f"{_SELECT} WHERE {where} ORDER BY seq DESC, repo LIMIT ?", *values, limit)
    return [make_commit(row) for row in rows]


def set_commits(store: Store, id_: str) -> list[Commit]:
    """Return every commit under one id, in the order of their repos' names."""
    rows = store.db.all(f"{_SELECT} WHERE id = ? ORDER BY repo, branch", id_)
    return [make_commit(row) for row in rows]


def find_set(store: Store, text: str) -> str:
    """Return the id of the commit set that an id, or its start, names. Raises `UsageError` if none or several."""
    rows = store.db.all(
        "SELECT s.id FROM commit_set s WHERE s.id >= ?1 AND s.id < ?1 || 'g' AND EXISTS"
        " (SELECT 1 FROM revision r WHERE r.seq = s.seq AND r.target IS NULL) LIMIT 2",
        text,
    )
    if len(rows) == 1 and re.fullmatch(r"[0-9a-f]+", text):
        return str(rows[0]["id"])
    what = f"Several commits start with {text!r}." if text and rows else f"commit {text!r} not found."
    raise UsageError(what, remedy="See `aeolian list commit`.")


def _by_id(store: Store, repo: str, owner: int, text: str) -> Commit | None:
    """Return the repo's commit whose id starts with `text`, or what was read of the repo under a whole id."""
    row = store.db.one(
        f"{_SELECT} WHERE repo_id = ?1 AND id >= ?2 AND id < ?2 || 'g' ORDER BY seq DESC LIMIT 1", owner, text
    )
    if row is not None:
        return make_commit(row)
    read = find_read(store, text, repo) if len(text) == ID_LENGTH else None
    return find_commit(store, read) if read is not None else None


def _branches(store: Store, repo: int, name: str) -> str:
    rows = store.db.all("SELECT name FROM branch WHERE repo_id = ? AND name IS NOT NULL ORDER BY name", repo)
    names = [row["name"] for row in rows]
    return suggest(name, names, f"It has the branches {', '.join(names)}." if names else "Nothing was put into it yet.")
