"""Pipelines, jobs, datums and logs of a store."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aeolian.engine import history, ticks
from aeolian.engine.jobs import queries, records
from aeolian.engine.local.records import make_datum, make_job, make_pipeline
from aeolian.engine.programs.executors import Executor
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import (
    catalog,
    pausing,
    pipelines,
)
from aeolian.engine.versions.endings import kill_job
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address
from aeolian.platform.protocol import Change, LogQuery, Wanted
from aeolian.platform.records import (
    Datum,
    Job,
    LogLine,
    Pipeline,
)
from aeolian.platform.specs.order import pipeline_order
from aeolian.platform.specs.spec import Spec

_LOOK_S = 0.2


class LocalPipelines:
    """What `platform.protocol.Pipelines` asks, of a store. `executor` is how programs will run."""

    store: Store
    executor: Executor | None = None

    def create_pipelines(self, specs: Sequence[Spec], wanted: Wanted) -> list[Change]:
        """Make or change pipelines, upstream first, all of them or none."""
        return pipelines.create_pipelines(
            self.store,
            specs,
            source=wanted.source,
            arguments=dict(wanted.arguments),
            update=wanted.update,
            make_repos=wanted.make_repos,
            reprocess=wanted.reprocess,
            secrets=wanted.secrets,
            dry_run=wanted.dry_run,
            executor=self.executor,
        )

    def list_pipelines(self, names: Iterable[str] | None = None, *, history: int = 0) -> list[Pipeline]:
        """Return the pipelines, or those of these names, upstream first, with so many earlier versions of each."""
        if names is not None:
            found = [pipelines.inspect_pipeline(self.store, name) for name in names]
        else:
            by_name = {each.name: each for each in catalog.pipelines(self.store)}
            inputs = {name: {part.repo for part in each.spec.inputs()} for name, each in by_name.items()}
            found = [by_name[name] for name in pipeline_order(inputs)]
        return [
            make_pipeline(version, self._last_job(each.name))
            for each in found
            for version in (each, *self._earlier(each, history))
        ]

    def _earlier(self, pipeline: catalog.Pipeline, history: int) -> Iterator[catalog.Pipeline]:
        oldest = 0 if history < 0 else max(pipeline.version - 1 - history, 0)
        for number in range(pipeline.version - 1, oldest, -1):
            yield catalog.version(self.store, pipeline.row, number)

    def _last_job(self, pipeline: str) -> Job | None:
        return next(
            (make_job(self.store, each) for each in records.list_jobs(self.store, pipeline=pipeline, limit=1)), None
        )

    def inspect_pipeline(self, pipeline: str) -> Pipeline:
        """Return one pipeline."""
        return self.list_pipelines([pipeline])[0]

    def delete_pipeline(self, pipeline: str, *, force: bool, keep_repo: bool) -> None:
        """Remove a pipeline, its jobs and what it made."""
        pipelines.delete_pipeline(self.store, pipeline, keep_repo=keep_repo, force=force)

    def delete_pipelines(self, *, keep_repo: bool) -> list[str]:
        """Remove every pipeline; return their names."""
        return list(pipelines.delete_all_pipelines(self.store, keep_repo=keep_repo))

    def run_pipeline(self, pipeline: str) -> None:
        """Run a pipeline on its inputs as they are."""
        pipelines.run_pipeline(self.store, pipeline)

    def rerun_pipeline(self, pipeline: str, *, reprocess: bool) -> None:
        """Run a pipeline as a new version of the same spec."""
        pipelines.rerun_pipeline(self.store, pipeline, reprocess=reprocess)

    def stop_pipeline(self, pipeline: str) -> int:
        """End a pipeline's jobs, and let it have none; return how many were ended."""
        return pausing.stop_pipeline(self.store, pipeline)

    def start_pipeline(self, pipeline: str) -> bool:
        """Let a stopped pipeline run; return whether it was stopped."""
        return pausing.start_pipeline(self.store, pipeline)

    def run_cron(self, pipeline: str) -> None:
        """Make the cron inputs of a pipeline tick."""
        found = [part for part in pipelines.inspect_pipeline(self.store, pipeline).spec.inputs() if part.is_cron]
        if not found:
            raise UsageError(f"The pipeline {pipeline} has no cron input.")
        for part in found:
            ticks.tick(self.store, part, ticks.utc_now())

    def list_jobs(
        self,
        *,
        pipeline: str | None = None,
        commit: str | None = None,
        inputs: Sequence[Address] = (),
        states: Sequence[str] = (),
        history: int = 0,
        limit: int = -1,
        details: bool = False,
    ) -> list[Job]:
        """Return jobs, newest first; with `details` each has its spec."""
        found = queries.find_jobs(
            self.store,
            pipeline=pipeline,
            commit=commit,
            inputs=inputs,
            states=states,
            history=history,
            limit=limit,
        )
        return [make_job(self.store, each, details=details) for each in found]

    def find_jobs(self, text: str) -> list[Job]:
        """Return the job `pipeline@id`, or all of an id."""
        return [make_job(self.store, each) for each in queries.find_one_or_set(self.store, text)]

    def inspect_job(self, job: str) -> Job:
        """Return the job `pipeline@id`, or the last of a pipeline, with its spec."""
        return make_job(self.store, records.find_job(self.store, job), details=True)

    def stop_job(self, text: str) -> list[Job]:
        """End the job `pipeline@id`, or all of an id; return those that had not ended."""
        found = queries.find_one_or_set(self.store, text)
        return [make_job(self.store, each) for each in found if kill_job(self.store, each.row, "job stopped")]

    def delete_job(self, job: str) -> None:
        """Take a job off the list, with its logs; one that runs is ended first."""
        found = records.find_job(self.store, job, exact=True)
        kill_job(self.store, found.row, "job deleted")
        history.delete_job(self.store, records.find_job(self.store, f"{found.pipeline}@{found.id}"))

    def wait_for_jobs(self, commit: str = "") -> Iterator[list[Job]]:
        """Yield the jobs under an id, or all that are outstanding, until another process has ended them."""
        of_id = commit or None
        rows = {each.row for each in records.list_jobs(self.store, commit=of_id) if commit or each.outstanding}
        while True:
            found = [each for each in records.list_jobs(self.store, commit=of_id) if each.row in rows]
            yield [make_job(self.store, each) for each in found]
            if not any(each.outstanding for each in found):
                return
            time.sleep(_LOOK_S)

    def list_datums(self, job: str) -> list[Datum]:
        """Return the datums of the job `pipeline@id`."""
        return [make_datum(each) for each in records.list_datums(self.store, records.find_job(self.store, job))]

    def plan_datums(self, spec: Spec) -> list[Datum]:
        """Return the datums that a spec would have."""
        return [make_datum(each) for each in queries.plan_datums(self.store, spec)]

    def inspect_datum(self, job: str, datum: str) -> Datum:
        """Return one datum of a job, by (the start of) its id."""
        return make_datum(records.find_datum(self.store, records.find_job(self.store, job), datum))

    def find_log(self, datum: Datum) -> Path:
        """Return the file in which what the program wrote for a datum is kept."""
        return self.store.log(datum.job, datum.pipeline, datum.id)

    def restart_datum(self, job: str, paths: Sequence[str]) -> list[str]:
        """Begin the datum of a running job again that reads all these paths; return what it is called."""
        return queries.restart_datums(self.store, records.find_job(self.store, job, exact=True), list(paths))

    def read_logs(self, query: LogQuery) -> Iterator[LogLine]:
        """Yield what the programs of datums that are done wrote, datum by datum."""
        job = records.find_job(self.store, query.job or query.pipeline)
        for each in records.list_datums(self.store, job):
            if not each.id.startswith(query.datum):
                continue
            with contextlib.suppress(FileNotFoundError), each.log.open("rb") as log:
                for line in log:
                    text = line.decode("utf-8", "replace").rstrip("\r\n")
                    user = not text.startswith("--- ")
                    yield LogLine(each.pipeline, each.job, each.id, text, each.started or None, user)
