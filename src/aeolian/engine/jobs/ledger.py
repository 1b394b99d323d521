"""What the scheduler writes down: each step of a job in one transaction, so that a kill between two loses nothing."""

import json
import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from aeolian.engine.jobs.changes import Plan, Read, reads_text
from aeolian.engine.jobs.inputs import Datum, Source
from aeolian.engine.jobs.records import Job, describe_inputs
from aeolian.engine.jobs.resources import Stopped
from aeolian.engine.jobs.worker import Result
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import DatumRun, encode_entries
from aeolian.engine.versions.catalog import Pipeline
from aeolian.engine.versions.endings import OUTSTANDING, close_job, kill_job, last_good
from aeolian.engine.versions.merge import merge
from aeolian.errors import StorageError
from aeolian.platform.specs.spec import Spec

_MANY = 256
# What a job reads of a branch: the newest commit up to the job's own set, if nobody can still put files into it.
_READ_BY_SET = "repo = ? AND branch = ? AND seq <= ? AND state != 'open' ORDER BY seq DESC LIMIT 1"


class Known(NamedTuple):
    """A datum that has an output: its hash, the row of the run that made it, and the job of that run."""

    hash: str
    row: int
    job: int


def begin(store: Store, job: Job, code: str, read: Read) -> None:
    """The job runs this program on what it reads from now on; failures of a first, interrupted attempt are forgotten.

    Raises `Stopped` if it was killed meanwhile.
    """
    with store.db.transaction():
        refuse_ended(store, job)
        store.db.run(
            "UPDATE job SET state = 'running', started = coalesce(started, ?), code = ?, reads = ? WHERE id = ?",
            time.time(),
            code,
            reads_text(read),
            job.row,
        )
        store.db.run("DELETE FROM datum WHERE job_id = ? AND state != 'success'", job.row)


def refuse_ended(store: Store, job: Job) -> None:
    """Raises `Stopped` if the job was killed, or deleted: nothing more of it is kept. Inside a transaction."""
    if ended(store, [job]):
        raise Stopped


def ended(store: Store, jobs: Collection[Job]) -> list[Job]:
    """Those of `jobs` that are not outstanding any more."""
    marks = ", ".join("?" * len(jobs))
    rows = store.db.all(f"SELECT id FROM job WHERE id IN ({marks}) AND {OUTSTANDING}", *(job.row for job in jobs))
    alive = {row["id"] for row in rows}
    return [job for job in jobs if job.row not in alive]


def announce(store: Store, job: Job, total: int, skipped: int) -> None:
    """Keeps how many datums the job has, and how many of them need no run."""
    store.db.run("UPDATE job SET total = ?, skipped = ? WHERE id = ?", total, skipped, job.row)


def unrunnable(store: Store, job: Job, pipeline: Pipeline) -> str:
    """Why the job cannot run: what it would read is of a job that failed. Empty if it can."""
    failed = []
    for part in pipeline.spec.inputs():
        row = store.db.one(f"SELECT state FROM branch_head WHERE {_READ_BY_SET}", part.repo, part.branch, job.seq)
        if row is not None and row["state"] == "failed":
            failed.append(part.name)
    return f"unrunnable because the following upstream pipelines failed: {', '.join(failed)}" if failed else ""


def sources(store: Store, seq: int, spec: Spec) -> dict[tuple[str, str], Source]:
    """What each input branch held when the commit set `seq` was made."""
    found = {}
    for part in spec.inputs():
        row = store.db.one(f"SELECT tree, id FROM branch_head WHERE {_READ_BY_SET}", part.repo, part.branch, seq)
        found[part.repo, part.branch] = Source(row["tree"], row["id"]) if row else Source()
    return found


