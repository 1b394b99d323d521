"""`aeolian logs`."""

import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click

from aeolian.cli.common import as_local, command, open_platform
from aeolian.cli.raw import PROJECT, make_message, write_time
from aeolian.engine.jobs import records as jobs
from aeolian.engine.jobs.records import DatumRecord, Job
from aeolian.engine.storage.store import Store
from aeolian.errors import UsageError
from aeolian.platform.protocol import LogQuery
from aeolian.platform.records import LogLine
from aeolian.platform.specs.names import full_name

SECONDS_BETWEEN_LOOKS = 0.2
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_OURS = b"--- "  # how a line starts that the engine wrote into a datum's log


@command(example="aeolian logs -p midi\naeolian logs --job midi@3f2a --datum 9c1e\naeolian logs -p midi --follow")
@click.option("-p", "--pipeline", help="Of the last job of this pipeline.")
@click.option("-j", "--job", metavar="PIPELINE@ID", help="Of this job.")
@click.option("--datum", help="Of this datum alone; the start of its id will do.")
@click.option("--inputs", metavar="PATH,…", help="Of the datums alone that read one of these paths, or content hashes.")
@click.option("--since", metavar="DURATION", help="Of the datums alone that ended less long ago: 90s, 10m, 1h30m.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--raw", is_flag=True, help="A JSON document a line, as pachctl --raw prints.")
@click.option("--worker", is_flag=True, help="What the engine noted about tries and failures, instead of the programs.")
@click.option("--master", is_flag=True, help="How the job goes, instead of what its programs wrote.")
def logs(
    pipeline: str | None,
    job: str | None,
    datum: str | None,
    inputs: str | None,
    since: str | None,
    follow: bool,
    raw: bool,
    worker: bool,
    master: bool,
) -> None:
    """Show what programs wrote, datum by datum."""
    if (pipeline is None) == (job is None):
        raise UsageError("Whose logs?", remedy="Give either --pipeline or --job.")
    seconds = parse_duration(since) if since is not None else None
    with open_platform() as platform:
        local = as_local(platform)
        if local is None:
            name = full_name(pipeline, platform.project) if pipeline is not None else ""
            paths = tuple(part for part in (inputs or "").split(",") if part)
            query = LogQuery(name, job or "", datum or "", paths, seconds, follow, master)
            _print_lines(platform.read_logs(query), raw=raw, worker=worker)
            return
        store = local.store
        found = jobs.find_job(store, str(job if job is not None else pipeline))
        if master:
            click.echo(f"{found.pipeline}@{found.id}: {found.state}{f': {found.reason}' if found.reason else ''}")
            return
        keep = _filter(store, found, datum, inputs, seconds)
        if follow:
            _follow(store, found, keep, raw=raw, worker=worker)
            return
        records = [record for record in jobs.list_datums(store, found) if keep(record)]
        for record in records:
            _show(record, heading=len(records) > 1, raw=raw, worker=worker)


def _print_lines(lines: Iterable[LogLine], *, raw: bool, worker: bool) -> None:
    """Print what a cluster still has of logs: what programs wrote, with a heading for each datum; all with `raw`."""
    last = None
    for line in lines:
        if raw:
            click.echo(json.dumps(line.raw, ensure_ascii=False))
        elif line.user != worker:
            if line.datum and line.datum != last:
                click.echo(f"=== {line.pipeline}@{line.job[:12]} (datum {line.datum[:16]})")
            last = line.datum
            click.echo(line.text)


def parse_duration(text: str) -> float:
    """Return the seconds of a duration as Go writes it: `90s`, `1h30m`, `1.5h`. Raises `UsageError`."""
    parts = _PART.findall(text)
    if text == "0":
        return 0.0
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f"{text!r} is no duration.", remedy="Write it as 90s, 10m or 1h30m.")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


Keep = Callable[[DatumRecord], bool]


