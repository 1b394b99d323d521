"""`aeolian list|inspect job`, `list|inspect datum`, `logs` and `wait`."""

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence

import click

from aeolian.cli.common import age, command, duration_text, executor_option, open_store
from aeolian.cli.output import Message, Output, output_option, plain, print_facts, print_table
from aeolian.cli.raw import group_by_id
from aeolian.cli.raw_jobs import make_datum_info, make_job_info, make_job_set_info
from aeolian.cli.running import run_outstanding
from aeolian.engine.jobs import records as jobs
from aeolian.engine.jobs.records import DatumRecord, Job
from aeolian.engine.versions import catalog
from aeolian.errors import UsageError


@command(example="aeolian list job -p midi")
@click.option("-p", "--pipeline", help="Of this pipeline alone.")
@click.option("--commit", help="Under this commit id alone.")
@click.option("-n", "--number", default=-1, help="At most so many.")
@output_option
def list_job(pipeline: str | None, commit: str | None, number: int, output: Output) -> None:
    """List jobs, newest first."""
    with open_store() as store:
        found = jobs.list_jobs(store, pipeline=pipeline, commit=commit, limit=number)
        infos = (make_job_info(job, seconds=jobs.sum_seconds(store, job)) for job in found)
        if output.prints(found, infos if pipeline or commit else _by_id(infos)):
            return
        rows = [
            (
                job.pipeline,
                job.id,
                age(job.started),
                _duration(job),
                f"{job.processed} + {job.skipped} / {job.total}",
                str(job.failed),
                job.state,
            )
            for job in found
        ]
        print_table(("PIPELINE", "ID", "STARTED", "DURATION", "DONE + SKIPPED / TOTAL", "FAILED", "STATE"), rows)


@command(example="aeolian inspect job midi@3f2a")
@click.argument("job", metavar="PIPELINE@ID")
@output_option
def inspect_job(job: str, output: Output) -> None:
    """Tell about a job; the start of its id will do, and without one it is the pipeline's last."""
    with open_store() as store:
        found = jobs.find_job(store, job)
        seconds, version = jobs.sum_seconds(store, found), catalog.version(store, found.pipeline_row, found.version)
        if output.prints(found, [make_job_info(found, seconds=seconds, pipeline=version)]):
            return
        print_facts(
            [
                ("Job", f"{found.pipeline}@{found.id}"),
                ("State", found.state + (f": {found.reason}" if found.reason else "")),
                ("Started", age(found.started)),
                ("Duration", _duration(found)),
                (
                    "Datums",
                    f"{found.total}: {found.processed} processed, {found.skipped} skipped, {found.failed} failed, "
                    f"{found.recovered} recovered",
                ),
                ("Pipeline version", str(found.version)),
                ("Program", found.code),
            ]
        )


@command(example="aeolian list datum midi@3f2a")
@click.argument("job", metavar="PIPELINE@ID")
@output_option
def list_datum(job: str, output: Output) -> None:
    """List the datums of a job."""
    with open_store() as store:
        found = jobs.list_datums(store, jobs.find_job(store, job))
        if not output.prints(map(_facts, found), map(make_datum_info, found)):
            rows = [(r.id[:16], r.state, duration_text(r.seconds["process"]), r.label) for r in found]
            print_table(("DATUM", "STATE", "TIME", "INPUT"), rows)


@command(example="aeolian inspect datum midi@3f2a 9c1e")
@click.argument("job", metavar="PIPELINE@ID")
@click.argument("datum")
@output_option
def inspect_datum(job: str, datum: str, output: Output) -> None:
    """Tell about a datum of a job: what it read, how long it took, why it failed."""
    with open_store() as store:
        record = jobs.find_datum(store, jobs.find_job(store, job), datum)
        if output.prints(_facts(record), [make_datum_info(record)]):
            return
        facts = [("Datum", record.id), ("State", record.state)]
        facts += [("Reason", record.reason)] if record.reason else []
        facts += [("Input", f"{part['repo']}@{part['commit'][:12]}:{part['path']}") for part in record.inputs]
        facts += [(phase.capitalize(), duration_text(seconds)) for phase, seconds in record.seconds.items()]
        print_facts([*facts, ("Tries", str(record.tries)), ("Log", str(record.log))])


@command(example="aeolian logs -p midi\naeolian logs --job midi@3f2a --datum 9c1e")
@click.option("-p", "--pipeline", help="Of the last job of this pipeline.")
@click.option("-j", "--job", metavar="PIPELINE@ID", help="Of this job.")
@click.option("--datum", help="Of this datum alone.")
def logs(pipeline: str | None, job: str | None, datum: str | None) -> None:
    """Show what programs wrote, datum by datum."""
    if (pipeline is None) == (job is None):
        raise UsageError("Whose logs?", remedy="Give either --pipeline or --job.")
    with open_store() as store:
        found = jobs.find_job(store, job or str(pipeline))
        records = [jobs.find_datum(store, found, datum)] if datum else jobs.list_datums(store, found)
        _show(records)


def _show(records: Sequence[DatumRecord]) -> None:
    for record in records:
        if not record.log.exists():
            continue
        if len(records) > 1:
            click.echo(f"=== {record.label} ({record.state}, datum {record.id[:16]})")
        sys.stdout.flush()
        with record.log.open("rb") as log:
            shutil.copyfileobj(log, sys.stdout.buffer)
        sys.stdout.buffer.flush()


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


def _duration(job: Job) -> str:
    return duration_text(job.finished - job.started) if job.started and job.finished else "-"


def _facts(record: DatumRecord) -> dict[str, object]:
    facts: dict[str, object] = plain(record)
    return facts | {"label": record.label}
