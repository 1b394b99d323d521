"""Does what is outstanding: commit sets in the order they were made, in each the pipelines upstream first."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from aeolian.engine import catalog, lock
from aeolian.engine.batching import Batches
from aeolian.engine.docker import end_leftovers
from aeolian.engine.events import DatumFinished, DatumStarted, JobFinished, JobStarted, Listener, SetStarted, silent
from aeolian.engine.executors import Executor, ProcessExecutor
from aeolian.engine.inputs import Datum, datums
from aeolian.engine.jobs import Job, outstanding
from aeolian.engine.ledger import Known, begin, discard_failures, fail, finish, keep_result, known, sources, unrunnable
from aeolian.engine.processes import Processes
from aeolian.engine.program import program_hash
from aeolian.engine.secrets import resolve
from aeolian.engine.store import Store
from aeolian.engine.worker import Result, Task, clear_scratch, run_datum
from aeolian.errors import AeolianError

SECONDS_BETWEEN_LOOKS = 1.0


@dataclass
class Outcome:
    """What came of a run. `elsewhere` is true where another process is at it and took over what was outstanding."""

    jobs: list[JobFinished] = field(default_factory=list)
    elsewhere: bool = False

    @property
    def failed(self) -> bool:
        """Whether a job failed or could not run."""
        return any(job.state != "success" for job in self.jobs)


@dataclass
class Runner:
    """Runs jobs. `cores` bounds how many datums run at once."""

    store: Store
    executor: Executor = field(default_factory=ProcessExecutor)
    listener: Listener = silent
    cores: int = field(
        default_factory=lambda: (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
    )

    def run(self, *, wait: bool = False) -> Outcome:
        """Runs until nothing is outstanding.

        Where another process is at it, it is left to that one, which looks again before it ends; with `wait` this
        one waits for it and then does what is left.
        """
        outcome = Outcome()
        while outstanding(self.store):
            with lock.held(self.store.lock, wait=wait) as mine:
                if not mine:
                    outcome.elsewhere = True
                    return outcome
                end_leftovers(self.store.scratch)
                clear_scratch(self.store)
                announced = None
                while jobs := outstanding(self.store):
                    if announced != jobs[0].seq:
                        announced = jobs[0].seq
                        self.listener(SetStarted(jobs[0].id, tuple(job.pipeline for job in jobs)))
                    outcome.jobs.append(_JobRun(self, jobs[0]).run())
        return outcome


class _JobRun:
    """One job, from planned to finished."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self.runner = runner
        self.store = runner.store
        self.job = job
        self.pipeline = catalog.version(runner.store, job.pipeline_row, job.version)
        self.executor = runner.executor.ready(self.pipeline.spec)
        self.clock = time.monotonic()
        self.counts = {"success": 0, "failed": 0, "recovered": 0, "skipped": 0}
        self.counting = threading.Lock()
        self.processes = Processes()

    def run(self) -> JobFinished:
        begin(self.store, self.job)
        upstream = unrunnable(self.store, self.job, self.pipeline)
        if upstream:
            return self._end("unrunnable", fail(self.store, self.job, "unrunnable", upstream, self.counts))
        try:
            done = self._run_datums()
            if self.counts["failed"]:
                total = sum(self.counts.values())
                reason = f"{self.counts['failed']} of {total} datums failed"
                return self._end("failure", fail(self.store, self.job, "failure", reason, self.counts))
            finish(self.store, self.job, self.pipeline, done, self.counts)
        except AeolianError as error:
            return self._end("failure", fail(self.store, self.job, "failure", str(error), self.counts))
        return self._end("success", "")

    def _run_datums(self) -> dict[str, Known]:
        """Runs what has to; the hash and row of every datum that has an output."""
        spec = self.pipeline.spec
        code = program_hash(self.store, self.pipeline, self.executor.identity)
        discard_failures(self.store, self.job, code)
        read = sources(self.store, self.job, spec)
        every = datums(spec.input, lambda part: read[part.repo, part.branch], self.store.trees) if spec.input else []
        hashes = {datum.id: datum.hash(code) for datum in every}
        done = known(self.store, self.job, hashes, this_job_only=spec.every_job)
        todo = [datum for datum in every if datum.id not in done]
        earlier = sum(entry.job == self.job.row for entry in done.values())
        self.counts["success"], self.counts["skipped"] = earlier, len(done) - earlier
        self.runner.listener(JobStarted(self.pipeline.name, self.job.id, len(every), self.counts["skipped"]))
        if todo:
            self._in_parallel(todo, lambda datum: self._run_datum(datum, hashes[datum.id], done))
        return done

    def _in_parallel(self, todo: list[Datum], work: Callable[[Datum], None]) -> None:
        parallel = self._parallel(len(todo))
        secrets = resolve(self.pipeline.spec.transform.secrets, self.pipeline.secrets)
        batches = Batches(self.processes, self.store.scratch, self.pipeline.name)
        self.task = Task(
            self.pipeline,
            self.job.id,
            self.executor,
            self.processes,
            threads=max(self.runner.cores // parallel, 1),
            deadline=self.clock + limit if (limit := self.pipeline.spec.job_timeout_s) is not None else None,
            secrets=secrets,
            batches=batches if self._batched() else None,
        )
        with batches, ThreadPoolExecutor(parallel, thread_name_prefix="datum") as pool:
            try:
                pending = {pool.submit(work, datum) for datum in todo}
                while pending:
                    # A signal that comes just before a wait without end would not end it.
                    done, pending = wait(pending, SECONDS_BETWEEN_LOOKS, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
            except BaseException:
                # Ctrl-C can come at any statement; without this the pool would wait for programs that go on.
                self.processes.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _batched(self) -> bool:
        """Whether one process does many datums. In a container it could not reach the worker: there is no network."""
        return self.pipeline.spec.batching and self.executor.name == ProcessExecutor.name

    def _parallel(self, count: int) -> int:
        spec = self.pipeline.spec
        if spec.gpus:
            return 1
        return max(1, min(count, self.runner.cores, spec.parallelism or self.runner.cores))

    def _run_datum(self, datum: Datum, hash_: str, done: dict[str, Known]) -> None:
        name, label = self.pipeline.name, datum.label
        log = self.store.log(self.job.id, name, datum.id)
        self.runner.listener(DatumStarted(name, datum.id, label, log))

        def record(result: Result) -> None:
            done_row = keep_result(self.store, self.job, datum, hash_, result)
            if result.state == "success":
                done[datum.id] = Known(hash_, done_row, self.job.row)

        result = run_datum(self.store, self.task, datum, record)
        if result.state == "stopped":
            return
        with self.counting:
            self.counts[result.state] += 1
        seconds, outputs = result.seconds["process"], len(result.outputs)
        self.runner.listener(DatumFinished(name, datum.id, label, result.state, result.reason, seconds, outputs, log))

    def _end(self, state: str, reason: str) -> JobFinished:
        event = JobFinished(
            self.pipeline.name,
            self.job.id,
            state,
            reason,
            self.counts["success"],
            self.counts["skipped"],
            self.counts["failed"],
            self.counts["recovered"],
            time.monotonic() - self.clock,
        )
        self.runner.listener(event)
        return event
