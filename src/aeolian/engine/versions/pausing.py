"""`stop pipeline` and `start pipeline`: a time in which commits do not reach a pipeline."""

from aeolian.engine.storage.store import Store
from aeolian.engine.versions.catalog import Pipeline
from aeolian.engine.versions.commits import new_set
from aeolian.engine.versions.endings import kill_jobs
from aeolian.engine.versions.pipelines import inspect_pipeline
from aeolian.engine.versions.triggers import trigger


def stop_pipeline(store: Store, name: str) -> int:
    """Ends the outstanding jobs of a pipeline, and lets it have none until it is started; how many were ended.

    Raises `UsageError` if it is unknown.
    """
    with store.db.transaction():
        pipeline = inspect_pipeline(store, name)
        store.db.run("UPDATE pipeline SET stopped = 1 WHERE id = ?", pipeline.row)
        return kill_jobs(store, pipeline.row, "all jobs killed because pipeline was stopped")


def start_pipeline(store: Store, name: str) -> bool:
    """Lets a pipeline have jobs again, and plans one if it missed something; whether it did.

    Raises `UsageError` if it is unknown.
    """
    with store.db.transaction():
        pipeline = inspect_pipeline(store, name)
        if not pipeline.stopped:
            return False
        store.db.run("UPDATE pipeline SET stopped = 0 WHERE id = ?", pipeline.row)
        missed = _has_missed(store, pipeline)
        if missed:
            trigger(store, new_set(store), [], also=[name])
        return missed


def _has_missed(store: Store, pipeline: Pipeline) -> bool:
    """Whether a branch that it reads has a commit after its last job, or that job was ended."""
    last = store.db.one("SELECT seq, state FROM job WHERE pipeline_id = ? ORDER BY seq DESC LIMIT 1", pipeline.row)
    if last is not None and last["state"] == "killed":
        return True
    since = last["seq"] if last else 0
    return any(
        store.db.one(
            "SELECT 1 FROM named_commit WHERE repo = ? AND branch = ? AND seq > ?"
            " AND (state != 'open' OR origin = 'auto')",
            part.repo,
            part.branch,
            since,
        )
        for part in pipeline.spec.inputs()
        if part.triggers
    )
