"""Making, changing and removing pipelines."""

import contextlib
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aeolian.engine.programs.executors import Executor, ProcessExecutor
from aeolian.engine.programs.secrets import Place, merged
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY
from aeolian.engine.versions.branch_triggers import as_rule
from aeolian.engine.versions.branches import create_branch
from aeolian.engine.versions.catalog import Pipeline, find, pipelines
from aeolian.engine.versions.endings import kill_jobs
from aeolian.engine.versions.program import further_code, program_hash, source_folder
from aeolian.engine.versions.repos import branch_id, ensure_repo, repo_id, suggest
from aeolian.engine.versions.revisions import add_revision, new_set, newest
from aeolian.engine.versions.triggers import trigger
from aeolian.errors import UsageError
from aeolian.platform.protocol import Change
from aeolian.platform.specs.arguments import set_arguments
from aeolian.platform.specs.order import pipeline_order
from aeolian.platform.specs.spec import Spec, store_text

Arguments = tuple[tuple[str, str], ...]


class _DryRun(Exception):
    """Raised to undo a transaction that was tried only."""


def create_pipelines(
    store: Store,
    specs: Sequence[Spec],
    *,
    source: Path | None = None,
    arguments: dict[str, Arguments] | None = None,
    update: bool | None = None,
    make_repos: bool = False,
    reprocess: bool = False,
    executor: Executor | None = None,
    secrets: Sequence[Place] = (),
    dry_run: bool = False,
) -> list[Change]:
    """Makes or changes pipelines in one commit set, upstream first, and plans what follows.

    `update` False refuses a pipeline that exists, unless its spec says `update`. True gives one that exists a new
    version. None leaves one alone whose spec, program (as `executor` runs it) and last job are as they should be.
    `make_repos` makes input repos that nothing writes. `secrets` says where those of the specs are read; what an
    earlier version of a pipeline was told still holds. With `dry_run` nothing is kept. A branch that is read and has no
    commit gets an empty one, so that each pipeline has a job at once, as on a cluster; with `update` None a pipeline
    waits for its first input instead.
    Raises `UsageError` for an unknown upstream repo, a cycle, or two specs of one name.
    """
    arguments, executor = arguments or {}, executor or ProcessExecutor()
    by_name = {spec.name: spec for spec in specs}
    _refuse_bad_set(store, specs, by_name, arguments)
    _refuse_unwanted(specs, secrets)
    changes: list[Change] = []
    with contextlib.suppress(_DryRun), store.db.transaction():
        inputs = {p.name: {part.repo for part in p.spec.inputs()} for p in pipelines(store)}
        inputs |= {spec.name: {part.repo for part in spec.inputs()} for spec in specs}
        for name in pipeline_order(inputs):
            if name in by_name:
                given = arguments.get(name, ())
                spec = by_name[name]
                together = set(by_name)
                change = _put(store, spec, source, given, secrets, update, make_repos, together, reprocess, executor)
                changes.append(change)
        touched = [change.spec for change in changes if change.what != "unchanged" and change.spec.runs]
        _set_triggers(store, touched)
        if update is None:
            names = {spec.name for spec in touched}
            touched = [spec for spec in touched if _has_input(store, spec, names)]
        if touched:
            seq = new_set(store)
            _fill_inputs(store, seq, touched)
            trigger(store, seq, [], also=[spec.name for spec in touched])
        if dry_run:
            raise _DryRun
    return changes


def _set_triggers(store: Store, specs: Sequence[Spec]) -> None:
    """Lets the branches that inputs read follow others where a spec says so, also before anything has come."""
    for part in (part for spec in specs for part in spec.inputs()):
        if part.trigger is not None:
            create_branch(store, part.repo, part.branch, rule=as_rule(part.trigger))


def _fill_inputs(store: Store, seq: int, specs: Sequence[Spec]) -> None:
    """Gives each branch that is read, has no commit and gets none from another of these pipelines an empty one."""
    made = {(spec.name, spec.output_branch) for spec in specs}
    for spec in specs:
        for part in spec.inputs():
            branch = branch_id(store, part.repo, part.branch, create=True)
            if (part.repo, part.branch) not in made and branch is not None and newest(store, branch) is None:
                add_revision(store, branch, seq, EMPTY, origin="auto")


