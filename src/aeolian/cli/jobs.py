"""`aeolian list|inspect|stop|delete|wait job` and `wait`."""

import sys
from collections.abc import Iterable, Iterator, Sequence

import click

from aeolian.cli.common import age, command, duration_text, executor_option, history_option, open_store, warn
from aeolian.cli.output import Message, Output, output_option, print_facts, print_table
from aeolian.cli.raw import group_by_id
from aeolian.cli.raw_jobs import make_job_info, make_job_set_info
from aeolian.cli.running import run_outstanding
from aeolian.engine.history import delete_job as remove_job
from aeolian.engine.jobs import queries
from aeolian.engine.jobs import records as jobs
from aeolian.engine.jobs.records import Job
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog
from aeolian.engine.versions.endings import kill_job
from aeolian.errors import EXIT_FAILURE

_STATES = ("created", "starting", "running", "egressing", "finishing", "success", "failure", "killed", "unrunnable")
_TITLES = ("PIPELINE", "ID", "STARTED", "DURATION", "DONE + SKIPPED / TOTAL", "FAILED", "STATE")


@command(example="aeolian list job -p midi\naeolian list job --input audio-unprocessed@master --state failure")
@click.argument("id_", required=False, metavar="[ID]")
@click.option("-p", "--pipeline", help="Of this pipeline alone, in its current version.")
@click.option("--commit", help="Under this commit id alone: another word for ID.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="REPO@BRANCH_OR_ID", help="That read this commit.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES, case_sensitive=False), help="In this state."
)
@click.option("-x", "--expand", is_flag=True, help="With --raw, one document a job instead of one an id.")
@click.option("-n", "--number", default=-1, help="At most so many.")
@history_option
@output_option
def list_job(
    id_: str | None,
    pipeline: str | None,
    commit: str | None,
    inputs: Sequence[str],
    states: Sequence[str],
    expand: bool,
    number: int,
    history: int,
    output: Output,
) -> None:
    """List jobs, newest first: all, those under an id, or those of a pipeline."""
    under = id_ if id_ is not None else commit
    with open_store() as store:
        found = queries.find_jobs(
            store, pipeline=pipeline, commit=under, inputs=inputs, states=states, history=history, limit=number
        )
        infos = (_info(store, job, details=under is None and (pipeline is not None or expand)) for job in found)
        flat = pipeline is not None or under is not None or expand
        if not output.prints(found, infos if flat else _by_id(infos)):
            print_table(_TITLES, [_row(job) for job in found])


@command(example="aeolian inspect job midi@3f2a")
@click.argument("job", metavar="PIPELINE@ID")
@output_option
def inspect_job(job: str, output: Output) -> None:
    """Tell about a job; the start of its id will do, and without one it is the pipeline's last."""
    with open_store() as store:
        found = jobs.find_job(store, job)
        if output.prints(found, [_info(store, found, details=True)]):
            return
        counts = f"{found.processed} processed, {found.skipped} skipped, {found.failed} failed"
        print_facts(
            [
                ("Job", f"{found.pipeline}@{found.id}"),
                ("State", found.state + (f": {found.reason}" if found.reason else "")),
                ("Started", age(found.started)),
                ("Duration", _duration(found)),
                ("Datums", f"{found.total}: {counts}, {found.recovered} recovered"),
                ("Pipeline version", str(found.version)),
                ("Program", found.code),
            ]
        )


@command(example="aeolian stop job midi@3f2a\naeolian stop job 3f2a9c1e")
@click.argument("job", metavar="PIPELINE@ID|ID")
def stop_job(job: str) -> None:
    """End a job that is not done, or all of an id, wherever they run; what follows from them is not run."""
    with open_store() as store:
        found = queries.find_one_or_set(store, job)
        ended = [each for each in found if kill_job(store, each.row, "job stopped")]
        for each in ended:
            warn(f"job {each.pipeline}@{each.id}: killed")
        if not ended:
            named = ", ".join(f"{each.pipeline}@{each.id[:12]}" for each in found)
            warn(f"nothing to stop: {named} has ended already")


@command(example="aeolian delete job midi@3f2a")
@click.argument("job", metavar="PIPELINE@ID")
def delete_job(job: str) -> None:
    """Remove a job from the list, with its logs; what it made stays. One that runs is ended first."""
    with open_store() as store:
        found = jobs.find_job(store, job, exact=True)
        kill_job(store, found.row, "job deleted")
        remove_job(store, jobs.find_job(store, f"{found.pipeline}@{found.id}"))


@command(example="aeolian wait job midi@3f2a\naeolian wait job 3f2a9c1e")
@click.argument("job", metavar="PIPELINE@ID|ID")
@executor_option
@output_option
def wait_job(job: str, output: Output) -> None:
    """Do what is outstanding until a job, or all of an id, has ended, and tell how.

    Exit code 1 if one did not go well.
    """
    with open_store() as store:
        if any(each.outstanding for each in queries.find_one_or_set(store, job)):
            run_outstanding(store, wait=True, go_on=True)
        found = queries.find_one_or_set(store, job)
        if not output.prints(found, [_info(store, each) for each in found]):
            print_table(_TITLES, [_row(each) for each in found])
        if any(each.state != "success" for each in found):
            sys.exit(EXIT_FAILURE)


@command(example="aeolian wait")
@executor_option
def wait() -> None:
    """Do what is outstanding, or wait for the aeolian that is at it; return when nothing is left.

    Exit code 1 if a job failed.
    """
    with open_store() as store:
        run_outstanding(store, wait=True)


def _by_id(infos: Iterable[Message]) -> Iterator[Message]:
    for id_, of_id in group_by_id(infos, "job").items():
        yield make_job_set_info(id_, of_id)


def _info(store: Store, job: Job, *, details: bool = False) -> Message:
    version = catalog.version(store, job.pipeline_row, job.version) if details else None
    return make_job_info(job, effort=jobs.sum_effort(store, job), pipeline=version)


def _row(job: Job) -> tuple[str, ...]:
    return (job.pipeline, job.id, age(job.started), _duration(job), write_progress(job), str(job.failed), job.state)


def write_progress(job: Job) -> str:
    """Return how far a job is, as pachctl writes it: `2 + 1 / 3`, and with recovered datums `2 + 1 + 1 / 4`."""
    recovered = f" + {job.recovered}" if job.recovered else ""
    return f"{job.processed} + {job.skipped}{recovered} / {job.total}"


def _duration(job: Job) -> str:
    return duration_text(job.finished - job.started) if job.started and job.finished else "-"
