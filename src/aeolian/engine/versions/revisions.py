"""Commit sets, and the rows of commits in them: the place in history of all that one change causes."""

import time
import uuid

from aeolian.engine.storage.database import Row
from aeolian.engine.storage.store import Store


def new_set(store: Store, *, own: bool = False) -> int:
    """Return the place in history of a new global commit id.

    While a transaction is being done, that is the place of its one id, unless an id of its `own` is wanted.
    """
    id_ = "" if own else store.set_id
    found = store.db.one("SELECT seq FROM commit_set WHERE id = ?", id_) if id_ else None
    if found is not None:
        return int(found["seq"])
    return store.db.run("INSERT INTO commit_set (id, created) VALUES (?, ?)", id_ or uuid.uuid4().hex, time.time())


def add_revision(
    store: Store,
    branch: int,
    seq: int,
    tree: str,
    state: str = "finished",
    *,
    origin: str = "user",
    description: str = "",
    parent: int | None = None,
) -> int:
    """Add a commit to a branch, after the one in row `parent`; return its row. Inside a transaction."""
    now = time.time()
    return store.db.run(
        "INSERT INTO revision (branch_id, seq, state, origin, tree, description, created, finished, parent)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        branch,
        seq,
        state,
        origin,
        tree,
        description,
        now,
        None if state == "open" else now,
        parent,
    )


def has_revision(store: Store, branch: int, seq: int) -> bool:
    """Return whether the branch has a commit, or was moved, in a set."""
    return store.db.one("SELECT 1 FROM revision WHERE branch_id = ? AND seq = ?", branch, seq) is not None


def newest(store: Store, branch: int) -> Row | None:
    """Return row, tree and state of a branch's head, open or not, None if it has none."""
    return store.db.one(
        "SELECT row, tree, state, id FROM branch_head WHERE branch_id = ? ORDER BY seq DESC LIMIT 1", branch
    )


def move_head(store: Store, branch: int, seq: int, target: int) -> None:
    """Make the commit in row `target` a branch's head from the set `seq` on. Inside a transaction."""
    store.db.run(
        "INSERT INTO revision (branch_id, seq, state, origin, tree, created, target) VALUES (?, ?, '', '', '', ?, ?)",
        branch,
        seq,
        time.time(),
        target,
    )


def move_to_end(store: Store, seq: int) -> int:
    """Give a set, of which a commit was open until now, the newest place in history; return that place.

    So what follows from it knows what was put into other branches meanwhile. A set that has jobs, or whose branches
    went on, stays where it is.
    """
    if store.db.one("SELECT 1 FROM commit_set WHERE seq > ?", seq) is None:
        return seq
    stays = store.db.one(
        "SELECT 1 FROM job WHERE seq = ?1 UNION SELECT 1 FROM revision r JOIN revision n ON n.branch_id = r.branch_id"
        " AND n.seq > r.seq WHERE r.seq = ?1",
        seq,
    )
    if stays is not None:
        return seq
    row = store.db.one("SELECT id, created FROM commit_set WHERE seq = ?", seq)
    assert row is not None
    end = store.db.run("INSERT INTO commit_set (id, created) VALUES (?, ?)", f"{row['id']}-", row["created"])
    store.db.run("UPDATE revision SET seq = ? WHERE seq = ?", end, seq)
    store.db.run("DELETE FROM commit_set WHERE seq = ?", seq)
    store.db.run("UPDATE commit_set SET id = ? WHERE seq = ?", row["id"], end)
    return end


def has_later_job(store: Store, seq: int, pipeline: str) -> bool:
    """Return whether a pipeline has a job in a set after `seq`."""
    found = store.db.one(
        "SELECT 1 FROM job j JOIN pipeline p ON p.id = j.pipeline_id WHERE p.name = ? AND j.seq > ?", pipeline, seq
    )
    return found is not None
