"""Running what is outstanding in the foreground, and telling what failed so that it can be acted on."""

import re
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

import click

from aeolian.cli.common import as_local, chosen_executor, warn
from aeolian.engine.jobs.events import DatumFinished, Event, Listener
from aeolian.engine.jobs.records import Job, failed_datums, last_lines, list_jobs
from aeolian.engine.jobs.scheduler import Outcome, Runner
from aeolian.engine.programs.executors import Executor, ProcessExecutor
from aeolian.engine.storage.store import Store
from aeolian.errors import EXIT_FAILURE
from aeolian.platform.protocol import Platform

_MOST_DATUMS_TOLD = 5
_LOG_LINES = 6
_COUNT = re.compile(r"[\w ]+ \d+/\d+")  # `converting 3/100 a song`: how far a program is, not what became of an input


def run_outstanding(store: Store, *, no_run: bool = False, wait: bool = False, go_on: bool = False) -> Outcome:
    """Runs, with progress on stderr, unless `no_run`.

    Programs run as `--executor` says. Ends the command with exit code 1 if a job failed, unless `go_on`.
    """
    if no_run:
        return Outcome()
    runs_on = executor()
    stop_on_termination()
    empty: list[DatumFinished] = []
    with _progress() as draw:

        def listener(event: Event) -> None:
            draw(event)
            if isinstance(event, DatumFinished) and event.state == "success" and not event.outputs:
                empty.append(event)

        outcome = Runner(store, executor=runs_on, listener=listener).run(wait=wait)
    _tell_empty(empty)
    if outcome.elsewhere:
        warn("another aeolian is at work on this store and takes this over; `aeolian wait` waits for it")
    if outcome.failed:
        for event in outcome.jobs:
            if event.state == "failure":
                job = next(job for job in list_jobs(store, pipeline=event.pipeline, commit=event.job, limit=1))
                _tell(store, job)
        waiting = [event.pipeline for event in outcome.jobs if event.state == "unrunnable"]
        if waiting:
            warn(f"not run, for want of that input: {', '.join(waiting)}")
        if not go_on:
            sys.exit(EXIT_FAILURE)
    return outcome


def follow(platform: Platform, commit: str = "", *, no_run: bool = False, go_on: bool = False) -> None:
    """Run what follows from a change, with progress on stderr, or on a cluster wait for it; not with `no_run`.

    `commit` is the id under which it runs, where one is known. Ends the command with exit code 1 if a job failed,
    unless `go_on`.
    """
    local = as_local(platform)
    if local is not None:
        run_outstanding(local.store, no_run=no_run, go_on=go_on)
    elif not no_run:
        from aeolian.cli.cluster_jobs import wait_for_jobs

        if not wait_for_jobs(platform, commit) and not go_on:
            sys.exit(EXIT_FAILURE)


def executor() -> Executor:
    """What `--executor` of the command asks for. Raises `AeolianError` if that is not here."""
    if chosen_executor() != "docker":
        return ProcessExecutor()
    from aeolian.engine.programs.docker import docker_executor

    return docker_executor()


def stop_on_termination() -> None:
    """A closed terminal or a `kill` ends running programs as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)


def _progress() -> AbstractContextManager[Listener]:
    if sys.stderr.isatty():
        from aeolian.cli.live import LiveProgress

        return LiveProgress()
    from aeolian.cli.lines import LineProgress

    return LineProgress()


def _tell_empty(datums: Sequence[DatumFinished]) -> None:
    """Inputs from which nothing came, though their program ended well, with the last that it said of them."""
    for datum in datums:
        said = [line for line in last_lines(datum.log, _LOG_LINES) if not _COUNT.match(line)]
        click.echo(f"{datum.pipeline}: nothing came of {datum.label}{': ' + said[-1] if said else ''}", err=True)


def _tell(store: Store, job: Job) -> None:
    """One block for a failed job: pipeline, datum, input, reason, last lines, and the command that shows more."""
    failed = failed_datums(store, job)
    click.echo(f"\npipeline {job.pipeline} failed: {job.reason}", err=True)
    for record in failed[:_MOST_DATUMS_TOLD]:
        click.echo(f"  datum {record.id[:16]}", err=True)
        for part in record.inputs:
            click.echo(f"    input  {part['repo']}@{part['branch']}:{part['path']}", err=True)
        click.echo(f"    reason {record.reason}", err=True)
        lines = [line for line in last_lines(record.log, _LOG_LINES) if not line.startswith("--- ")]
        for line in lines:
            click.echo(f"    | {line}", err=True)
        click.echo(f"    more   aeolian logs --job {job.pipeline}@{job.id[:12]} --datum {record.id[:16]}", err=True)
    if len(failed) > _MOST_DATUMS_TOLD:
        click.echo(
            f"  and {len(failed) - _MOST_DATUMS_TOLD} more: aeolian list datum {job.pipeline}@{job.id[:12]}", err=True
        )