def _refuse_bad_set(
    store: Store, specs: Sequence[Spec], by_name: dict[str, Spec], arguments: dict[str, Arguments]
) -> None:
    if len(by_name) != len(specs):
        twice = next(spec.name for spec in specs if by_name[spec.name] is not spec)
        raise UsageError(f"Two specs make the pipeline {twice}.", remedy="Rename one of them.")
    for name in arguments:
        if name not in by_name:
            raise UsageError(
                f"--arg names the pipeline {name!r}.",
                remedy=suggest(name, list(by_name), f"There is {', '.join(by_name)}."),
            )


def _refuse_unwanted(specs: Sequence[Spec], secrets: Sequence[Place]) -> None:
    wanted = sorted({secret.name for spec in specs for secret in spec.transform.secrets})
    for place in secrets:
        if place.name not in wanted:
            otherwise = f"There is {', '.join(wanted)}." if wanted else "Leave --secret out."
            raise UsageError(f"No spec names the secret {place.name!r}.", remedy=suggest(place.name, wanted, otherwise))


def _put(
    store: Store,
    spec: Spec,
    source: Path | None,
    arguments: Arguments,
    secrets: Sequence[Place],
    update: bool | None,
    make_repos: bool,
    together: set[str],
    reprocess: bool,
    executor: Executor,
) -> Change:
    old = find(store, spec.name)
    if old and update is False and not spec.document.get("update"):
        raise UsageError(f"pipeline {spec.name} already exists.", remedy="Change it with `aeolian update pipeline`.")
    if not old and store.db.one("SELECT 1 FROM repo WHERE name = ?", spec.name):
        raise UsageError(
            f"A repo {spec.name} exists, and the pipeline would write to it.", remedy="Rename one of them."
        )
    made = _input_repos(store, spec, make_repos, together)
    spec = _with_arguments(spec, arguments)
    if reprocess or (spec.reprocess and old):
        spec = _with_new_salt(spec)
    elif old and not spec.document.get("salt") and update is None:
        salt = old.spec.document.get("salt")
        spec = replace(spec, document={**spec.document, **({"salt": salt} if salt else {})})
    folder = source_folder(spec, source)
    places = merged(old.secrets if old else (), secrets, spec.transform.secrets)
    may_stay = old is not None and not reprocess and update is None and places == old.secrets
    if old and may_stay and _same(store, old, spec, folder, executor):
        return Change(spec.name, "unchanged", spec, tuple(made))
    _write(store, spec, old, folder, arguments, places, further_code())
    return Change(spec.name, "updated" if old else "created", spec, tuple(made))


def _with_arguments(spec: Spec, arguments: Arguments) -> Spec:
    if not arguments:
        return spec
    cmd = set_arguments(spec.transform.cmd, arguments)
    transform = {**spec.document["transform"], "cmd": list(cmd)}
    return replace(spec, transform=replace(spec.transform, cmd=cmd), document={**spec.document, "transform": transform})


def _input_repos(store: Store, spec: Spec, make: bool, together: set[str]) -> list[str]:
    """Makes the input repos that may be made; the names of those that were."""
    made = []
    for part in spec.inputs():
        if (make and part.repo not in together) or part.is_cron:
            made += [part.repo] if ensure_repo(store, part.repo) else []
        elif part.repo not in together:
            repo_id(store, part.repo)
    return made


def _write(
    store: Store,
    spec: Spec,
    old: Pipeline | None,
    folder: Path | None,
    arguments: Arguments,
    secrets: Sequence[Place],
    code: Sequence[Path],
) -> None:
    number = old.version + 1 if old else 1
    if old:
        row = old.row
        kill_jobs(store, row, "all jobs killed because pipeline was updated")
        store.db.run("UPDATE pipeline SET version = ? WHERE id = ?", number, row)
    else:
        row = store.db.run("INSERT INTO pipeline (name, version) VALUES (?, ?)", spec.name, number)
    store.db.run(
        "INSERT INTO pipeline_version (pipeline_id, version, spec, source, arguments, spec_commit, created, code, "
        "secrets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
        number,
        store_text(spec),
        str(folder) if folder else None,
        json.dumps(arguments),
        uuid.uuid4().hex,
        time.time(),
        json.dumps([str(path) for path in code]),
        json.dumps([[place.name, place.key, place.where] for place in secrets]),
    )
    ensure_repo(store, spec.name, f"Output of pipeline {spec.name}.")
    branch_id(store, spec.name, spec.output_branch, create=True)


