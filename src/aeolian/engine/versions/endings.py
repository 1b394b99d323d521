"""How a job ends, whoever ends it: what its row says, and what its output commit holds.

A job that went well has the outputs of all of its datums. One that failed has those of the datums that did not, and
one that was killed adds those that were done to what the last good job made. Where nothing could run, that stays.
"""

import time
from collections import Counter
from collections.abc import Mapping

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, DatumRun
from aeolian.engine.versions import catalog
from aeolian.engine.versions.branch_triggers import fire, read_triggers
from aeolian.engine.versions.merge import merge

OUTSTANDING = "state IN ('created', 'running')"


def last_good(store: Store, pipeline: int, seq: int) -> tuple[str, str]:
    """Datums and output (trees) of the pipeline's last job before the commit set `seq` that went well."""
    row = store.db.one(
        "SELECT j.datums, c.tree FROM job j JOIN pipeline p ON p.id = j.pipeline_id"
        " JOIN named_commit c ON c.repo = p.name AND c.seq = j.seq"
        " WHERE j.pipeline_id = ? AND j.seq < ? AND j.state = 'success' AND c.state = 'finished'"
        " ORDER BY j.seq DESC LIMIT 1",
        pipeline,
        seq,
    )
    return (row["datums"], row["tree"]) if row else (EMPTY, EMPTY)


def close_job(
    store: Store, row: int, state: str, reason: str, counts: Mapping[str, int], datums: str, tree: str
) -> None:
    """Writes down how the job in row `row` ended, and closes its output commit, which holds `tree`.

    `counts` has a number for each state of a datum, and `total` where that is more than all of them.
    """
    now = time.time()
    store.db.run(
        "UPDATE job SET state = ?, reason = ?, datums = ?, total = ?, processed = ?, skipped = ?, failed = ?,"
        " recovered = ?, started = coalesce(started, ?), finished = ? WHERE id = ?",
        state,
        reason,
        datums,
        counts.get("total", 0) or sum(counts.values()),
        *(counts[name] for name in ("success", "skipped", "failed", "recovered")),
        now,
        now,
        row,
    )
    store.db.run(
        "UPDATE revision SET state = ?, tree = ?, finished = ? WHERE state = 'open'"
        " AND seq = (SELECT seq FROM job WHERE id = ?) AND branch_id IN (SELECT b.id FROM branch b"
        " JOIN repo r ON r.id = b.repo_id JOIN pipeline p ON p.name = r.name JOIN job j ON j.pipeline_id = p.id"
        " WHERE j.id = ?)",
        "finished" if state == "success" else "failed",
        tree,
        now,
        row,
        row,
    )
    if state == "success":
        _fire(store, row)


def _fire(store: Store, row: int) -> None:
    """Move the branches that the output commit of the job in row `row` sets off."""
    job = store.db.one(
        "SELECT p.name, j.pipeline_id, j.version FROM job j JOIN pipeline p ON p.id = j.pipeline_id WHERE j.id = ?", row
    )
    if job is not None and read_triggers(store, job["name"]):
        fire(store, job["name"], catalog.version(store, job["pipeline_id"], job["version"]).spec.output_branch)


def kill_job(store: Store, row: int, reason: str) -> bool:
    """Ends an outstanding job, in whichever process it runs; false if it is not outstanding.

    A runner that has it at work ends its programs within about a second, and keeps nothing more of it.
    """
    with store.db.transaction():
        job = store.db.one(f"SELECT seq, pipeline_id, total, skipped FROM job WHERE id = ? AND {OUTSTANDING}", row)
        if job is None:
            return False
        base = last_good(store, job["pipeline_id"], job["seq"])
        runs = store.db.all("SELECT id, datum, hash, state FROM datum WHERE job_id = ? ORDER BY id", row)
        good = [DatumRun(run["datum"], run["hash"], run["id"]) for run in runs if run["state"] == "success"]
        together = store.datum_trees.edit(base[0], {run.datum: run for run in good})
        tree = merge(store, base, together, leave_out_clashes=True)
        counts = Counter(run["state"] for run in runs) | Counter(skipped=job["skipped"], total=job["total"])
        close_job(store, row, "killed", reason, counts, store.datum_trees.build(good), tree)
        return True


def kill_jobs(store: Store, pipeline: int, reason: str) -> int:
    """Ends every outstanding job of the pipeline in row `pipeline`; how many."""
    with store.db.transaction():
        rows = store.db.all(f"SELECT id FROM job WHERE pipeline_id = ? AND {OUTSTANDING} ORDER BY seq", pipeline)
        return sum(kill_job(store, row["id"], reason) for row in rows)
