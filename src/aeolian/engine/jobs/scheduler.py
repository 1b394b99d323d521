"""Does what is outstanding: commit sets in the order they were made, and at once what does not need one another."""

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import groupby

from aeolian.engine.jobs.events import JobFinished, Listener, SetStarted, silent
from aeolian.engine.jobs.job_run import JobRun
from aeolian.engine.jobs.ledger import ended
from aeolian.engine.jobs.records import Job, outstanding
from aeolian.engine.jobs.resources import Resources
from aeolian.engine.jobs.worker import clear_scratch
from aeolian.engine.programs.docker_client import end_leftovers
from aeolian.engine.programs.executors import Executor, ProcessExecutor
from aeolian.engine.storage import lock
from aeolian.engine.storage.disk import told_if_full
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog
from aeolian.errors import AeolianError

SECONDS_BETWEEN_LOOKS = 1.0
# How far ahead it looks for jobs that could run beside others.
_MOST_JOBS_SEEN = 1000


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
    """Runs jobs. `cores` bounds how many datums run at once, of all jobs together."""

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
        one waits for it and then does what is left. Raises `AeolianError` if what a job needs is not here, after all
        that can be done without that job; and at once if there is no space left.
        """
        with told_if_full(self.store.home):
            return self._run(wait)

    def _run(self, wait: bool) -> Outcome:
        outcome = Outcome()
        while outstanding(self.store, limit=1):
            with lock.held(self.store.lock, wait=wait) as mine:
                if not mine:
                    outcome.elsewhere = True
                    return outcome
                end_leftovers(self.store.scratch)
                clear_scratch(self.store)
                _Turn(self, outcome).run()
        return outcome


class _Turn:
    """The time for which this process has the store's jobs to itself."""

    def __init__(self, runner: Runner, outcome: Outcome) -> None:
        self._runner = runner
        self._store = runner.store
        self._outcome = outcome
        self._resources = Resources(runner.cores)
        self._running: dict[Future[JobFinished], JobRun] = {}
        self._announced: set[int] = set()
        self._blocked: dict[int, AeolianError] = {}
        self._pipeline = lru_cache(maxsize=None)(partial(catalog.find_version, self._store))

    def run(self) -> None:
        with ThreadPoolExecutor(_MOST_JOBS_SEEN, thread_name_prefix="job") as pool:
            try:
                while self._start(pool) or self._running:
                    self._end_killed()
                    # A signal that comes just before a wait without end would not end it.
                    for future in wait(self._running, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED).done:
                        self._outcome.jobs.append(future.result())
                        del self._running[future]
            except BaseException:
                # Ctrl-C can come at any statement; without this the pool would wait for programs that go on.
                self._resources.stop()
                for job in self._running.values():
                    job.stop()
                raise
        for error in self._blocked.values():
            raise error

    def _end_killed(self) -> None:
        """Ends what another process, or another command, has killed or deleted meanwhile."""
        running = {run.job.row: run for run in self._running.values()}
        for job in ended(self._store, [run.job for run in running.values()]) if running else ():
            running[job.row].kill()

    def _start(self, pool: ThreadPoolExecutor) -> bool:
        """Starts every job that can be; whether there was one."""
        jobs = outstanding(self._store, limit=_MOST_JOBS_SEEN)
        # One more than there are cores: a job whose program is on the GPU needs none to speak of.
        places = self._runner.cores + 1 - len(self._running)
        ready = self._ready(jobs)[:places]
        beside = len(self._running) + len(ready)
        for job in ready:
            pipeline = self._pipeline(job.pipeline_row, job.version)
            if pipeline is None:
                continue  # deleted since we looked
            if job.seq not in self._announced:
                self._announced.add(job.seq)
                self._runner.listener(SetStarted(job.id, tuple(j.pipeline for j in jobs if j.seq == job.seq)))
            try:
                run = JobRun(
                    self._store,
                    job,
                    pipeline,
                    self._runner.executor,
                    self._resources,
                    self._runner.listener,
                    cores=self._runner.cores,
                    beside=beside,
                )
            except AeolianError as error:
                self._blocked[job.row] = error
                continue
            self._running[pool.submit(run.run)] = run
        return bool(ready)

    def _ready(self, jobs: list[Job]) -> list[Job]:
        """Those whose inputs nothing outstanding can still change, and whose pipeline has none before them."""
        started = {run.job.row for run in self._running.values()} | self._blocked.keys()
        listed = {job.row for job in jobs}
        # A killed job is not outstanding any more, but its programs may still have a moment to live.
        ready, busy = [], {run.job.pipeline for run in self._running.values() if run.job.row not in listed}
        for _, group in groupby(jobs, lambda job: job.seq):
            together = list(group)
            now = busy | {job.pipeline for job in together}
            for job in together:
                free = job.pipeline not in busy and not (self._inputs(job) & now)
                if free and job.row not in started:
                    ready.append(job)
            busy = now
        return ready

    def _inputs(self, job: Job) -> frozenset[str]:
        pipeline = self._pipeline(job.pipeline_row, job.version)
        return frozenset(part.repo for part in pipeline.spec.inputs()) if pipeline else frozenset()
