"""`aeolian create|update|validate|edit pipeline` and `up`."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from aeolian.cli.common import as_local, chosen_context, command, no_run_option, open_platform, open_store, warn
from aeolian.cli.output import Output, output_option, own_output_option, print_documents
from aeolian.cli.raw_jobs import make_spec
from aeolian.cli.running import executor, follow, run_outstanding
from aeolian.cli.spec_source import file_option, read_source, split_arguments
from aeolian.cli.transactions import do_or_gather
from aeolian.engine.local.platform import LocalPlatform
from aeolian.engine.programs.secrets import parse_place
from aeolian.engine.storage.store import Store, default_home
from aeolian.engine.versions import pipelines
from aeolian.engine.versions.program import source_folder
from aeolian.engine.versions.transactions import find_active
from aeolian.errors import AeolianError, UsageError
from aeolian.platform.contexts import LOCAL
from aeolian.platform.protocol import Change, Platform, Wanted
from aeolian.platform.specs.files import read_documents, read_specs
from aeolian.platform.specs.spec import Spec, parse, store_text

Callback = TypeVar("Callback", bound=Callable[..., Any])
_MOST_NAMES = 3
_EDITOR = "vi"


def program_options(callback: Callback) -> Callback:
    """Add what says where programs and secrets are: `--source`, `--arg`, `--secret`."""
    source = click.option("--source", type=click.Path(path_type=Path), help="Folder that the program sees as /src.")
    arg = click.option(
        "--arg",
        "args",
        multiple=True,
        metavar="PIPELINE:FLAG=VALUE",
        help="Set a flag of a pipeline's command; with --jsonnet, NAME=VALUE sets an argument of the template.",
    )
    secret = click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="NAME[:KEY]=FILE|env:VAR",
        help="Where a secret that a spec names is read, each time a job runs. May be repeated.",
    )
    return source(arg(secret(callback)))


reprocess_option = click.option("--reprocess", is_flag=True, help="Redo every datum, also those that are done.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Check, print the spec with its defaults, make nothing.")


@command(
    example="aeolian create pipeline -f pipelines/midi.json\n"
    "aeolian create pipeline --jsonnet midi.jsonnet --arg suffix=2"
)
@file_option
@program_options
@dry_run_option
@no_run_option
@output_option
def create_pipeline(spec: str | None, jsonnet: str | None, args: tuple[str, ...], **options: Any) -> None:
    """Make the pipelines of a spec file, and run them on what their inputs hold.

    All of them are made or, if one is wrong, none.
    """
    _change(read_source(spec, jsonnet, args), () if jsonnet else args, update=False, **options)


@command(example="aeolian update pipeline -f pipelines/midi.json --reprocess")
@file_option
@program_options
@reprocess_option
@dry_run_option
@no_run_option
@output_option
def update_pipeline(spec: str | None, jsonnet: str | None, args: tuple[str, ...], **options: Any) -> None:
    """Replace pipelines by those of a spec file, and run them; one that is not there is made.

    A datum that is the same, program and all, is not redone. A job that runs is ended.
    """
    _change(read_source(spec, jsonnet, args), () if jsonnet else args, update=True, **options)


@command(example="aeolian up pipelines/ --arg music-transformer:--epochs=3")
@click.argument("folder", type=click.Path(path_type=Path))
@program_options
@dry_run_option
@no_run_option
@own_output_option
def up(folder: Path, args: tuple[str, ...], **options: Any) -> None:
    """Make or change every pipeline of a folder, upstream first, with the repos that they read, and run them.

    A pipeline whose spec and program are as they were is left alone.
    """
    _change(read_specs(folder), args, update=None, make_repos=True, **options)


def _change(
    specs: list[Spec],
    args: Sequence[str],
    *,
    source: Path | None,
    secrets: Sequence[str],
    no_run: bool,
    dry_run: bool,
    output: Output,
    update: bool | None,
    make_repos: bool = False,
    reprocess: bool = False,
) -> None:
    arguments, places = split_arguments(args), [parse_place(text) for text in secrets]
    wanted = Wanted(update, reprocess, make_repos, dry_run, arguments, source, tuple(places))
    with _platform(dry_run) as platform:
        local = as_local(platform)
        if local and not dry_run and _gather(local.store, specs, wanted):
            return
        if local and not no_run and not dry_run:
            local.executor = executor()
        changes = platform.create_pipelines(specs, wanted)
        if dry_run:
            print_documents((make_spec(change.spec.document) for change in changes), output.shape)
            return
        _tell(changes, told=bool(local))
        follow(platform, no_run=no_run)


def _gather(store: Store, specs: Sequence[Spec], wanted: Wanted) -> bool:
    """Gather what is wanted in the transaction that is active; return whether there is one."""
    if find_active(store) is None:
        return False
    for spec in specs:
        folder, names = source_folder(spec, wanted.source), {secret.name for secret in spec.transform.secrets}
        do_or_gather(
            store,
            "create pipeline",
            spec=store_text(spec),
            source=str(folder) if folder else None,
            arguments=wanted.arguments.get(spec.name, ()),
            update=wanted.update,
            reprocess=wanted.reprocess,
            secrets=[[place.name, place.key, place.where] for place in wanted.secrets if place.name in names],
        )
    return True


@contextmanager
def _platform(dry_run: bool) -> Iterator[Platform]:
    """The platform; for a dry run where there is no store, one that is gone afterwards."""
    if not dry_run or chosen_context() != LOCAL or (default_home() / "store.db").exists():
        with open_platform(make=True) as platform:
            yield platform
    else:
        with tempfile.TemporaryDirectory() as folder, LocalPlatform(Store(Path(folder))) as local:
            yield local


def _tell(changes: Sequence[Change], *, told: bool = True) -> None:
    """What was made, and (`told`) once for all of them what of their specs has no effect here."""
    without_effect: dict[str, list[str]] = {}
    for change in changes:
        for repo in change.new_repos:
            warn(f"repo {repo}: created")
        warn(f"pipeline {change.pipeline}: {change.what}")
        if told and change.what != "unchanged":
            for sentence in change.spec.not_applied:
                without_effect.setdefault(sentence, []).append(change.pipeline)
    for sentence, names in without_effect.items():
        which = ", ".join(names) if len(names) <= _MOST_NAMES else f"{len(names)} pipelines"
        warn(f"  not applied here: {sentence} ({which})")


@command(example="aeolian validate pipeline -f pipelines/midi.json")
@file_option
@click.option("--arg", "args", multiple=True, metavar="NAME=VALUE", help="Set an argument of the template.")
def validate_pipeline(spec: str | None, jsonnet: str | None, args: tuple[str, ...]) -> None:
    """Check the pipelines of a spec file without making them."""
    for found in read_source(spec, jsonnet, args):
        warn(f"pipeline {found.name}: the spec is valid")
        for sentence in found.not_applied:
            warn(f"  not applied here: {sentence}")


@command(example="aeolian edit pipeline midi --editor nano")
@click.argument("pipeline")
@click.option("--editor", help="Command that edits a file; $EDITOR if not given, else vi.")
@reprocess_option
@no_run_option
@own_output_option
def edit_pipeline(pipeline: str, editor: str | None, reprocess: bool, no_run: bool, output: Output) -> None:
    """Change a pipeline's spec in an editor, as JSON or with -o yaml as YAML, and run it."""
    with open_store() as store:
        old = pipelines.inspect_pipeline(store, pipeline)
        suffix = "yaml" if output.shape == "yaml" else "json"
        handle, name = tempfile.mkstemp(prefix=f"{old.name}-", suffix=f".pipeline.{suffix}")
        os.close(handle)
        file = Path(name)
        file.write_text(_write_document(old.spec.document, suffix), encoding="utf-8")
        before = file.read_bytes()
        _run_editor(editor or os.environ.get("EDITOR") or _EDITOR, file)
        if file.read_bytes() == before:
            file.unlink()
            warn(f"pipeline {old.name}: unchanged")
            return
        try:
            changes = pipelines.create_pipelines(
                store,
                [_read_edited(file, old.name)],
                source=old.source,
                update=True,
                reprocess=reprocess,
                executor=None if no_run else executor(),
            )
        except AeolianError as error:
            raise UsageError(f"{error}\nNothing was changed; what you wrote is in {file}.") from None
        file.unlink()
        _tell(changes)
        run_outstanding(store, no_run=no_run)


def _write_document(document: dict[str, Any], suffix: str) -> str:
    if suffix == "json":
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    import yaml

    return str(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


def _run_editor(editor: str, file: Path) -> None:
    try:
        code = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
    except (OSError, ValueError) as error:
        file.unlink()
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The editor {editor!r} cannot be run: {reason}.", remedy="Name one with --editor.") from None
    if code:
        raise AeolianError(f"The editor ended with exit code {code}. Nothing was changed; the text is in {file}.")


def _read_edited(file: Path, name: str) -> Spec:
    documents = read_documents(file)
    if len(documents) != 1:
        raise UsageError(f"There are {len(documents)} pipelines in it.", remedy="Leave the one that is edited.")
    spec = parse(documents[0])
    if spec.name != name:
        raise UsageError(f"The pipeline is named {name}, not {spec.name}.", remedy="A pipeline keeps its name.")
    return replace(spec, file=None)
