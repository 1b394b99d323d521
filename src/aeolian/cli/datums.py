"""`aeolian list|inspect|restart datum`."""

import click

from aeolian.cli.common import as_local, command, duration_text, open_platform, warn
from aeolian.cli.output import Output, output_option, plain, print_facts, print_table
from aeolian.cli.raw_jobs import make_datum_info
from aeolian.cli.spec_source import read_source
from aeolian.errors import UsageError
from aeolian.platform.records import Datum


@command(example="aeolian list datum midi@3f2a\naeolian list datum -f pipelines/midi.json")
@click.argument("job", required=False, metavar="[PIPELINE@ID]")
@click.option("-f", "--file", "spec", help="Of this spec's pipeline, which need not exist, on its inputs as they are.")
@output_option
def list_datum(job: str | None, spec: str | None, output: Output) -> None:
    """List the datums of a job, or those that a spec would have."""
    if (job is None) == (spec is None):
        raise UsageError("Whose datums?", remedy="Give either PIPELINE@ID or -f SPEC.")
    specs = read_source(spec) if spec is not None else []
    if spec is not None and len(specs) != 1:
        raise UsageError(f"There are {len(specs)} pipelines in {spec}.", remedy="Give the spec of one.")
    with open_platform() as platform:
        found = platform.plan_datums(specs[0]) if specs else platform.list_datums(str(job))
        if not output.prints(map(_facts, found), map(make_datum_info, found)):
            rows = [(r.id[:16], r.state or "-", duration_text(r.effort.seconds["process"]), r.label) for r in found]
            print_table(("DATUM", "STATE", "TIME", "INPUT"), rows)


@command(example="aeolian inspect datum midi@3f2a 9c1e")
@click.argument("job", metavar="PIPELINE@ID")
@click.argument("datum")
@output_option
def inspect_datum(job: str, datum: str, output: Output) -> None:
    """Tell about a datum of a job: what it read, how long it took, why it failed."""
    with open_platform() as platform:
        record = platform.inspect_datum(job, datum)
        local = as_local(platform)
        log = [("Log", str(local.find_log(record)))] if local else []
        if output.prints(_facts(record), [make_datum_info(record)]):
            return
        facts = [("Datum", record.id), ("State", record.state)]
        facts += [("Reason", record.reason)] if record.reason else []
        facts += [("Input", f"{part['repo']}@{part['commit'][:12]}:{part['path']}") for part in record.inputs]
        facts += [(phase.capitalize(), duration_text(seconds)) for phase, seconds in record.effort.seconds.items()]
        tries = [("Tries", str(record.tries))] if record.tries else []
        print_facts([*facts, *tries, *log])


@command(example="aeolian restart datum midi@3f2a /song.mp3")
@click.argument("job", metavar="PIPELINE@ID")
@click.argument("paths", metavar="PATH[,PATH…]")
def restart_datum(job: str, paths: str) -> None:
    """Begin a datum of a running job again that is stuck: the one that reads all these paths (or content hashes).

    With datum_batching, stop the job and run the pipeline again instead: what is done is kept.
    """
    wanted = [part for part in paths.split(",") if part]
    if not wanted:
        raise UsageError("Which datum?", remedy="Name a path that it reads, such as /song.mp3.")
    with open_platform() as platform:
        for label in platform.restart_datum(job, wanted):
            warn(f"{label}: begun again")


def _facts(record: Datum) -> dict[str, object]:
    """Return a datum as our own JSON has it."""
    facts = {name: value for name, value in plain(record).items() if name not in ("effort", "raw")}
    effort = record.effort
    took = {"seconds": dict(effort.seconds), "read_bytes": effort.read_bytes, "written_bytes": effort.written_bytes}
    return facts | took | {"label": record.label}
