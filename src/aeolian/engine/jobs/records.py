"""Jobs and datums as they are kept: what was planned, what ran, what came of it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeolian.engine.jobs.inputs import Datum
from aeolian.engine.storage.database import Row
from aeolian.engine.storage.store import Store
from aeolian.engine.versions.repos import suggest
from aeolian.errors import UsageError
from aeolian.platform.records import Effort

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True)
class Job:
    """A pipeline's work under one commit id. state: created, running, success, failure, unrunnable, killed."""

    row: int
    id: str
    pipeline: str
    version: int
    state: str
    reason: str
    code: str
    datums: str
    total: int
    processed: int
    skipped: int
    failed: int
    recovered: int
    seq: int
    pipeline_row: int
    created: float
    started: float | None
    finished: float | None

    @property
    def outstanding(self) -> bool:
        """Whether it is still to be done, or at work."""
        return self.state in ("created", "running")


@dataclass(frozen=True)
class DatumRecord:
    """One datum of one job. state: success, skipped, failed, recovered."""

    id: str
    job: str
    pipeline: str
    state: str
    reason: str
    exit_code: int | None
    tries: int
    inputs: tuple[dict[str, Any], ...]
    seconds: dict[str, float]
    started: float
    log: Path
    row: int
    read_bytes: int = 0
    written_bytes: int = 0

    @property
    def effort(self) -> Effort:
        """What its run took."""
        return Effort(self.seconds, self.read_bytes, self.written_bytes)

    @property
    def label(self) -> str:
        """What a person calls it: `songs:/a.mp3`."""
        return " × ".join(f"{part['repo']}:{part['path']}" for part in self.inputs)


_SELECT = (
    "SELECT j.id AS row, s.id, p.name AS pipeline, j.version, j.state, j.reason, j.code, j.datums, "
    "j.total, j.processed, j.skipped,"
    " j.failed, j.recovered, j.seq, j.pipeline_id AS pipeline_row, j.created, j.started, j.finished"
    " FROM job j JOIN pipeline p ON p.id = j.pipeline_id JOIN commit_set s ON s.seq = j.seq"
)
_DATUM = (
    "SELECT d.*, s.id AS job, p.name AS pipeline FROM datum d JOIN job j ON j.id = d.job_id"
    " JOIN pipeline p ON p.id = d.pipeline_id JOIN commit_set s ON s.seq = j.seq"
)


def outstanding(store: Store, *, limit: int = -1) -> list[Job]:
    """The jobs still to be done, those of the oldest commit set first, each set's in the order they were planned."""
    rows = store.db.all(f"{_SELECT} WHERE j.state IN ('created', 'running') ORDER BY j.seq, j.id LIMIT ?", limit)
    return [Job(**row) for row in rows]


def list_jobs(store: Store, *, pipeline: str | None = None, commit: str | None = None, limit: int = -1) -> list[Job]:
    """Jobs, newest first: all, of one pipeline, or under (the start of) one commit id."""
    rows = store.db.all(
        f"{_SELECT} WHERE (?1 IS NULL OR p.name = ?1) AND (?2 IS NULL OR substr(s.id, 1, length(?2)) = ?2) ORDER BY "
        f"j.seq DESC, j.id LIMIT ?3",
        pipeline,
        commit,
        limit,
    )
    return [Job(**row) for row in rows]


def find_job(store: Store, reference: str, *, exact: bool = False) -> Job:
    """The job `pipeline@id`, where the start of the id will do; without one the last, unless it must be `exact`.

    Raises `UsageError` if there is none.
    """
    pipeline, _, commit = reference.partition("@")
    found = list_jobs(store, pipeline=pipeline, commit=commit or None, limit=1) if commit or not exact else []
    if found:
        return found[0]
    names = [row["name"] for row in store.db.all("SELECT name FROM pipeline ORDER BY name")]
    remedy = (
        "See `aeolian list job`."
        if pipeline in names
        else suggest(pipeline, names, "Write it as pipeline@id; see `aeolian list job`.")
    )
    raise UsageError(f"job {reference!r} not found.", remedy=remedy)


