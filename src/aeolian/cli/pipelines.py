"""`aeolian create|update|delete|list|inspect pipeline`, `run pipeline`, `run cron` and `up`."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from aeolian.cli.common import age, command, no_run_option, open_store, warn
from aeolian.cli.output import Output, output_option, print_facts, print_table
from aeolian.cli.raw_jobs import make_pipeline_info
from aeolian.cli.running import executor, run_outstanding
from aeolian.engine import ticks
from aeolian.engine.jobs.records import list_jobs
from aeolian.engine.programs.secrets import parse_place
from aeolian.engine.specs.files import read_specs
from aeolian.engine.specs.spec import Spec
from aeolian.engine.versions import catalog, pipelines
from aeolian.engine.versions.pipelines import Arguments, Change
from aeolian.engine.versions.triggers import pipeline_order
from aeolian.errors import UsageError

_MOST_NAMES = 3
file_option = click.option(
    "-f", "--file", "spec", required=True, type=click.Path(path_type=Path), help="JSON or YAML file of pipelines."
)
source_option = click.option("--source", type=click.Path(path_type=Path), help="Folder that the program sees as /src.")
arg_option = click.option(
    "--arg",
    "args",
    multiple=True,
    metavar="PIPELINE:FLAG=VALUE",
    help="Set a flag of a pipeline's command. May be repeated.",
)

secret_option = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME[:KEY]=FILE|env:VAR",
    help="Where a secret that a spec names is read, each time a job runs. May be repeated.",
)


@command(example="aeolian create pipeline -f pipelines/midi.json")
@file_option
@source_option
@arg_option
@secret_option
@no_run_option
def create_pipeline(
    spec: Path, source: Path | None, args: tuple[str, ...], secrets: tuple[str, ...], no_run: bool
) -> None:
    """Make the pipelines of a spec file, and run them on what their inputs hold."""
    _change(read_specs(spec), source, args, secrets, no_run, update=False)


@command(example="aeolian update pipeline -f pipelines/midi.json --reprocess")
@file_option
@source_option
@arg_option
@secret_option
@click.option("--reprocess", is_flag=True, help="Redo every datum, also those that are done.")
@no_run_option
def update_pipeline(
    spec: Path, source: Path | None, args: tuple[str, ...], secrets: tuple[str, ...], reprocess: bool, no_run: bool
) -> None:
    """Replace pipelines by those of a spec file, and run them.

    A datum that is the same, program and all, is not redone.
    """
    _change(read_specs(spec), source, args, secrets, no_run, update=True, reprocess=reprocess)


@command(example="aeolian up pipelines/ --arg music-transformer:--epochs=3")
@click.argument("folder", type=click.Path(path_type=Path))
@source_option
@arg_option
@secret_option
@no_run_option
def up(folder: Path, source: Path | None, args: tuple[str, ...], secrets: tuple[str, ...], no_run: bool) -> None:
    """Make or change every pipeline of a folder, upstream first, with the repos that they read, and run them.

    A pipeline whose spec and program are as they were is left alone.
    """
    _change(read_specs(folder), source, args, secrets, no_run, update=None, make_repos=True)


def _change(
    specs: list[Spec],
    source: Path | None,
    args: tuple[str, ...],
    secrets: tuple[str, ...],
    no_run: bool,
    *,
    update: bool | None,
    make_repos: bool = False,
    reprocess: bool = False,
) -> None:
    arguments, places = _arguments(args), [parse_place(text) for text in secrets]
    with open_store(make=True) as store:
        changes = pipelines.create_pipelines(
            store,
            specs,
            source=source,
            arguments=arguments,
            update=update,
            make_repos=make_repos,
            reprocess=reprocess,
            executor=None if no_run else executor(),
            secrets=places,
        )
        _tell(changes)
        run_outstanding(store, no_run=no_run)


def _tell(changes: Sequence[Change]) -> None:
    """What was made, and once for all of them what of their specs has no effect here."""
    without_effect: dict[str, list[str]] = {}
    for change in changes:
        for repo in change.new_repos:
            warn(f"repo {repo}: created")
        warn(f"pipeline {change.pipeline}: {change.what}")
        if change.what != "unchanged":
            for sentence in change.not_applied:
                without_effect.setdefault(sentence, []).append(change.pipeline)
    for sentence, names in without_effect.items():
        which = ", ".join(names) if len(names) <= _MOST_NAMES else f"{len(names)} pipelines"
        warn(f"  not applied here: {sentence} ({which})")


def _arguments(args: tuple[str, ...]) -> dict[str, Arguments]:
    """`midi:--epochs=2` or `midi:epochs=2` → {"midi": (("--epochs", "2"),)}."""
    found: dict[str, Arguments] = {}
    for arg in args:
        pipeline, colon, setting = arg.partition(":")
        flag, equals, value = setting.partition("=")
        if not (colon and equals and pipeline and flag):
            raise UsageError(f"--arg {arg!r} is not clear.", remedy="Write it as PIPELINE:FLAG=VALUE.")
        flag = flag if flag.startswith("-") else f"--{flag}"
        found[pipeline] = (*found.get(pipeline, ()), (flag, value))
    return found


@command(example="aeolian delete pipeline render")
@click.argument("pipeline")
@click.option("--keep-repo", is_flag=True, help="Keep what it made as a plain repo.")
def delete_pipeline(pipeline: str, keep_repo: bool) -> None:
    """Remove a pipeline, its jobs and what it made."""
    with open_store() as store:
        pipelines.delete_pipeline(store, pipeline, keep_repo=keep_repo)


@command(example="aeolian list pipeline")
@output_option
def list_pipeline(output: Output) -> None:
    """List the pipelines, upstream first, with their last job."""
    with open_store() as store:
        by_name = {pipeline.name: pipeline for pipeline in catalog.pipelines(store)}
        reads = {name: {part.repo for part in pipeline.spec.inputs()} for name, pipeline in by_name.items()}
        found = [by_name[name] for name in pipeline_order(reads)]
        jobs = {
            pipeline.name: next(iter(list_jobs(store, pipeline=pipeline.name, limit=1)), None) for pipeline in found
        }
        facts = (_facts(pipeline) | {"last_job": jobs[pipeline.name]} for pipeline in found)
        if output.prints(facts, (make_pipeline_info(each, jobs[each.name]) for each in found)):
            return
        rows = []
        for pipeline in found:
            job = jobs[pipeline.name]
            inputs = ", ".join(f"{part.repo}@{part.branch}:{part.glob}" for part in pipeline.spec.inputs())
            rows.append(
                (pipeline.name, str(pipeline.version), inputs, age(pipeline.created), job.state if job else "-")
            )
        print_table(("NAME", "VERSION", "INPUT", "CREATED", "LAST JOB"), rows)


@command(example="aeolian inspect pipeline midi")
@click.argument("pipeline")
@output_option
def inspect_pipeline(pipeline: str, output: Output) -> None:
    """Tell about a pipeline: its spec, its program, its arguments."""
    with open_store() as store:
        found = pipelines.inspect_pipeline(store, pipeline)
        last = next(iter(list_jobs(store, pipeline=found.name, limit=1)), None)
        if output.prints(_facts(found), [make_pipeline_info(found, last)]):
            return
        facts = [
            ("Name", found.name),
            ("Version", str(found.version)),
            ("Description", found.spec.description),
            ("Created", age(found.created)),
            ("Input", ", ".join(f"{part.repo}@{part.branch}:{part.glob}" for part in found.spec.inputs())),
            ("Command", json.dumps(list(found.spec.transform.cmd), ensure_ascii=False)),
            ("Image", found.spec.transform.image),
            ("/src", str(found.source or "none")),
            ("Set by --arg", " ".join(f"{flag}={value}" for flag, value in found.arguments) or "nothing"),
            *[("Secret", str(place)) for place in found.secrets],
        ]
        print_facts(facts)


def _facts(pipeline: catalog.Pipeline) -> dict[str, object]:
    return {
        "name": pipeline.name,
        "version": pipeline.version,
        "created": pipeline.created,
        "source": pipeline.source,
        "arguments": [list(pair) for pair in pipeline.arguments],
        "secrets": pipeline.secrets,
        "spec": pipeline.spec.document,
    }


@command(example="aeolian run pipeline music-transformer")
@click.argument("pipeline")
@no_run_option
def run_pipeline(pipeline: str, no_run: bool) -> None:
    """Run a pipeline on its inputs as they are: what failed or changed is redone."""
    with open_store() as store:
        pipelines.run_pipeline(store, pipeline)
        run_outstanding(store, no_run=no_run)


@command(example="aeolian run cron nightly")
@click.argument("pipeline")
@no_run_option
def run_cron(pipeline: str, no_run: bool) -> None:
    """Make the cron inputs of a pipeline tick: a file named by the time goes into each of their repos."""
    with open_store() as store:
        crons = [part for part in pipelines.inspect_pipeline(store, pipeline).spec.inputs() if part.is_cron]
        if not crons:
            raise UsageError(f"The pipeline {pipeline} has no cron input.")
        for part in crons:
            ticks.tick(store, part, ticks.utc_now())
        run_outstanding(store, no_run=no_run)
