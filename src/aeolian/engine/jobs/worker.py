"""One datum: laid out, run, its output taken in, in as many tries as its pipeline grants."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from aeolian.engine.jobs.inputs import Datum
from aeolian.engine.jobs.places import Place, Places
from aeolian.engine.jobs.scratch import Layout, collect, lay_out, refuse_changed_inputs
from aeolian.engine.programs.batching import Batch, Batches
from aeolian.engine.programs.environment import expand_references
from aeolian.engine.programs.executors import Command, Executor
from aeolian.engine.programs.folders import remove
from aeolian.engine.programs.pfs import write_dotenv
from aeolian.engine.programs.processes import RESTART_FILE, Exit, Processes, kill_noted
from aeolian.engine.programs.read_only import WORTH_BYTES
from aeolian.engine.programs.secrets import NO_SECRETS, Secrets, link_mounts
from aeolian.engine.storage.disk import DiskFull, nearly_full, told_if_full
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import Entry
from aeolian.engine.versions.catalog import Pipeline
from aeolian.errors import InputError


@dataclass(frozen=True)
class Task:
    """What all datums of a job share; `batches` for `datum_batching`, else `places`."""

    pipeline: Pipeline
    job: str
    executor: Executor
    processes: Processes
    places: Places
    threads: int
    secrets: Secrets = NO_SECRETS
    batches: Batches | None = None
    cache: Path | None = None


@dataclass
class Result:
    """What became of a datum. state: success, failed, recovered, stopped (killed by us: as if it had not run).

    `recovered`: the error handler of a try, not always the last, went well.
    """

    state: str
    reason: str = ""
    exit_code: int | None = None
    tries: int = 0
    recovered: bool = False
    outputs: list[Entry] = field(default_factory=list)
    started: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: {"download": 0.0, "process": 0.0, "upload": 0.0})


def run_datum(store: Store, task: Task, datum: Datum, record: Callable[[Result], None]) -> Result:
    """Runs a datum and hands the result to `record` while its outputs are on their way in, to be kept with it.

    `record` is called inside the transaction that makes the outputs' contents part of the store. Raises `DiskFull`
    where there is no space, for us or for the program: as if the datum had not run.
    """
    with told_if_full(store.home):
        return _run_datum(store, task, datum, record)


def _run_datum(store: Store, task: Task, datum: Datum, record: Callable[[Result], None]) -> Result:
    result = Result("failed", started=time.time())
    log_path = store.log(task.job, task.pipeline.name, datum.id)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    place = task.batches.mine() if task.batches else task.places.mine()
    if isinstance(place, Place):
        place.spares.move_to(log_path)
    with log_path.open("wb", buffering=0) as log:
        while result.state == "failed" and result.tries < task.pipeline.spec.datum_tries:
            if result.reason:
                log.write(f"--- try {result.tries + 1} of {task.pipeline.spec.datum_tries}: {result.reason}\n".encode())
            result.tries += 1
            try:
                _try(store, task, datum, place, log, result, record)
            finally:
                place.clear()
            if result.reason and result.exit_code is None:
                break
        if result.state == "failed" and result.recovered:
            result.state = "recovered"
        if result.reason:
            log.write(f"--- {result.state}: {result.reason}\n".encode("utf-8", "replace"))
    if result.state == "stopped":
        log_path.unlink()
    elif result.state != "success":
        with store.db.transaction():
            record(result)
    return result


def _try(
    store: Store,
    task: Task,
    datum: Datum,
    place: Batch | Place,
    log: BinaryIO,
    result: Result,
    record: Callable[[Result], None],
) -> None:
    transform = task.pipeline.spec.transform
    clock = time.monotonic()
    batch = place if isinstance(place, Batch) else None
    if isinstance(place, Place):
        place.make_ready(_names(datum))
    else:
        place.clear()
    # A process that goes on to the next datum has its mounts already.
    link = batch is None and _has_large_inputs(datum) and task.executor.protects(store.scratch)
    if isinstance(place, Place):
        layout = lay_out(store, datum, place.folder, link=link, bare=place.bare, spares=place.spares)
    else:
        layout = lay_out(store, datum, place.folder, lives_on=True)
    command = _command(task, datum, layout, batch)
    write_dotenv(layout.pfs, task.executor.seen(command, command.environment | command.datum))
    clock = _note(result, "download", clock)
    limit_s = task.pipeline.spec.datum_timeout_s
    end = _run(task, command, layout, log, limit_s, batch)
    used_s = _note(result, "process", clock) - clock
    result.exit_code, result.reason = end.code, end.reason
    if task.processes.stopped:
        result.state = "stopped"
        return
    if end.reason and (layout.folder / RESTART_FILE).exists():
        result.reason = "restarted, as `restart datum` asked"
        result.tries -= 1
        return
    if end.code in transform.accept_return_code and end.acceptable:
        result.reason = ""
    if result.reason and nearly_full(store.scratch):
        raise DiskFull(store.home)
    if not result.reason:
        _keep(store, layout, result, record)
    # As on a cluster, the program and its error handler share one time: where it is over for one, it is for the other.
    elif transform.err_cmd and not end.late:
        left_s = None if limit_s is None else max(limit_s - used_s, 0.0)
        _recover(task, command, layout, log, result, left_s)


def _recover(
    task: Task, command: Command, layout: Layout, log: BinaryIO, result: Result, limit_s: float | None
) -> None:
    """Runs `err_cmd`, which makes the datum a recovered one unless a later try of it goes well."""
    transform = task.pipeline.spec.transform
    handler = replace(command, argv=transform.err_cmd, stdin=transform.err_stdin, lives_on=False, worker=None)
    end = _run(task, handler, layout, log, limit_s)
    if task.processes.stopped:
        result.state = "stopped"
    elif end.code == 0 or (end.code in transform.accept_return_code and end.acceptable):
        result.recovered = True


def _has_large_inputs(datum: Datum) -> bool:
    return any(entry.size >= WORTH_BYTES for part in datum.inputs for entry in part.entries)


def _keep(store: Store, layout: Layout, result: Result, record: Callable[[Result], None]) -> None:
    clock = time.monotonic()
    try:
        refuse_changed_inputs(layout)
        with store.objects.intake() as intake:
            result.outputs = collect(layout, intake)
            result.state = "success"
            _note(result, "upload", clock)
            with store.db.transaction():
                intake.flush()
                record(result)
    except InputError as error:
        result.state, result.reason, result.outputs = "failed", str(error), []


def _run(
    task: Task, command: Command, layout: Layout, log: BinaryIO, limit_s: float | None, batch: Batch | None = None
) -> Exit:
    executor = task.executor
    try:
        launch = executor.launch(command)
        if batch is None:
            return task.processes.run(launch, log, layout.folder, limit_s)
        environment = executor.seen(command, command.datum)
        return batch.run(launch, environment, log, limit_s, lambda: executor.end(command))
    finally:
        if batch is None:
            executor.end(command)
        executor.settle(command)


def _command(task: Task, datum: Datum, layout: Layout, batch: Batch | None) -> Command:
    transform = task.pipeline.spec.transform
    return Command(
        argv=transform.cmd,
        environment=_environment(task),
        stdin=transform.stdin,
        working_dir=transform.working_dir,
        pfs=layout.pfs,
        source=task.pipeline.source,
        temporary=layout.folder / "tmp",
        threads=task.threads,
        image=transform.image,
        name=layout.folder.name,
        datum=_datum_environment(datum),
        inputs=_names(datum),
        secrets=task.secrets,
        mounts=link_mounts(task.secrets, layout.folder / "secrets"),
        read_only=tuple(layout.linked),
        cache=task.cache,
        lives_on=batch is not None,
        worker=batch.worker if batch is not None else None,
    )


def _names(datum: Datum) -> tuple[str, ...]:
    """The folders of a datum in /pfs, but for `out`."""
    return tuple(sorted({part.input.name for part in datum.inputs}))


def _environment(task: Task) -> dict[str, str]:
    """What the cluster's worker sets for all datums of a job, under its names."""
    project, _, name = task.pipeline.name.rpartition("/")
    return expand_references(dict(task.pipeline.spec.transform.env)) | {
        "PACH_JOB_ID": task.job,
        "PACH_OUTPUT_COMMIT_ID": task.job,
        "PPS_PIPELINE_NAME": name,
        "PPS_PROJECT_NAME": project or "default",
        "PPS_SPEC_COMMIT": task.pipeline.spec_commit,
    }


def _datum_environment(datum: Datum) -> dict[str, str]:
    """What it sets for one datum."""
    environment = {"PACH_DATUM_ID": datum.id}
    for part in datum.inputs:
        name = part.input.name
        environment[name] = f"/pfs/{name}{part.path}".rstrip("/")
        environment[f"{name}_COMMIT"] = part.commit
        if part.join_on:
            environment[f"PACH_DATUM_{name}_JOIN_ON"] = part.join_on
        if part.group_by:
            environment[f"PACH_DATUM_{name}_GROUP_BY"] = part.group_by
    return environment


def _note(result: Result, phase: str, since: float) -> float:
    now = time.monotonic()
    result.seconds[phase] += now - since
    return now


def clear_scratch(store: Store) -> None:
    """Ends and removes what a killed engine left: to be called by the one process that may run jobs."""
    for folder in store.scratch.iterdir():
        kill_noted(folder)
        remove(folder)
