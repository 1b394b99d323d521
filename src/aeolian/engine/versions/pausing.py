"""`stop pipeline` and `start pipeline`: a time in which commits do not reach a pipeline."""

from aeolian.engine.storage.store import Store
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
    """Lets a stopped pipeline have jobs again, and plans one for all that it missed; whether it was stopped.

    As on a cluster, there is one also where it missed nothing. Raises `UsageError` if the pipeline is unknown.
    """
    with store.db.transaction():
        pipeline = inspect_pipeline(store, name)
        if not pipeline.stopped:
            return False
        store.db.run("UPDATE pipeline SET stopped = 0 WHERE id = ?", pipeline.row)
        trigger(store, new_set(store), [], also=[name])
        return True
