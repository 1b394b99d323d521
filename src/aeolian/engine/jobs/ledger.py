"""What the scheduler writes down: each step of a job in one transaction, so that a kill between two loses nothing."""

import json
import time
from collections.abc import Mapping
from typing import NamedTuple

from aeolian.engine.jobs.inputs import Datum, Source
from aeolian.engine.jobs.merge import merge
from aeolian.engine.jobs.records import Job
from aeolian.engine.jobs.worker import Result
from aeolian.engine.specs.spec import Spec
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, DatumRun, encode_entries
from aeolian.engine.versions.catalog import Pipeline


class Known(NamedTuple):
    """A datum that has an output: its hash, the row of the run that made it, and the job of that run."""

    hash: str
    row: int
    job: int


def begin(store: Store, job: Job, code: str) -> None:
    """The job runs this program from now on; failures of a first, interrupted attempt are forgotten."""
    with store.db.transaction():
        store.db.run(
            "UPDATE job SET state = 'running', started = coalesce(started, ?), code = ? WHERE id = ?",
            time.time(),
            code,
            job.row,
        )
        store.db.run("DELETE FROM datum WHERE job_id = ? AND state != 'success'", job.row)


def unrunnable(store: Store, job: Job, pipeline: Pipeline) -> str:
    """Why the job cannot run: a pipeline that it reads failed under the same commit id. Empty if it can."""
    for part in pipeline.spec.inputs():
        row = store.db.one(
            "SELECT state FROM named_commit WHERE repo = ? AND branch = ? AND seq = ?",
            part.repo,
            part.branch,
            job.seq,
        )
        if row is not None and row["state"] == "failed":
            return f"its input {part.repo} failed"
    return ""


def sources(store: Store, seq: int, spec: Spec) -> dict[tuple[str, str], Source]:
    """What each input branch held when the commit set `seq` was made."""
    found = {}
    for part in spec.inputs():
        row = store.db.one(
            "SELECT tree, id FROM named_commit WHERE repo = ? AND branch = ? AND seq <= ? AND state = 'finished'"
            " ORDER BY seq DESC LIMIT 1",
            part.repo,
            part.branch,
            seq,
        )
        found[part.repo, part.branch] = Source(row["tree"], row["id"]) if row else Source()
    return found


def known(store: Store, job: Job, hashes: Mapping[str, str], *, this_job_only: bool) -> dict[str, Known]:
    """The datums (id → hash) that need no run, because one of equal hash went well, in whichever job."""
    found: dict[str, Known] = {}
    base, _ = last_success(store, job)
    before = {entry.datum: entry for entry in store.datum_trees.entries(base)} if not this_job_only else {}
    for datum, hash_ in hashes.items():
        entry = before.get(datum)
        if entry is not None and entry.hash == hash_:
            found[datum] = Known(hash_, entry.run, 0)
            continue
        row = store.db.one(
            "SELECT id, job_id FROM datum WHERE pipeline_id = ? AND hash = ? AND state = 'success' AND (? = "
            "0 OR job_id = ?)"
            " ORDER BY id DESC LIMIT 1",
            job.pipeline_row,
            hash_,
            int(this_job_only),
            job.row,
        )
        if row is not None:
            found[datum] = Known(hash_, row["id"], row["job_id"])
    return found


def keep_result(store: Store, job: Job, datum: Datum, hash_: str, result: Result) -> int:
    """Keeps what became of a datum; its row. Inside the transaction of the caller."""
    inputs = [
        {
            "name": p.input.name,
            "repo": p.input.repo,
            "branch": p.input.branch,
            "commit": p.commit,
            "path": p.path,
            "hash": p.content,
            "size": sum(entry.size for entry in p.entries),
            "is_file": p.is_file,
        }
        for p in datum.inputs
    ]
    return store.db.run(
        "INSERT INTO datum (pipeline_id, job_id, datum, hash, state, reason, exit_code, tries, inputs, "
        "outputs, started, seconds)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        job.pipeline_row,
        job.row,
        datum.id,
        hash_,
        result.state,
        result.reason,
        result.exit_code,
        result.tries,
        json.dumps(inputs),
        encode_entries(result.outputs),
        result.started,
        json.dumps({phase: round(seconds, 6) for phase, seconds in result.seconds.items()}),
    )


