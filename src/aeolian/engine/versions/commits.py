"""Commits: whole or not at all, each with the jobs that follow from it under one id."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from aeolian.engine.storage.database import Row
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry
from aeolian.engine.versions.addresses import Address
from aeolian.engine.versions.clashes import clash
from aeolian.engine.versions.repos import branch_id, repo_id, suggest
from aeolian.engine.versions.triggers import trigger
from aeolian.errors import UsageError

_ID = re.compile(r"[0-9a-f]{8,32}")
_ID_LENGTH = 32


@dataclass(frozen=True)
class Commit:
    """One state of one branch. state: open, finished, failed; origin: user, auto. Times in seconds since 1970."""

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


_SELECT = "SELECT repo, branch, id, seq, state, origin, tree, description, created, finished FROM named_commit"


def new_set(store: Store) -> int:
    """A new global commit id, not yet used; returns its place in history."""
    return store.db.run("INSERT INTO commit_set (id, created) VALUES (?, ?)", uuid.uuid4().hex, time.time())


def commit_files(
    store: Store,
    repo: str,
    branch: str,
    changes: Mapping[str, Entry | None],
    description: str = "",
    *,
    clear: bool = False,
) -> Commit:
    """Puts files in (or takes them out, where None) in one commit, and plans the jobs that follow.

    On a branch with an open commit they go into that one, and nothing follows until it is finished. With
    `clear` the commit holds nothing of the one before. Raises `UsageError` for an output repo, and where a file
    would stand where a folder is.
    """
    with store.db.transaction():
        refuse_output(store, repo)
        row, branch = branch_to_write(store, repo, branch)
        open_one = open_revision(store, row)
        base = open_one["tree"] if open_one else head_tree(store, row)
        tree = store.trees.edit(EMPTY if clear else base, changes)
        both = clash(store.trees, tree, [path for path, entry in changes.items() if entry])
        if both:
            what = f"{repo}@{branch}:{both} cannot be a file and a folder."
            raise UsageError(what, remedy="Delete the one that is there, or choose another path.")
        if open_one:
            store.db.run("UPDATE revision SET tree = ? WHERE branch_id = ? AND seq = ?", tree, row, open_one["seq"])
            return _commit(store, row, open_one["seq"])
        seq = new_set(store)
        _insert(store, row, seq, "finished", tree, description)
        trigger(store, seq, [(repo, branch)])
        return _commit(store, row, seq)


def start_commit(store: Store, repo: str, branch: str, description: str = "") -> Commit:
    """Opens a commit on a branch. Raises `UsageError` if one is open."""
    with store.db.transaction():
        refuse_output(store, repo)
        row = branch_id(store, repo, branch, create=True)
        assert row is not None
        if open_revision(store, row):
            raise UsageError(
                f"The open commit of {repo}@{branch} has not been finished.",
                remedy=f"Finish it: aeolian finish commit {repo}@{branch}",
            )
        seq = new_set(store)
        _insert(store, row, seq, "open", head_tree(store, row), description)
        return _commit(store, row, seq)


def finish_commit(store: Store, repo: str, branch: str, description: str = "") -> Commit:
    """Closes the open commit of a branch, and plans the jobs that follow. Raises `UsageError` if none is open."""
    with store.db.transaction():
        row, branch = branch_to_write(store, repo, branch)
        found = open_revision(store, row)
        if found is None:
            raise UsageError(
                f"{repo}@{branch} has no open commit.", remedy=f"Start one: aeolian start commit {repo}@{branch}"
            )
        store.db.run(
            "UPDATE revision SET state = 'finished', finished = ?, description = ? WHERE branch_id = ? AND seq = ?",
            time.time(),
            description or found["description"],
            row,
            found["seq"],
        )
        trigger(store, found["seq"], [(repo, branch)])
        return _commit(store, row, found["seq"])


def branch_to_write(store: Store, repo: str, reference: str) -> tuple[int, str]:
    """Return row and name of the branch that a change of `repo@reference` goes to, which is made if need be.

    Raises `UsageError` as `find_branch_to_write` does.
    """
    row, branch = find_branch_to_write(store, repo, reference)
    if row is None:
        row = branch_id(store, repo, branch, create=True)
        assert row is not None
    return row, branch


def find_branch_to_write(store: Store, repo: str, reference: str) -> tuple[int | None, str]:
    """Return row (None where there is none yet) and name of a branch, or of the branch that an open commit is on.

    Raises `UsageError` for the id of a commit that is finished or unknown, and for an ancestor of one.
    """
    if re.search(r"[\^~.]", reference):
        raise UsageError(
            f"{repo}@{reference} is an ancestor, and finished.", remedy="Name a branch or the id of an open commit."
        )
    row = branch_id(store, repo, reference)
    if row is not None or not _ID.fullmatch(reference):
        return row, reference
    found = store.db.one(
        f"{_SELECT} WHERE repo_id = ? AND id LIKE ? ORDER BY seq DESC", repo_id(store, repo), f"{reference}%"
    )
    if found is not None and found["state"] != "open":
        raise UsageError(f"commit {repo}@{found['id']} has finished.", remedy="Name a branch, for a commit after it.")
    if found is not None:
        return branch_id(store, repo, found["branch"]), found["branch"]
    if len(reference) == _ID_LENGTH:
        raise UsageError(f"commit {repo}@{reference} not found.", remedy=f"See `aeolian list commit {repo}`.")
    return None, reference


def open_revision(store: Store, branch: int) -> Row | None:
    """Place in history (`seq`), tree and description of a branch's open commit, None if it has none.

    The index is named, because SQLite would rather walk the whole history of the branch.
    """
    return store.db.one(
        "SELECT seq, tree, description FROM revision INDEXED BY revision_open WHERE branch_id = ? AND state = 'open'",
        branch,
    )


def head_tree(store: Store, branch: int) -> str:
    """The tree of a branch's last commit that is closed, well or not."""
    row = store.db.one(
        "SELECT tree FROM revision WHERE branch_id = ? AND state != 'open' ORDER BY seq DESC LIMIT 1", branch
    )
    return str(row["tree"]) if row else EMPTY


