"""One job, from planned to finished: its datums, those that have to run, and what comes of them."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager

from aeolian.engine.jobs.changes import Plan, plan_datums
from aeolian.engine.jobs.datum_sets import datum_sets
from aeolian.engine.jobs.events import DatumFinished, DatumStarted, JobFinished, JobStarted, Listener
from aeolian.engine.jobs.inputs import Datum
from aeolian.engine.jobs.ledger import (
    Known,
    announce,
    begin,
    ended,
    fail,
    finish,
    give_up,
    keep_result,
    killed_because,
    known,
    repeat,
    sources,
    unrunnable,
)
from aeolian.engine.jobs.places import Places
from aeolian.engine.jobs.records import Job
from aeolian.engine.jobs.resources import Resources, Stopped, has_gpu
from aeolian.engine.jobs.worker import Result, Task, run_datum
from aeolian.engine.programs.batching import Batches
from aeolian.engine.programs.executors import Executor
from aeolian.engine.programs.processes import Processes
from aeolian.engine.programs.secret_files import add_kept
from aeolian.engine.programs.secrets import resolve
from aeolian.engine.storage.disk import DiskFull, told_if_full
from aeolian.engine.storage.store import Store
from aeolian.engine.versions.catalog import Pipeline
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
        pipeline: Pipeline,
        executor: Executor,
        resources: Resources,
        listener: Listener,
        *,
        cores: int,
        beside: int,
    ) -> None:
        self.job = job
        self._store = store
        self._pipeline = pipeline
        self._executor = executor.ready(self._pipeline.spec)
        self._resources = resources
        self._listener = listener
        self._cores = cores
        self._beside = beside
        self._clock = time.monotonic()
        self._counts = {"success": 0, "failed": 0, "recovered": 0, "skipped": 0, "total": 0}
        self._plan: Plan | None = None
        self._done: dict[str, Known] = {}
        self._killed: str | None = None
        self._counting = threading.Lock()
        self._processes = Processes()

    def run(self) -> JobFinished:
        """Runs it to its end.

        Raises `Stopped` if it was stopped and `DiskFull` if there is no space: what it has done so far is kept.
        """
        try:
            with told_if_full(self._store.home):
                return self._run()
        except Stopped:
            if self._killed is None and not ended(self._store, [self.job]):
                raise
            return self._end("killed", killed_because(self._store, self.job, self._killed or ""))

    def _run(self) -> JobFinished:
        upstream = unrunnable(self._store, self.job, self._pipeline)
        if upstream:
            give_up(self._store, self.job, upstream, self._counts)
            return self._end("unrunnable", upstream)
        try:
            spec = self._pipeline.spec
            code = program_hash(self._store, self._pipeline, self._executor.identity)
            read = sources(self._store, self.job.seq, spec)
            if (total := repeat(self._store, self.job, self._pipeline, code, read)) is not None:
                self._counts["skipped"] = self._counts["total"] = total
                self._listener(JobStarted(self._pipeline.name, self.job.id, total, total))
                return self._end("success", "")
            begin(self._store, self.job, code, read)
            plan = self._plan = plan_datums(self._store, self.job, self._pipeline, code, read)
            self._run_datums(plan, code)
            if self._counts["failed"]:
                return self._fail(f"{self._counts['failed']} of {self._counts['total']} datums failed")
            finish(self._store, self.job, plan, self._done, self._counts)
        except DiskFull:
            raise
        except AeolianError as error:
            return self._fail(str(error))
        return self._end("success", "")

    def stop(self) -> None:
        """Kills what runs, and starts no more; the job stays to be done."""
        self._processes.stop()

    def kill(self, reason: str = "") -> None:
        """Kills what runs, and ends the job as killed for `reason`, unless it is known already why it was."""
        self._killed = reason
        self._processes.stop()
        self._resources.wake()

    def _fail(self, reason: str) -> JobFinished:
        fail(self._store, self.job, reason, self._plan, self._done, self._counts)
        return self._end("failure", reason)

    def _run_datums(self, plan: Plan, code: str) -> None:
        """Runs what has to. `_done` then has every datum that has an output, but for those that the plan keeps."""
        hashes = {datum.id: datum.hash(code) for datum in plan.datums}
        done = known(self._store, self.job, hashes, this_job_only=self._pipeline.spec.every_job)
        todo = [datum for datum in plan.datums if datum.id not in done]
        kept = plan.count_kept(self._store)
        total = kept + len(plan.datums)
        earlier = sum(entry.job == self.job.row for entry in done.values())
        self._done = done
        self._counts |= {"success": earlier, "skipped": kept + len(done) - earlier, "total": total}
        announce(self._store, self.job, total, self._counts["skipped"])
        self._listener(JobStarted(self._pipeline.name, self.job.id, total, self._counts["skipped"]))
        if todo:
            with self._deadline():
                self._in_parallel(todo, lambda datum: self._run_datum(datum, hashes[datum.id], done))

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """Kills the job if the block takes longer than `job_timeout` grants."""
        limit = self._pipeline.spec.job_timeout_s
        if limit is None:
            yield
            return
        timer = threading.Timer(max(limit - (time.monotonic() - self._clock), 0.0), self.kill, ["job timed out"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _in_parallel(self, todo: list[Datum], work: Callable[[Datum], None]) -> None:
        spec, parallel = self._pipeline.spec, self._parallel(len(todo))
        threads = max(self._cores // (parallel * self._beside), 1)
        # A program whose work is on the GPU leaves the other cores to others; without a GPU it needs them itself.
        self._cores_a_datum = 1 if spec.gpus and has_gpu() else threads
        secrets = resolve(spec.transform.secrets, add_kept(self._store.home, self._pipeline.secrets))
        batches = Batches(self._processes, self._store.scratch, self._pipeline.name)
        # What a container has written may be another user's.
        places = Places(self._store.scratch, self._pipeline.name, lasting=self._executor.name == "process")
        self._task = Task(
            self._pipeline,
            self.job.id,
            self._executor,
            self._processes,
            places,
            threads=threads,
            secrets=secrets,
            batches=batches if spec.batching else None,
            cache=self._store.cache,
        )
        with batches, places, ThreadPoolExecutor(parallel, thread_name_prefix="datum") as pool:
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

        gpu, over = self._pipeline.spec.gpus > 0, lambda: self._killed is not None
        with self._resources.held(self._cores_a_datum, gpu=gpu, given_up=over):
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
