"""Commits: whole or not at all, each with the jobs that follow from it under one id."""

import re
import time
from collections.abc import Mapping

from aeolian.engine.storage.database import Row
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry
from aeolian.engine.versions import catalog
from aeolian.engine.versions.branch_triggers import fire
from aeolian.engine.versions.clashes import clash
from aeolian.engine.versions.references import (
    Commit,
    closed_head,
    find_commit,
    list_commits,
    parent,
    resolve,
    set_commits,
)
from aeolian.engine.versions.repos import branch_id, repo_id
from aeolian.engine.versions.revisions import add_revision, has_later_job, move_to_end, new_set
from aeolian.engine.versions.triggers import trigger
from aeolian.errors import UsageError
from aeolian.platform.addresses import ID, ID_LENGTH

__all__ = ["Commit", "list_commits", "new_set", "parent", "resolve", "set_commits"]


def commit_files(
    store: Store,
    repo: str,
    branch: str,
    changes: Mapping[str, Entry | None],
    description: str = "",
    *,
    clear: bool = False,
) -> Commit:
    """Put files in (or take them out, where None) in one commit, and plan the jobs that follow.

    On a branch with an open commit they go into that one, and nothing follows until it is finished. With
    `clear` the commit holds nothing of the one before. Raises `UsageError` for an output branch, and where a file
    would stand where a folder is.
    """
    with store.db.transaction():
        row, branch = branch_to_write(store, repo, branch)
        open_one, before = open_revision(store, row), closed_head(store, row)
        base = open_one["tree"] if open_one else before.tree if before else EMPTY
        tree = store.trees.edit(EMPTY if clear else base, changes)
        both = clash(store.trees, tree, [path for path, entry in changes.items() if entry])
        if both:
            what = f"{repo}@{branch}:{both} cannot be a file and a folder."
            raise UsageError(what, remedy="Delete the one that is there, or choose another path.")
        if open_one:
            store.db.run("UPDATE revision SET tree = ? WHERE row = ?", tree, open_one["row"])
            return find_commit(store, open_one["row"])
        seq = new_set(store)
        made = add_revision(store, row, seq, tree, description=description, parent=before.row if before else None)
        _follow(store, seq, repo, branch)
        return find_commit(store, made)


def start_commit(
    store: Store, repo: str, branch: str, description: str = "", *, before: Commit | None = None
) -> Commit:
    """Open a commit on a branch, on top of its head or of the commit `before`. Raises `UsageError` if one is open."""
    with store.db.transaction():
        repo_id(store, repo)
        row = branch_id(store, repo, branch, create=True)
        assert row is not None
        refuse_output(store, repo, branch)
        if open_revision(store, row) or (before is not None and before.state == "open"):
            raise UsageError(
                f"The open commit of {repo}@{branch} has not been finished.",
                remedy=f"Finish it: aeolian finish commit {repo}@{branch}",
            )
        base = before or closed_head(store, row)
        seq = new_set(store)
        if store.db.one("SELECT 1 FROM named_commit WHERE repo = ? AND seq = ?", repo, seq):
            raise UsageError(f"{repo} has a commit in this transaction.", remedy="Begin the other one after it.")
        tree, parent_row = (base.tree, base.row) if base else (EMPTY, None)
        return find_commit(
            store, add_revision(store, row, seq, tree, "open", description=description, parent=parent_row)
        )


def finish_commit(store: Store, repo: str, branch: str, description: str = "") -> Commit:
    """Close the open commit of a branch, and plan the jobs that follow. Raises `UsageError` if none is open."""
    with store.db.transaction():
        row, branch = branch_to_write(store, repo, branch)
        found = open_revision(store, row)
        if found is None:
            raise UsageError(
                f"{repo}@{branch} has no open commit.", remedy=f"Start one: aeolian start commit {repo}@{branch}"
            )
        store.db.run(
            "UPDATE revision SET state = 'finished', finished = ?, description = ? WHERE row = ?",
            time.time(),
            description or found["description"],
            found["row"],
        )
        _follow(store, move_to_end(store, found["seq"]), repo, branch)
        return find_commit(store, found["row"])