def known(store: Store, job: Job, hashes: Mapping[str, str], *, this_job_only: bool) -> dict[str, Known]:
    """The datums (id → hash) that need no run, because one of equal hash went well, in whichever job."""
    found: dict[str, Known] = {}
    base, _ = last_good(store, job.pipeline_row, job.seq)
    # Above so many, reading the tree once is cheaper than looking into it each time.
    many = len(hashes) > _MANY
    before = {entry.datum: entry for entry in store.datum_trees.entries(base)} if many and not this_job_only else {}
    for datum, hash_ in hashes.items():
        entry = before.get(datum) if many or this_job_only else store.datum_trees.get(base, datum)
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
    """Keeps what became of a datum; its row. Inside the transaction of the caller.

    Raises `Stopped` if the job was killed meanwhile.
    """
    refuse_ended(store, job)
    return store.db.run(
        "INSERT INTO datum (pipeline_id, job_id, datum, hash, state, reason, exit_code, tries, inputs, "
        "outputs, read_bytes, written_bytes, started, seconds)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        job.pipeline_row,
        job.row,
        datum.id,
        hash_,
        result.state,
        result.reason,
        result.exit_code,
        result.tries,
        json.dumps(describe_inputs(datum)),
        encode_entries(result.outputs),
        sum(entry.size for part in datum.inputs for entry in part.entries),
        sum(entry.size for entry in result.outputs),
        result.started,
        json.dumps({phase: round(seconds, 6) for phase, seconds in result.seconds.items()}),
    )


def finish(store: Store, job: Job, plan: Plan, done: Mapping[str, Known], counts: Mapping[str, int]) -> None:
    """Makes the job's output commit of the outputs of its datums, those that were `done` and those that `plan` keeps.

    Raises `AeolianError` if they clash, and `Stopped` if the job was killed meanwhile.
    """
    with store.db.transaction():
        refuse_ended(store, job)
        datums = _tree(store, plan, done)
        tree = merge(store, last_good(store, job.pipeline_row, job.seq), datums)
        close_job(store, job.row, "success", "", counts, datums, tree)


def repeat(store: Store, job: Job, pipeline: Pipeline, code: str, read: Read) -> int | None:
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
    if pipeline.spec.every_job or row["reads"] != reads_text(read):
        return None
    datums, tree = last_good(store, job.pipeline_row, job.seq)
    if datums != row["datums"]:
        return None
    with store.db.transaction():
        begin(store, job, code, read)
        counts = {"success": 0, "skipped": row["total"], "failed": 0, "recovered": 0}
        close_job(store, job.row, "success", "", counts, datums, tree)
    return int(row["total"])


def fail(
    store: Store, job: Job, reason: str, plan: Plan | None, done: Mapping[str, Known], counts: Mapping[str, int]
) -> None:
    """Ends the job as failed. Its output commit holds what the datums that did not fail have written.

    Where it is not known what datums there are, and so `plan` is None, it holds what the last good one held. Raises
    `Stopped` if the job was killed meanwhile.
    """
    with store.db.transaction():
        refuse_ended(store, job)
        base = last_good(store, job.pipeline_row, job.seq)
        datums = _tree(store, plan, done) if plan is not None else ""
        try:
            tree = merge(store, base, datums, leave_out_clashes=True) if plan is not None else base[1]
        except StorageError:
            # Damage must not keep the job from its end.
            datums, tree = "", base[1]
        close_job(store, job.row, "failure", reason, counts, datums, tree)


def give_up(store: Store, job: Job, reason: str, counts: Mapping[str, int]) -> None:
    """Ends the job as one that cannot run. Its output commit holds what the last good one held."""
    with store.db.transaction():
        refuse_ended(store, job)
        close_job(store, job.row, "unrunnable", reason, counts, "", last_good(store, job.pipeline_row, job.seq)[1])


def killed_because(store: Store, job: Job, reason: str) -> str:
    """Ends the job as killed for `reason`, unless that was done already; why it was."""
    with store.db.transaction():
        kill_job(store, job.row, reason)
        row = store.db.one("SELECT reason FROM job WHERE id = ?", job.row)
    return str(row["reason"]) if row else "its pipeline was deleted"


def _tree(store: Store, plan: Plan, done: Mapping[str, Known]) -> str:
    changes: dict[str, DatumRun | None] = dict.fromkeys(plan.affected)
    changes |= {datum: DatumRun(datum, entry.hash, entry.row) for datum, entry in done.items()}
    return store.datum_trees.edit(plan.base, changes)