def finish(store: Store, job: Job, pipeline: Pipeline, done: Mapping[str, Known], counts: Mapping[str, int]) -> None:
    """Makes the job's output commit of its datums' outputs. Raises `AeolianError` if they clash."""
    with store.db.transaction():
        datums = store.datum_trees.build(DatumRun(datum, entry.hash, entry.row) for datum, entry in done.items())
        tree = merge(store, last_success(store, job), datums)
        _close_job(store, job, "success", "", counts, datums)
        _close_commits(store, job, pipeline.name, "finished", tree)


def repeat(store: Store, job: Job, pipeline: Pipeline, code: str, read: Mapping[tuple[str, str], Source]) -> int | None:
    """Ends a job that reads and runs what the last one did, with the output of that; how many datums it has.

    None, with nothing done, if anything differs, or if that one has datums that had no output.
    """
    row = store.db.one(
        "SELECT * FROM job WHERE pipeline_id = ? AND seq < ? AND state = 'success' ORDER BY seq DESC LIMIT 1",
        job.pipeline_row,
        job.seq,
    )
    if row is None or (row["version"], row["code"], row["recovered"]) != (job.version, code, 0):
        return None
    before = sources(store, row["seq"], pipeline.spec)
    if pipeline.spec.every_job or any(before[branch].tree != source.tree for branch, source in read.items()):
        return None
    datums, tree = last_success(store, job)
    if datums != row["datums"]:
        return None
    with store.db.transaction():
        begin(store, job, code)
        counts = {"success": 0, "skipped": row["total"], "failed": 0, "recovered": 0}
        _close_job(store, job, "success", "", counts, datums)
        _close_commits(store, job, pipeline.name, "finished", tree)
    return int(row["total"])


def fail(store: Store, job: Job, state: str, reason: str, counts: Mapping[str, int]) -> str:
    """Ends the job without output; returns the reason. The branch keeps its last good commit."""
    with store.db.transaction():
        _close_job(store, job, state, reason, counts, "")
        _close_commits(store, job, job.pipeline, "failed", EMPTY)
    return reason


def last_success(store: Store, job: Job) -> tuple[str, str]:
    """Datums and output (trees) of the pipeline's last job before this one that went well."""
    row = store.db.one(
        "SELECT j.datums, c.tree FROM job j JOIN pipeline p ON p.id = j.pipeline_id"
        " JOIN named_commit c ON c.repo = p.name AND c.seq = j.seq"
        " WHERE j.pipeline_id = ? AND j.seq < ? AND j.state = 'success' AND c.state = 'finished'"
        " ORDER BY j.seq DESC LIMIT 1",
        job.pipeline_row,
        job.seq,
    )
    return (row["datums"], row["tree"]) if row else (EMPTY, EMPTY)


def _close_job(store: Store, job: Job, state: str, reason: str, counts: Mapping[str, int], datums: str) -> None:
    store.db.run(
        "UPDATE job SET state = ?, reason = ?, datums = ?, total = ?, processed = ?, skipped = ?, "
        "failed = ?, recovered = ?, started = coalesce(started, ?), finished = ?"
        " WHERE id = ?",
        state,
        reason,
        datums,
        sum(counts.values()),
        counts["success"],
        counts["skipped"],
        counts["failed"],
        counts["recovered"],
        time.time(),
        time.time(),
        job.row,
    )


def _close_commits(store: Store, job: Job, repo: str, state: str, tree: str) -> None:
    store.db.run(
        "UPDATE revision SET state = ?, tree = ?, finished = ? WHERE seq = ? AND state = 'open' AND branch_id IN"
        " (SELECT b.id FROM branch b JOIN repo p ON p.id = b.repo_id WHERE p.name = ?)",
        state,
        tree,
        time.time(),
        job.seq,
        repo,
    )
