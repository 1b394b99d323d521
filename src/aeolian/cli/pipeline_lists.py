"""`aeolian list|inspect pipeline`."""

import json
from collections.abc import Sequence

import click

from aeolian.cli.common import age, as_local, command, history_option, open_platform
from aeolian.cli.jobs import make_facts
from aeolian.cli.output import Output, output_option, print_documents, print_facts, print_table
from aeolian.cli.raw_jobs import make_pipeline_info, make_spec
from aeolian.errors import UsageError
from aeolian.platform.records import Pipeline
from aeolian.platform.specs.names import full_name
from aeolian.platform.specs.spec import DEFAULT_TRIES

_STATES = ("starting", "running", "restarting", "failure", "paused", "standby", "crashing")


@command(
    example="aeolian list pipeline\naeolian list pipeline midi --history all\naeolian list pipeline --spec -o yaml"
)
@click.argument("pipeline", required=False)
@click.option("-s", "--spec", is_flag=True, help="Print specs that `create pipeline` takes.")
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="In this state. May be repeated.")
@history_option
@output_option
def list_pipeline(pipeline: str | None, spec: bool, states: Sequence[str], history: int, output: Output) -> None:
    """List the pipelines, or one of them, upstream first, with their last job."""
    if spec and output.raw:
        raise UsageError("--raw and --spec are two shapes.", remedy="Give one of them.")
    with open_platform() as platform:
        chosen = [full_name(pipeline, platform.project)] if pipeline is not None else None
        found = platform.list_pipelines(chosen, history=history)
        found = [each for each in found if not states or each.state in states]
        if spec:
            shape = "yaml" if output.shape == "yaml" else "json"
            print_documents((make_spec(each.spec) for each in found), shape)
            return
        if output.prints(({**_facts(each), "last_job": _last(each)} for each in found), map(make_pipeline_info, found)):
            return
        print_table(
            ("NAME", "VERSION", "INPUT", "CREATED", "STATE", "LAST JOB", "DESCRIPTION"), [_row(each) for each in found]
        )


@command(example="aeolian inspect pipeline midi")
@click.argument("pipeline")
@output_option
def inspect_pipeline(pipeline: str, output: Output) -> None:
    """Tell about a pipeline: its state, its spec, its program, its arguments."""
    with open_platform() as platform:
        found = platform.inspect_pipeline(full_name(pipeline, platform.project))
        last = found.last_job
        if output.prints(_facts(found), [make_pipeline_info(found)]):
            return
        transform = found.spec.get("transform", {})
        facts = [
            ("Name", found.name),
            ("Version", str(found.version)),
            ("Description", found.description),
            ("Created", age(found.created)),
            ("State", f"{found.state}{f': {found.reason}' if found.reason else ''}"),
            ("Last job", f"{last.id} {last.state}{f': {last.reason}' if last.reason else ''}" if last else "none"),
            ("Input", found.inputs),
            ("Output branch", found.output_branch),
            ("Datum tries", str(found.spec.get("datum_tries", DEFAULT_TRIES))),
            ("Command", json.dumps(list(transform.get("cmd", ())), ensure_ascii=False)),
            ("Image", str(transform.get("image", ""))),
        ]
        if as_local(platform):
            facts += [
                ("/src", str(found.source or "none")),
                ("Set by --arg", " ".join(f"{flag}={value}" for flag, value in found.arguments) or "nothing"),
            ]
        print_facts([*facts, *[("Secret", str(place)) for place in found.secrets]])


def _last(pipeline: Pipeline) -> dict[str, object] | None:
    return make_facts(pipeline.last_job) if pipeline.last_job else None


def _row(pipeline: Pipeline) -> tuple[str, ...]:
    last = pipeline.last_job
    return (
        pipeline.name,
        str(pipeline.version),
        pipeline.inputs,
        age(pipeline.created),
        pipeline.state,
        last.state if last else "-",
        pipeline.description,
    )


def _facts(pipeline: Pipeline) -> dict[str, object]:
    return {
        "name": pipeline.name,
        "version": pipeline.version,
        "created": pipeline.created,
        "source": pipeline.source,
        "arguments": [list(pair) for pair in pipeline.arguments],
        "secrets": pipeline.secrets,
        "spec": pipeline.spec,
    }