def _filter(store: Store, job: Job, datum: str | None, inputs: str | None, seconds: float | None) -> Keep:
    if datum is not None and not job.outstanding:
        datum = jobs.find_datum(store, job, datum).id
    wanted = {part for part in (inputs or "").split(",") if part}
    oldest = time.time() - seconds if seconds is not None else 0.0

    def keep(record: DatumRecord) -> bool:
        named = {str(part[key]).rstrip("/") for part in record.inputs for key in ("path", "hash")}
        ended = record.started + sum(record.seconds.values())
        if datum is not None and not (record.id.startswith(datum) or datum.startswith(record.id)):
            return False
        return ended >= oldest and (not wanted or bool(named & {part.rstrip("/") for part in wanted}))

    return keep


def _show(record: DatumRecord, *, heading: bool, raw: bool, worker: bool) -> None:
    if not record.log.exists():
        return
    if heading and not raw:
        click.echo(f"=== {record.label} ({record.state}, datum {record.id[:16]})")
    sys.stdout.flush()
    with record.log.open("rb") as log:
        if raw or worker:
            for line in log:
                _print_line(line, record, raw=raw, worker=worker)
        else:
            shutil.copyfileobj(log, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _print_line(line: bytes, record: DatumRecord, *, raw: bool, worker: bool) -> None:
    ours = line.startswith(_OURS)
    if not raw:
        if ours:
            sys.stdout.buffer.write(line)
        return
    if worker and not ours:
        return
    message = make_message(
        project_name=PROJECT,
        pipeline_name=record.pipeline,
        job_id=record.job,
        datum_id=record.id,
        user=not ours,
        ts=write_time(record.started or None),
        message=line.decode("utf-8", "replace").rstrip("\r\n"),
    )
    sys.stdout.buffer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")


def _follow(store: Store, job: Job, keep: Keep, *, raw: bool, worker: bool) -> None:
    """Print what the logs of a job hold, and what comes, until it has ended."""
    read: dict[Path, int] = {}
    last: Path | None = None
    while True:
        ended = not jobs.find_job(store, f"{job.pipeline}@{job.id}").outstanding
        for record in _with_logs(store, job, keep):
            lines, read[record.log] = _read_lines(record.log, read.get(record.log, 0), to_the_end=ended)
            if not lines:
                continue
            if last != record.log and not raw:
                click.echo(f"=== {record.label or 'datum'} (datum {record.id[:16]})")
            last = record.log
            sys.stdout.flush()
            for line in lines:
                if raw or worker:
                    _print_line(line, record, raw=raw, worker=worker)
                else:
                    sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        if ended:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _with_logs(store: Store, job: Job, keep: Keep) -> Iterator[DatumRecord]:
    """Every datum of the job that has a log, also one that is at work and of which nothing else is known yet."""
    known = {record.log: record for record in jobs.list_datums(store, job)}
    folder = store.log(job.id, job.pipeline, "").parent
    running = (path for path in sorted(folder.glob("*.log")) if path not in known)
    for record in (*known.values(), *(_at_work(job, path) for path in running)):
        if record.log.exists() and keep(record):
            yield record


def _at_work(job: Job, log: Path) -> DatumRecord:
    return DatumRecord(
        id=log.stem,
        job=job.id,
        pipeline=job.pipeline,
        state="running",
        reason="",
        exit_code=None,
        tries=0,
        inputs=(),
        seconds={},
        started=time.time(),
        log=log,
        row=0,
    )


def _read_lines(path: Path, start: int, *, to_the_end: bool) -> tuple[Sequence[bytes], int]:
    """Return the whole lines of a log from a byte on, and the byte where they end."""
    try:
        with path.open("rb") as log:
            log.seek(start)
            content = log.read()
    except FileNotFoundError:
        return [], start
    end = len(content) if to_the_end else content.rfind(b"\n") + 1
    return content[:end].splitlines(keepends=True), start + end
