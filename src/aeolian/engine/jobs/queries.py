"""Questions about jobs: which there are under an id, which read a commit, which datums a spec would have."""

import re
import sys
from collections.abc import Sequence

from aeolian.engine.jobs.inputs import Datum, datums
from aeolian.engine.jobs.ledger import sources
from aeolian.engine.jobs.places import list_places
from aeolian.engine.jobs.records import DatumRecord, Job, describe_inputs, find_job, list_jobs
from aeolian.engine.programs.processes import restart_noted
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog
from aeolian.engine.versions.commits import Commit, resolve
from aeolian.engine.versions.pipelines import inspect_pipeline
from aeolian.engine.versions.repos import repo_id
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address
from aeolian.platform.specs.spec import Spec

_HEXADECIMAL = re.compile(r"[0-9a-f]{1,32}")
_NEWEST = sys.maxsize  # a place in history that no commit set has yet


def find_jobs(
    store: Store,
    *,
    pipeline: str | None = None,
    commit: str | None = None,
    inputs: Sequence[Address] = (),
    states: Sequence[str] = (),
    history: int = 0,
    limit: int = -1,
) -> list[Job]:
    """The jobs that all of this is true of, newest first; of a `pipeline`, those of its current version.

    `history` adds so many versions before that, -1 all. `inputs` are commits that a job read.
    Raises `UsageError` for a pipeline or a commit that is not there, and for what is no id. An id without jobs has
    none, as on a cluster.
    """
    oldest = 0
    if pipeline is not None:
        version = inspect_pipeline(store, pipeline).version
        oldest = version - history if history >= 0 else 0
    if commit is not None and not _HEXADECIMAL.fullmatch(commit):
        raise UsageError(f"{commit!r} is no id of a job.", remedy="See `aeolian list job`.")
    read = [resolve(store, place) for place in inputs]
    found = list_jobs(store, pipeline=pipeline, commit=commit)
    wanted = {state.lower() for state in states}
    chosen = [
        job
        for job in found
        if job.version >= oldest and (not wanted or job.state in wanted) and all(_reads(store, job, c) for c in read)
    ]
    return chosen if limit < 0 else chosen[:limit]


def find_set(store: Store, id_: str) -> str:
    """The whole id of a commit set, by its start. Raises `UsageError` if there is none, or more than one."""
    rows = store.db.all("SELECT id FROM commit_set WHERE substr(id, 1, ?) = ? LIMIT 2", len(id_), id_) if id_ else []
    if len(rows) == 1:
        return str(rows[0]["id"])
    what = f"Several ids start with {id_!r}." if rows else f"job {id_!r} not found."
    raise UsageError(what, remedy="See `aeolian list job`.")


def find_one_or_set(store: Store, reference: str) -> list[Job]:
    """The job `pipeline@id`, or every job under `id`, upstream first. Raises `UsageError` if there is none."""
    if "@" in reference:
        return [find_job(store, reference, exact=True)]
    found = list_jobs(store, commit=find_set(store, reference))
    if not found:
        raise UsageError(f"job {reference!r} not found.", remedy="See `aeolian list job`.")
    return found


def restart_datums(store: Store, job: Job, wanted: Sequence[str]) -> list[str]:
    """Kills the programs of a job's datums that read all that is `wanted` (paths or hashes), to be begun again.

    Returns what they read. No try is used up. Raises `UsageError` if the job has ended, or no such datum runs.
    """
    if not job.outstanding:
        raise UsageError(
            f"{job.pipeline}@{job.id[:12]} has ended: {job.state}.",
            remedy=f"`aeolian run pipeline {job.pipeline}` does what failed again.",
        )
    spec = catalog.version(store, job.pipeline_row, job.version).spec
    restarted = [
        datum.label
        for datum in _datums_at(store, spec, job.seq)
        if all(any(name.rstrip("/") in (p.path, p.content) for p in datum.inputs) for name in wanted)
        and any(restart_noted(place, datum.id) for place in list_places(store.scratch, job.pipeline))
    ]
    if not restarted:
        raise UsageError(
            f"No datum of {job.pipeline}@{job.id[:12]} that runs reads {', '.join(wanted)}.",
            remedy=f"`aeolian logs -j {job.pipeline}@{job.id[:12]} --follow` shows what runs.",
        )
    return restarted


def _datums_at(store: Store, spec: Spec, seq: int) -> list[Datum]:
    read = sources(store, seq, spec)
    return datums(spec.input, lambda part: read[part.repo, part.branch], store.trees) if spec.input else []


def plan_datums(store: Store, spec: Spec) -> list[DatumRecord]:
    """The datums that a pipeline of this spec would have on its inputs as they are; they have no state.

    Raises `UsageError` for a repo that is not there.
    """
    for part in spec.inputs():
        repo_id(store, part.repo)
    return [_plan(store, spec, datum) for datum in _datums_at(store, spec, _NEWEST)]


def _plan(store: Store, spec: Spec, datum: Datum) -> DatumRecord:
    return DatumRecord(
        id=datum.id,
        job="",
        pipeline=spec.name,
        state="",
        reason="",
        exit_code=None,
        tries=0,
        inputs=tuple(describe_inputs(datum)),
        seconds={"download": 0.0, "process": 0.0, "upload": 0.0},
        started=0.0,
        log=store.log("", spec.name, datum.id),
        row=0,
    )


def _reads(store: Store, job: Job, commit: Commit) -> bool:
    """Whether the job read this commit."""
    spec = catalog.version(store, job.pipeline_row, job.version).spec
    if not any((part.repo, part.branch) == (commit.repo, commit.branch) for part in spec.inputs()):
        return False
    return sources(store, job.seq, spec)[commit.repo, commit.branch].commit == commit.id