def resolve(store: Store, address: Address) -> Commit:
    """The commit that `repo@reference` names.

    That is a branch's last closed one (also of a job that failed), or a commit by (the start of) its id; each `^`
    goes one back. Raises `UsageError` if there is none.
    """
    owner = repo_id(store, address.repo)
    name = address.reference.rstrip("^")
    back = len(address.reference) - len(name)
    row = store.db.one(
        f"{_SELECT} WHERE repo_id = ? AND branch = ? AND state != 'open' ORDER BY seq DESC LIMIT 1 OFFSET ?",
        owner,
        name,
        back,
    )
    if row is None and _ID.fullmatch(name):
        row = store.db.one(f"{_SELECT} WHERE repo_id = ? AND id LIKE ? ORDER BY seq DESC LIMIT 1", owner, f"{name}%")
        if row is not None and back:
            row = store.db.one(
                f"{_SELECT} WHERE repo_id = ? AND branch = ? AND seq < ? AND state != 'open'"
                " ORDER BY seq DESC LIMIT 1 OFFSET ?",
                owner,
                row["branch"],
                row["seq"],
                back - 1,
            )
    if row is None:
        raise UsageError(f"{address.repo} has no commit {address.reference!r}.", remedy=_branches(store, owner, name))
    return Commit(**row)


def parent(store: Store, commit: Commit) -> Commit | None:
    """The commit before this one on its branch, or None."""
    row = store.db.one(
        f"{_SELECT} WHERE repo = ? AND branch = ? AND seq < ? ORDER BY seq DESC LIMIT 1",
        commit.repo,
        commit.branch,
        commit.seq,
    )
    return Commit(**row) if row else None


def _branches(store: Store, repo: int, name: str) -> str:
    rows = store.db.all("SELECT DISTINCT branch FROM named_commit WHERE repo_id = ? AND state != 'open'", repo)
    names = [row["branch"] for row in rows]
    return suggest(name, names, f"It has the branches {', '.join(names)}." if names else "Nothing was put into it yet.")


def list_commits(store: Store, repo: str | None = None, branch: str | None = None, limit: int = -1) -> list[Commit]:
    """Commits, newest first: of one branch, one repo, or all."""
    where, values = ["1"], list[object]()
    if repo is not None:
        where.append("repo_id = ?")
        values.append(repo_id(store, repo))
    if branch is not None:
        where.append("branch = ?")
        values.append(branch)
    rows = store.db.all(f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY seq DESC, repo LIMIT ?", *values, limit)
    return [Commit(**row) for row in rows]


def set_commits(store: Store, id_: str) -> list[Commit]:
    """Every commit under one id, in the order of their repos' names."""
    return [Commit(**row) for row in store.db.all(f"{_SELECT} WHERE id = ? ORDER BY repo, branch", id_)]


def has_commit(store: Store, branch: int) -> bool:
    """Whether the branch has a commit, be it an open one."""
    return store.db.one("SELECT 1 FROM revision WHERE branch_id = ? LIMIT 1", branch) is not None


def add_empty_commit(store: Store, branch: int, seq: int) -> None:
    """Gives a branch a commit without files, which nobody made, in the commit set `seq`."""
    now = time.time()
    store.db.run(
        "INSERT INTO revision (branch_id, seq, state, origin, tree, description, created, finished) "
        "VALUES (?, ?, 'finished', 'auto', ?, '', ?, ?)",
        branch,
        seq,
        EMPTY,
        now,
        now,
    )


def _commit(store: Store, branch: int, seq: int) -> Commit:
    row = store.db.one(f"{_SELECT} WHERE branch_id = ? AND seq = ?", branch, seq)
    assert row is not None
    return Commit(**row)


def _insert(store: Store, branch: int, seq: int, state: str, tree: str, description: str) -> None:
    now = time.time()
    store.db.run(
        "INSERT INTO revision (branch_id, seq, state, origin, tree, description, created, finished) "
        "VALUES (?, ?, ?, 'user', ?, ?, ?, ?)",
        branch,
        seq,
        state,
        tree,
        description,
        now,
        None if state == "open" else now,
    )


def refuse_output(store: Store, repo: str) -> None:
    """Raises `UsageError` unless a user may put files into the repo."""
    repo_id(store, repo)
    if store.db.one("SELECT 1 FROM pipeline WHERE name = ?", repo):
        raise UsageError(f"{repo} is written by the pipeline {repo} alone.", remedy="Put files into one of its inputs.")
