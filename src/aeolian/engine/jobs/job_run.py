"""One job, from planned to finished: its datums, those that have to run, and what comes of them."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from aeolian.engine.jobs.datum_sets import datum_sets
from aeolian.engine.jobs.events import DatumFinished, DatumStarted, JobFinished, JobStarted, Listener
from aeolian.engine.jobs.inputs import Datum, Source, datums
from aeolian.engine.jobs.ledger import (
    Known,
    begin,
    fail,
    finish,
    keep_result,
    known,
    repeat,
    sources,
    unrunnable,
)
from aeolian.engine.jobs.records import Job
from aeolian.engine.jobs.resources import Resources, Stopped, has_gpu
from aeolian.engine.jobs.worker import Result, Task, run_datum
from aeolian.engine.programs.batching import Batches
from aeolian.engine.programs.executors import Executor
from aeolian.engine.programs.processes import Processes
from aeolian.engine.programs.secrets import resolve
from aeolian.engine.storage.disk import DiskFull, told_if_full
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog
from aeolian.engine.versions.program import program_hash
from aeolian.errors import AeolianError

SECONDS_BETWEEN_LOOKS = 1.0


class JobRun:
    """A job that runs beside `beside - 1` others on `cores` cores, of which `resources` hands out.

    Raises `AeolianError` if something that its executor needs is not here; the job is left to be done then.
    """

    def __init__(
        self,
        store: Store,
        job: Job,
        executor: Executor,
        resources: Resources,
        listener: Listener,
        *,
        cores: int,
        beside: int,
    ) -> None:
        self.job = job
        self._store = store
        self._pipeline = catalog.version(store, job.pipeline_row, job.version)
        self._executor = executor.ready(self._pipeline.spec)
        self._resources = resources
        self._listener = listener
        self._cores = cores
        self._beside = beside
        self._clock = time.monotonic()
        self._counts = {"success": 0, "failed": 0, "recovered": 0, "skipped": 0}
        self._counting = threading.Lock()
        self._processes = Processes()

    def run(self) -> JobFinished:
        """Runs it to its end.

        Raises `Stopped` if it was stopped and `DiskFull` if there is no space: what it has done so far is kept.
        """
        with told_if_full(self._store.home):
            return self._run()

    def _run(self) -> JobFinished:
        upstream = unrunnable(self._store, self.job, self._pipeline)
        if upstream:
            return self._end("unrunnable", fail(self._store, self.job, "unrunnable", upstream, self._counts))
        try:
            spec = self._pipeline.spec
            code = program_hash(self._store, self._pipeline, self._executor.identity)
            read = sources(self._store, self.job.seq, spec)
            if (total := repeat(self._store, self.job, self._pipeline, code, read)) is not None:
                self._counts["skipped"] = total
                self._listener(JobStarted(self._pipeline.name, self.job.id, total, total))
                return self._end("success", "")
            begin(self._store, self.job, code)
            done = self._run_datums(code, read)
            if self._counts["failed"]:
                total = sum(self._counts.values())
                reason = f"{self._counts['failed']} of {total} datums failed"
                return self._end("failure", fail(self._store, self.job, "failure", reason, self._counts))
            finish(self._store, self.job, self._pipeline, done, self._counts)
        except DiskFull:
            raise
        except AeolianError as error:
            return self._end("failure", fail(self._store, self.job, "failure", str(error), self._counts))
        return self._end("success", "")

    def stop(self) -> None:
        """Kills what runs, and starts no more."""
        self._processes.stop()

    def _run_datums(self, code: str, read: Mapping[tuple[str, str], Source]) -> dict[str, Known]:
        """Runs what has to; the hash and row of every datum that has an output."""
        spec, trees = self._pipeline.spec, self._store.trees
        every = datums(spec.input, lambda part: read[part.repo, part.branch], trees) if spec.input else []
        hashes = {datum.id: datum.hash(code) for datum in every}
        done = known(self._store, self.job, hashes, this_job_only=spec.every_job)
        todo = [datum for datum in every if datum.id not in done]
        earlier = sum(entry.job == self.job.row for entry in done.values())
        self._counts["success"], self._counts["skipped"] = earlier, len(done) - earlier
        self._listener(JobStarted(self._pipeline.name, self.job.id, len(every), self._counts["skipped"]))
        if todo:
            self._in_parallel(todo, lambda datum: self._run_datum(datum, hashes[datum.id], done))
        return done

    def _in_parallel(self, todo: list[Datum], work: Callable[[Datum], None]) -> None:
        spec, parallel = self._pipeline.spec, self._parallel(len(todo))
        threads = max(self._cores // (parallel * self._beside), 1)
        # A program whose work is on the GPU leaves the other cores to others; without a GPU it needs them itself.
        self._cores_a_datum = 1 if spec.gpus and has_gpu() else threads
        secrets = resolve(spec.transform.secrets, self._pipeline.secrets)
        batches = Batches(self._processes, self._store.scratch, self._pipeline.name)
        self._task = Task(
            self._pipeline,
            self.job.id,
            self._executor,
            self._processes,
            threads=threads,
            deadline=self._clock + limit if (limit := spec.job_timeout_s) is not None else None,
            secrets=secrets,
            batches=batches if spec.batching else None,
        )
        with batches, ThreadPoolExecutor(parallel, thread_name_prefix="datum") as pool:
            try:
                sets = datum_sets(todo, spec.datum_sets, parallel)
                pending = {pool.submit(_one_after_another, together, work) for together in sets}
                while pending:
                    done, pending = wait(pending, SECONDS_BETWEEN_LOOKS, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
            except BaseException:
                self.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _parallel(self, count: int) -> int:
        spec = self._pipeline.spec
        if spec.gpus:
            return 1
        return max(1, min(count, self._cores, spec.parallelism or self._cores))

    def _run_datum(self, datum: Datum, hash_: str, done: dict[str, Known]) -> None:
        name, label = self._pipeline.name, datum.label
        log = self._store.log(self.job.id, name, datum.id)

        def record(result: Result) -> None:
            done_row = keep_result(self._store, self.job, datum, hash_, result)
            if result.state == "success":
                done[datum.id] = Known(hash_, done_row, self.job.row)

        with self._resources.held(self._cores_a_datum, gpu=self._pipeline.spec.gpus > 0):
            self._listener(DatumStarted(name, self.job.id, datum.id, label, log))
            result = run_datum(self._store, self._task, datum, record)
        if result.state == "stopped":
            raise Stopped
        with self._counting:
            self._counts[result.state] += 1
        seconds, outputs = result.seconds["process"], len(result.outputs)
        self._listener(
            DatumFinished(name, self.job.id, datum.id, label, result.state, result.reason, seconds, outputs, log)
        )

    def _end(self, state: str, reason: str) -> JobFinished:
        event = JobFinished(
            self._pipeline.name,
            self.job.id,
            state,
            reason,
            self._counts["success"],
            self._counts["skipped"],
            self._counts["failed"],
            self._counts["recovered"],
            time.monotonic() - self._clock,
        )
        self._listener(event)
        return event


def _one_after_another(together: list[Datum], work: Callable[[Datum], None]) -> None:
    for datum in together:
        work(datum)
