"""What a store holds, made into `platform`'s records."""

from aeolian.engine.jobs import records
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import (
    branches,
    catalog,
    listing,
    references,
)
from aeolian.platform.records import (
    Branch,
    Commit,
    Datum,
    Effort,
    File,
    Job,
    Pipeline,
)


def make_branch(found: branches.BranchInfo) -> Branch:
    """Return the record of a branch of the store."""
    return Branch(
        found.repo,
        found.name,
        found.head.id if found.head else None,
        found.created,
        found.trigger,
        found.direct_provenance,
        found.provenance,
        found.subvenance,
    )


def make_commit(store: Store, commit: references.Commit) -> Commit:
    """Return the record of a commit of the store."""
    files_, size = store.trees.totals(commit.tree)
    before = references.parent(store, commit)
    failed = commit.state == "failed"
    jobs = records.list_jobs(store, pipeline=commit.repo, commit=commit.id) if failed else []
    return Commit(
        commit.repo,
        commit.branch,
        commit.id,
        commit.state,
        commit.origin,
        commit.description,
        commit.created,
        commit.finished,
        before.id if before else "",
        files_,
        size,
        jobs[0].reason if jobs else "",
    )


def make_file(commit: references.Commit, found: listing.Listed, original: str = "") -> File:
    """Return the record of a file or folder of a commit; `original` is the name that it had outside."""
    return File(commit.repo, commit.id, found.path, found.size, found.files, found.hash, commit.finished, original)


def make_job(store: Store, job: records.Job, *, details: bool = False) -> Job:
    """Return the record of a job of the store, with `details` with its spec."""
    spec = catalog.version(store, job.pipeline_row, job.version).spec.document if details else None
    return Job(
        job.id,
        job.pipeline,
        job.version,
        job.state,
        job.reason,
        job.total,
        job.processed,
        job.skipped,
        job.failed,
        job.recovered,
        job.created,
        job.started,
        job.finished,
        job.code,
        records.sum_effort(store, job),
        spec,
    )


def make_datum(found: records.DatumRecord) -> Datum:
    """Return the record of a datum of the store."""
    effort = Effort(found.seconds, found.read_bytes, found.written_bytes)
    return Datum(found.id, found.job, found.pipeline, found.state, found.reason, found.inputs, effort, found.tries)


def make_pipeline(pipeline: catalog.Pipeline, last: Job | None) -> Pipeline:
    """Return the record of a pipeline of the store; `last` is its newest job."""
    return Pipeline(
        pipeline.name,
        pipeline.version,
        pipeline.spec.description,
        pipeline.created,
        find_state(pipeline, last),
        "",
        pipeline.stopped,
        pipeline.spec.document,
        ", ".join(f"{part.repo}@{part.branch}:{part.glob}" for part in pipeline.spec.inputs()),
        pipeline.spec.output_branch,
        last,
        pipeline.spec_commit,
        pipeline.source,
        pipeline.arguments,
        pipeline.secrets,
    )


def find_state(pipeline: catalog.Pipeline, last: Job | None) -> str:
    """Return the state as a pachd would name it: with `autoscaling` a pipeline without work stands by."""
    if pipeline.stopped:
        return "paused"
    busy = last is not None and last.outstanding
    return "standby" if pipeline.spec.document.get("autoscaling") and not busy else "running"