def _follow(store: Store, seq: int, repo: str, branch: str) -> None:
    """Plan what follows from a commit that is closed now.

    What was planned in a later set did not know of it: that is planned once more, under an id of its own.
    """
    closed = store.db.all("SELECT repo, branch FROM named_commit WHERE seq = ? AND state != 'open'", seq)
    planned = trigger(store, seq, [(row["repo"], row["branch"]) for row in closed])
    again = [name for name in planned if has_later_job(store, seq, name)]
    if again:
        trigger(store, new_set(store, own=True), [], also=again)
    fire(store, repo, branch)


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

    Raises `UsageError` for the id of a commit that is finished or unknown, for an ancestor of one, and for a branch
    that a job or a commit upstream writes.
    """
    if re.search(r"[\^~.]", reference):
        raise UsageError(
            f"{repo}@{reference} is an ancestor, and finished.", remedy="Name a branch or the id of an open commit."
        )
    row, branch = branch_id(store, repo, reference), reference
    if row is None and ID.fullmatch(reference):
        branch = _branch_of_open_commit(store, repo, reference) or reference
        row = branch_id(store, repo, branch)
    if row is None or open_revision(store, row) is None:
        refuse_output(store, repo, branch)
    return row, branch


def _branch_of_open_commit(store: Store, repo: str, id_: str) -> str | None:
    found = store.db.one(
        "SELECT id, branch, state FROM named_commit WHERE repo_id = ?1 AND id >= ?2 AND id < ?2 || 'g'"
        " ORDER BY seq DESC LIMIT 1",
        repo_id(store, repo),
        id_,
    )
    if found is not None and found["state"] != "open":
        raise UsageError(f"commit {repo}@{found['id']} has finished.", remedy="Name a branch, for a commit after it.")
    if found is None and len(id_) == ID_LENGTH:
        raise UsageError(f"commit {repo}@{id_} not found.", remedy=f"See `aeolian list commit {repo}`.")
    return str(found["branch"]) if found else None


def open_revision(store: Store, branch: int) -> Row | None:
    """Return row, set (`seq`), tree and description of the open commit that a user may fill, None if there is none.

    The index is named, because SQLite would rather walk the whole history of the branch.
    """
    return store.db.one(
        "SELECT r.row, r.seq, r.tree, r.description FROM revision r INDEXED BY revision_open"
        " WHERE r.branch_id = ?1 AND r.state = 'open' AND (r.origin = 'user' OR NOT EXISTS (SELECT 1 FROM pipeline p"
        " JOIN repo o ON o.name = p.name JOIN branch b ON b.repo_id = o.id WHERE b.id = ?1))"
        " ORDER BY r.seq DESC LIMIT 1",
        branch,
    )


def head_tree(store: Store, branch: int) -> str:
    """Return the tree of a branch's newest commit that nobody can still put files into."""
    found = closed_head(store, branch)
    return found.tree if found else EMPTY


def refuse_output(store: Store, repo: str, branch: str) -> None:
    """Raise `UsageError` unless a user may put files into the branch."""
    pipeline = catalog.find(store, repo)
    if pipeline is not None and pipeline.spec.output_branch == branch:
        raise UsageError(
            f"{repo}@{branch} is an output branch, written by the pipeline {repo} alone.",
            remedy="Put files into one of its inputs.",
        )
    upstream = store.db.one(
        "SELECT 1 FROM provenance v JOIN branch b ON b.id = v.branch_id WHERE b.repo_id = ? AND b.name = ?",
        repo_id(store, repo),
        branch,
    )
    if upstream is not None:
        raise UsageError(
            f"{repo}@{branch} is made from other branches.",
            remedy="It gets a commit to fill when one of those does; see `aeolian inspect branch`.",
        )