def list_datums(store: Store, job: Job) -> list[DatumRecord]:
    """Every datum of a job: those that ran, by when they did, then those that were skipped."""
    ran = [_record(store, row, job) for row in store.db.all(f"{_DATUM} WHERE d.job_id = ? ORDER BY d.id", job.row)]
    seen = {record.id for record in ran}
    skipped = []
    for datum in store.datum_trees.entries(job.datums):
        if datum.datum not in seen:
            row = store.db.one(f"{_DATUM} WHERE d.id = ?", datum.run)
            if row is not None:
                skipped.append(_record(store, row, job))
    return ran + skipped


def find_datum(store: Store, job: Job, datum: str) -> DatumRecord:
    """The datum of a job by (the start of) its id. Raises `UsageError` if there is none."""
    found = [record for record in list_datums(store, job) if record.id.startswith(datum)]
    if len(found) == 1:
        return found[0]
    what = "There is no datum" if not found else f"{len(found)} datums start with"
    raise UsageError(
        f"{what} {datum!r} in {job.pipeline}@{job.id}.", remedy=f"See `aeolian list datum {job.pipeline}@{job.id}`."
    )


def failed_datums(store: Store, job: Job) -> list[DatumRecord]:
    """The datums that failed in a job."""
    rows = store.db.all(f"{_DATUM} WHERE d.job_id = ? AND d.state = 'failed' ORDER BY d.id", job.row)
    return [_record(store, row, job) for row in rows]


def sum_effort(store: Store, job: Job) -> Effort:
    """What the datums of a job that ran took together."""
    row = store.db.one(
        "SELECT total(seconds ->> 'download') AS download, total(seconds ->> 'process') AS process,"
        " total(seconds ->> 'upload') AS upload, total(read_bytes) AS read_bytes, total(written_bytes) AS written_bytes"
        " FROM datum WHERE job_id = ?",
        job.row,
    )
    assert row is not None
    seconds = {phase: float(row[phase]) for phase in ("download", "process", "upload")}
    return Effort(seconds, int(row["read_bytes"]), int(row["written_bytes"]))


def _record(store: Store, row: Row, job: Job) -> DatumRecord:
    return DatumRecord(
        id=row["datum"],
        job=row["job"],
        pipeline=row["pipeline"],
        state=row["state"] if row["job_id"] == job.row else "skipped",
        reason=row["reason"],
        exit_code=row["exit_code"],
        tries=row["tries"],
        inputs=tuple(json.loads(row["inputs"])),
        seconds=json.loads(row["seconds"]),
        started=row["started"],
        log=store.log(row["job"], row["pipeline"], row["datum"]),
        row=row["id"],
        read_bytes=row["read_bytes"],
        written_bytes=row["written_bytes"],
    )


def describe_inputs(datum: Datum) -> list[dict[str, Any]]:
    """What is kept of the inputs of a datum: where each is, its hash, its bytes."""
    return [
        {
            "name": part.input.name,
            "repo": part.input.repo,
            "branch": part.input.branch,
            "commit": part.commit,
            "path": part.path,
            "hash": part.content,
            "size": sum(entry.size for entry in part.entries),
            "is_file": part.is_file,
        }
        for part in datum.inputs
    ]


def last_lines(path: Path, count: int, *, most_bytes: int = 65536) -> list[str]:
    """The last lines of a log that say something to a person, fit for a terminal; at most `most_bytes` are read.

    Lines that start with `{` are records for programs and are left out.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - most_bytes, 0))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    shown = ["".join(c for c in _ESCAPES.sub("", line) if c.isprintable()).rstrip() for line in lines]
    return [line for line in shown if line and not line.startswith("{")][-count:]
