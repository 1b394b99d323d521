"""`aeolian list|inspect|stop|delete|wait job` and `wait`."""

import sys
from collections.abc import Iterable, Iterator, Sequence

import click

from aeolian.cli.common import (
    age,
    as_local,
    chosen_project,
    command,
    duration_text,
    executor_option,
    history_option,
    open_platform,
    warn,
)
from aeolian.cli.output import Message, Output, output_option, plain, print_facts, print_table
from aeolian.cli.raw import group_by_id
from aeolian.cli.raw_jobs import make_job_info, make_job_set_info
from aeolian.cli.running import follow, run_outstanding
from aeolian.errors import EXIT_FAILURE
from aeolian.platform.addresses import parse_address
from aeolian.platform.records import Job
from aeolian.platform.specs.names import full_name

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
    project = chosen_project()
    with open_platform() as platform:
        found = platform.list_jobs(
            pipeline=full_name(pipeline, project) if pipeline is not None else None,
            commit=under,
            inputs=[parse_address(place, project=project) for place in inputs],
            states=states,
            history=history,
            limit=number,
            details=output.raw and under is None and (pipeline is not None or expand),
        )
        infos = map(make_job_info, found)
        flat = pipeline is not None or under is not None or expand
        if not output.prints(map(make_facts, found), infos if flat else _by_id(infos)):
            print_table(_TITLES, [_row(job) for job in found])


@command(example="aeolian inspect job midi@3f2a")
@click.argument("job", metavar="PIPELINE@ID")
@output_option
def inspect_job(job: str, output: Output) -> None:
    """Tell about a job; the start of its id will do, and without one it is the pipeline's last."""
    with open_platform() as platform:
        found = platform.inspect_job(job)
        if output.prints(make_facts(found), [make_job_info(found)]):
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
                *([("Program", found.code)] if found.code else []),
            ]
        )


@command(example="aeolian stop job midi@3f2a\naeolian stop job 3f2a9c1e")
@click.argument("job", metavar="PIPELINE@ID|ID")
def stop_job(job: str) -> None:
    """End a job that is not done, or all of an id, wherever they run; what follows from them is not run."""
    with open_platform() as platform:
        ended = platform.stop_job(job)
        for each in ended:
            warn(f"job {each.pipeline}@{each.id}: killed")
        if not ended:
            warn(f"nothing to stop: {job} has ended already")


@command(example="aeolian delete job midi@3f2a")
@click.argument("job", metavar="PIPELINE@ID")
def delete_job(job: str) -> None:
    """Remove a job from the list, with its logs; what it made stays. One that runs is ended first."""
    with open_platform() as platform:
        platform.delete_job(job)


@command(example="aeolian wait job midi@3f2a\naeolian wait job 3f2a9c1e")
@click.argument("job", metavar="PIPELINE@ID|ID")
@executor_option
@output_option
def wait_job(job: str, output: Output) -> None:
    """Do what is outstanding until a job, or all of an id, has ended, and tell how.

    Exit code 1 if one did not go well.
    """
    with open_platform() as platform:
        found = platform.find_jobs(job)
        if any(each.outstanding for each in found):
            if local := as_local(platform):
                run_outstanding(local.store, wait=True, go_on=True)
            else:
                follow(platform, found[0].id, go_on=True)
            found = platform.find_jobs(job)
        if not output.prints(map(make_facts, found), map(make_job_info, found)):
            print_table(_TITLES, [_row(each) for each in found])
        if any(each.state != "success" for each in found):
            sys.exit(EXIT_FAILURE)


@command(example="aeolian wait")
@executor_option
def wait() -> None:
    """Do what is outstanding, or wait for the aeolian that is at it; return when nothing is left.

    Exit code 1 if a job failed.
    """
    with open_platform() as platform:
        if local := as_local(platform):
            run_outstanding(local.store, wait=True)
        else:
            follow(platform)


def _by_id(infos: Iterable[Message]) -> Iterator[Message]:
    for id_, of_id in group_by_id(infos, "job").items():
        yield make_job_set_info(id_, of_id)


def make_facts(job: Job) -> dict[str, object]:
    """Return a job as our own JSON has it."""
    return {name: value for name, value in plain(job).items() if name not in ("effort", "spec", "raw")}


def _row(job: Job) -> tuple[str, ...]:
    return (job.pipeline, job.id, age(job.started), _duration(job), write_progress(job), str(job.failed), job.state)


def write_progress(job: Job) -> str:
    """Return how far a job is, as pachctl writes it: `2 + 1 / 3`, and with recovered datums `2 + 1 + 1 / 4`."""
    recovered = f" + {job.recovered}" if job.recovered else ""
    return f"{job.processed} + {job.skipped}{recovered} / {job.total}"


def _duration(job: Job) -> str:
    return duration_text(job.finished - job.started) if job.started and job.finished else "-"