def _same(store: Store, old: Pipeline, spec: Spec, folder: Path | None, executor: Executor) -> bool:
    """Whether nothing would come of running the pipeline again: same spec, same program, and its last job went well."""
    if store_text(spec) != store_text(old.spec) or folder != old.source or further_code() != old.code:
        return False
    job = store.db.one("SELECT state, code FROM job WHERE pipeline_id = ? ORDER BY seq DESC LIMIT 1", old.row)
    if job is None or job["state"] in ("created", "running"):
        return True
    if job["state"] != "success":
        return False
    return bool(job["code"] == program_hash(store, old, executor.ready(spec).identity))


def _has_input(store: Store, spec: Spec, planned: set[str]) -> bool:
    """Whether some branch that the pipeline reads has a commit, or gets one, in this set or from a job before it."""
    for part in spec.inputs():
        branch = branch_id(store, part.repo, part.branch)
        if branch is not None and store.db.one(
            "SELECT 1 FROM revision WHERE branch_id = ? AND (state != 'open' OR origin = 'auto')",
            branch,
        ):
            return True
    upstream = [
        pipeline.spec
        for name in planned & {part.repo for part in spec.inputs()}
        if (pipeline := find(store, name)) is not None
    ]
    return any(_has_input(store, each, planned) for each in upstream)


def run_pipeline(store: Store, name: str) -> None:
    """Plans a job of the pipeline on its inputs as they are, and all that follows.

    Raises `UsageError` if it is unknown.
    """
    with store.db.transaction():
        inspect_pipeline(store, name)
        trigger(store, new_set(store), [], also=[name])


def rerun_pipeline(store: Store, name: str, *, reprocess: bool = False) -> None:
    """Gives a pipeline a new version of the same spec and plans its job; `reprocess` redoes every datum.

    Raises `UsageError` if it is unknown.
    """
    with store.db.transaction():
        old = inspect_pipeline(store, name)
        spec = _with_new_salt(old.spec) if reprocess else old.spec
        _write(store, spec, old, old.source, old.arguments, old.secrets, old.code)
        trigger(store, new_set(store), [], also=[name])


def _with_new_salt(spec: Spec) -> Spec:
    return replace(spec, document={**spec.document, "salt": uuid.uuid4().hex})


def inspect_pipeline(store: Store, name: str) -> Pipeline:
    """The pipeline in its current version. Raises `UsageError`, with the nearest name, if there is none."""
    found = find(store, name)
    if found is None:
        names = [pipeline.name for pipeline in pipelines(store)]
        raise UsageError(f"pipeline {name!r} not found.", remedy=suggest(name, names, "See `aeolian list pipeline`."))
    return found


def delete_pipeline(store: Store, name: str, *, keep_repo: bool = False, force: bool = False) -> None:
    """Removes a pipeline, its jobs, the repos of its cron inputs and, unless kept, its output repo.

    Raises `UsageError` while another pipeline reads that repo, unless with `force`: that one is left without its input.
    """
    with store.db.transaction():
        pipeline = inspect_pipeline(store, name)
        readers = sorted(p.name for p in pipelines(store) if any(part.repo == name for part in p.spec.inputs()))
        if readers and not keep_repo and not force:
            remedy = "Delete that one first, or keep what is there with --keep-repo."
            raise UsageError(
                f"{name} is in the provenance of the pipeline {', '.join(readers)}, which reads what it makes.",
                remedy=remedy,
            )
        kill_jobs(store, pipeline.row, "its pipeline was deleted")
        store.db.run("DELETE FROM pipeline WHERE id = ?", pipeline.row)
        if not keep_repo:
            store.db.run("DELETE FROM repo WHERE name = ?", name)
        read = {part.repo for other in pipelines(store) for part in other.spec.inputs()}
        for part in pipeline.spec.inputs():
            if part.is_cron and part.repo not in read:
                store.db.run("DELETE FROM repo WHERE name = ?", part.repo)


def delete_all_pipelines(store: Store, *, keep_repo: bool = False) -> list[str]:
    """Removes every pipeline, downstream first; their names in that order."""
    with store.db.transaction():
        inputs = {p.name: {part.repo for part in p.spec.inputs()} for p in pipelines(store)}
        names = pipeline_order(inputs)[::-1]
        for name in names:
            delete_pipeline(store, name, keep_repo=keep_repo)
        return names
