"""`aeolian list|inspect pipeline`."""

import json
from collections.abc import Iterator, Sequence

import click

from aeolian.cli.common import age, command, history_option, open_store
from aeolian.cli.output import Message, Output, output_option, print_documents, print_facts, print_table
from aeolian.cli.raw_jobs import find_state, make_pipeline_info, make_spec
from aeolian.engine.jobs.records import Job, list_jobs
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog, pipelines
from aeolian.engine.versions.catalog import Pipeline
from aeolian.engine.versions.triggers import pipeline_order
from aeolian.errors import UsageError

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
    with open_store() as store:
        found = [pipelines.inspect_pipeline(store, pipeline)] if pipeline is not None else _upstream_first(store)
        jobs = {each.name: _last_job(store, each) for each in found}
        found = [each for each in found if not states or _state(each, jobs[each.name]) in states]
        found = [version for each in found for version in (each, *_earlier(store, each, history))]
        if spec:
            shape = "yaml" if output.shape == "yaml" else "json"
            print_documents((make_spec(each.spec.document) for each in found), shape)
            return
        facts = (_facts(each) | {"last_job": jobs[each.name]} for each in found)
        if output.prints(facts, (_info(each, jobs[each.name]) for each in found)):
            return
        print_table(
            ("NAME", "VERSION", "INPUT", "CREATED", "STATE", "LAST JOB", "DESCRIPTION"),
            [_row(each, jobs[each.name]) for each in found],
        )


@command(example="aeolian inspect pipeline midi")
@click.argument("pipeline")
@output_option
def inspect_pipeline(pipeline: str, output: Output) -> None:
    """Tell about a pipeline: its state, its spec, its program, its arguments."""
    with open_store() as store:
        found = pipelines.inspect_pipeline(store, pipeline)
        last = _last_job(store, found)
        if output.prints(_facts(found), [_info(found, last)]):
            return
        facts = [
            ("Name", found.name),
            ("Version", str(found.version)),
            ("Description", found.spec.description),
            ("Created", age(found.created)),
            ("State", _state(found, last)),
            ("Last job", f"{last.id} {last.state}{f': {last.reason}' if last.reason else ''}" if last else "none"),
            ("Input", _inputs(found)),
            ("Output branch", found.spec.output_branch),
            ("Datum tries", str(found.spec.datum_tries)),
            ("Command", json.dumps(list(found.spec.transform.cmd), ensure_ascii=False)),
            ("Image", found.spec.transform.image),
            ("/src", str(found.source or "none")),
            ("Set by --arg", " ".join(f"{flag}={value}" for flag, value in found.arguments) or "nothing"),
            *[("Secret", str(place)) for place in found.secrets],
        ]
        print_facts(facts)


def _upstream_first(store: Store) -> list[Pipeline]:
    by_name = {pipeline.name: pipeline for pipeline in catalog.pipelines(store)}
    return [
        by_name[name]
        for name in pipeline_order({name: {part.repo for part in each.spec.inputs()} for name, each in by_name.items()})
    ]


def _earlier(store: Store, pipeline: Pipeline, history: int) -> Iterator[Pipeline]:
    """The `history` versions before this one, newest first; -1 is all of them."""
    oldest = 0 if history < 0 else max(pipeline.version - 1 - history, 0)
    for number in range(pipeline.version - 1, oldest, -1):
        yield catalog.version(store, pipeline.row, number)


def _last_job(store: Store, pipeline: Pipeline) -> Job | None:
    return next(iter(list_jobs(store, pipeline=pipeline.name, limit=1)), None)


def _info(pipeline: Pipeline, last: Job | None) -> Message:
    return make_pipeline_info(pipeline, last)


def _state(pipeline: Pipeline, last: Job | None) -> str:
    return find_state(pipeline, last).removeprefix("PIPELINE_").lower()


def _inputs(pipeline: Pipeline) -> str:
    return ", ".join(f"{part.repo}@{part.branch}:{part.glob}" for part in pipeline.spec.inputs())


def _row(pipeline: Pipeline, job: Job | None) -> tuple[str, ...]:
    return (
        pipeline.name,
        str(pipeline.version),
        _inputs(pipeline),
        age(pipeline.created),
        _state(pipeline, job),
        job.state if job else "-",
        pipeline.spec.description,
    )


def _facts(pipeline: Pipeline) -> dict[str, object]:
    return {
        "name": pipeline.name,
        "version": pipeline.version,
        "created": pipeline.created,
        "source": pipeline.source,
        "arguments": [list(pair) for pair in pipeline.arguments],
        "secrets": pipeline.secrets,
        "spec": pipeline.spec.document,
    }
