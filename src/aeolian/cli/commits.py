"""`aeolian start|finish|list|inspect|squash|delete commit`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from aeolian.cli import raw
from aeolian.cli.common import age, command, no_run_option, open_store, size_text, warn
from aeolian.cli.output import Message, Output, output_option, print_facts, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.running import run_outstanding
from aeolian.cli.transactions import do_or_gather
from aeolian.engine import history
from aeolian.engine.jobs.records import list_jobs
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import references
from aeolian.engine.versions.references import Commit
from aeolian.errors import UsageError
from aeolian.platform.addresses import ID_LENGTH, Address, parse_address

Callback = TypeVar("Callback", bound=Callable[..., Any])
COMMIT_TITLES = ("REPO", "BRANCH", "COMMIT", "STATE", "FINISHED", "FILES", "SIZE", "DESCRIPTION")
LIST_EXAMPLE = "aeolian list commit audio-unprocessed@master\naeolian list commit 3f2a9c1e"


def message_option(callback: Callback) -> Callback:
    """Add `-m`, `--message` and `--description`, which are one."""
    return click.option("-m", "--message", "--description", "message", default="", help="What the commit is about.")(
        callback
    )


@command(example="aeolian start commit seeds@master")
@click.argument("place", metavar="REPO@BRANCH")
@click.option("-p", "--parent", default="", metavar="BRANCH_OR_ID", help="The commit that it goes on from.")
@message_option
@project_option
def start_commit(place: str, parent: str, message: str, project: str) -> None:
    """Open a commit: files put until `finish commit` are one change. Prints its id."""
    with open_store() as store:
        address = parse_address(place, project=project, needs_branch=True)
        repo, branch = address.repo, address.reference
        do_or_gather(store, "start commit", repo=repo, branch=branch, parent=parent, description=message)


@command(example="aeolian finish commit seeds@master")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
@message_option
@click.option("-f", "--force", is_flag=True, hidden=True, help="As pachctl has it: changes nothing here.")
@project_option
@no_run_option
def finish_commit(place: str, message: str, force: bool, project: str, no_run: bool) -> None:
    """Close an open commit, and run what follows from it."""
    with open_store() as store:
        address = parse_address(place, project=project, needs_branch=True)
        repo, reference = address.repo, address.reference
        if do_or_gather(store, "finish commit", repo=repo, reference=reference, description=message):
            run_outstanding(store, no_run=no_run)


@command(example=LIST_EXAMPLE)
@click.argument("place", required=False, metavar="[REPO[@BRANCH]|ID]")
@click.option("-f", "--from", "since", default="", metavar="ID", help="Only those after this one, of a branch.")
@click.option("-n", "--number", default=-1, help="At most so many.")
@click.option("-x", "--expand", is_flag=True, help="Without a place: every commit, not one line an id.")
@click.option("--all", "every", is_flag=True, help="As pachctl has it: here all are listed anyway.")
@click.option("--origin", type=click.Choice(["user", "auto", "fsck"], case_sensitive=False), help="Only those made so.")
@project_option
@output_option
def list_commit(
    place: str | None,
    since: str,
    number: int,
    expand: bool,
    every: bool,
    origin: str | None,
    project: str,
    output: Output,
) -> None:
    """List commits, newest first: of a repo, of a branch with its ancestors, of an id, or one line an id."""
    with open_store() as store:
        found = _find_commits(store, place, since, project)
        found = [commit for commit in found if origin in (None, commit.origin)]
        if place is None and not expand:
            _list_sets(store, found, number, output)
            return
        found = found if number < 0 else found[:number]
        if not output.prints((make_facts(store, each) for each in found), (make_info(store, each) for each in found)):
            print_table(COMMIT_TITLES, [make_row(store, commit) for commit in found])


def _find_commits(store: Store, place: str | None, since: str, project: str) -> list[Commit]:
    if place is None:
        return references.list_commits(store)
    if "@" not in place and references.is_id(store, place, project):
        return references.set_commits(store, references.find_set(store, place))
    address = parse_address(place, project=project)
    if "@" not in place:
        if since:
            raise UsageError("--from needs a branch to begin at.", remedy=f"Write {place}@master.")
        return references.list_commits(store, address.repo)
    until = references.resolve(store, Address(address.repo, since)).row if since else None
    return references.ancestors(store, references.resolve(store, address), until=until)


def _list_sets(store: Store, found: list[Commit], number: int, output: Output) -> None:
    """Print one line an id: how many commits it has, how many of them are closed, and when it came and changed."""
    sets: dict[str, list[Commit]] = {}
    for commit in found:
        sets.setdefault(commit.id, []).append(commit)
    chosen = list(sets.items()) if number < 0 else list(sets.items())[:number]
    infos = (raw.make_commit_set_info(id_, [make_info(store, each) for each in group]) for id_, group in chosen)
    facts = ({"id": id_, "commits": [make_facts(store, each) for each in group]} for id_, group in chosen)
    if output.prints(facts, infos):
        return
    rows = []
    for id_, group in chosen:
        closed = sum(commit.state != "open" for commit in group)
        changed = max(commit.finished or commit.created for commit in group)
        created = min(commit.created for commit in group)
        rows.append((id_, str(len(group)), f"{closed} / {len(group)}", age(created), age(changed)))
    print_table(("ID", "SUBCOMMITS", "PROGRESS", "CREATED", "MODIFIED"), rows)


@command(example="aeolian inspect commit midi@master")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
@project_option
@output_option
def inspect_commit(place: str, project: str, output: Output) -> None:
    """Tell about a commit, and the jobs that followed from it."""
    with open_store() as store:
        if len(place) == ID_LENGTH and "@" not in place:
            found = references.set_commits(store, references.find_set(store, place))
            output.prints((make_facts(store, each) for each in found), (make_info(store, each) for each in found))
            if output.shape == "table":
                print_table(COMMIT_TITLES, [make_row(store, each) for each in found])
            return
        print_commit(store, references.resolve(store, parse_address(place, project=project, needs_branch=True)), output)


def print_commit(store: Store, commit: Commit, output: Output) -> None:
    """Print all that is known of a commit."""
    facts = make_facts(store, commit)
    if output.prints(facts, [make_info(store, commit)]):
        return
    jobs = ", ".join(f"{job.pipeline} {job.state}" for job in reversed(list_jobs(store, commit=commit.id)))
    before = references.parent(store, commit)
    print_facts(
        [
            ("Commit", f"{commit.repo}@{commit.id}"),
            ("Branch", commit.branch),
            ("Parent", before.id if before else "-"),
            ("State", commit.state),
            ("Made by", "a pipeline" if commit.origin == "auto" else "a user"),
            ("Description", commit.description),
            ("Started", age(commit.created)),
            ("Finished", age(commit.finished)),
            ("Files", f"{facts['files']} ({size_text(int(str(facts['size'])))})"),
            ("Jobs", jobs or "none"),
        ]
    )


def make_info(store: Store, commit: Commit) -> Message:
    """Return a commit as pachctl's `--raw` has it."""
    before = references.parent(store, commit)
    jobs = list_jobs(store, pipeline=commit.repo, commit=commit.id) if commit.state == "failed" else []
    size = store.trees.totals(commit.tree)[1]
    return raw.make_commit_info(commit, size, parent=before.id if before else "", error=jobs[0].reason if jobs else "")


def make_facts(store: Store, commit: Commit) -> dict[str, object]:
    """Return a commit as our own JSON has it."""
    files, size = store.trees.totals(commit.tree)
    return {
        "repo": commit.repo,
        "branch": commit.branch,
        "id": commit.id,
        "state": commit.state,
        "origin": commit.origin,
        "description": commit.description,
        "created": commit.created,
        "finished": commit.finished,
        "files": files,
        "size": size,
        "tree": commit.tree,
    }


def make_row(store: Store, commit: Commit) -> tuple[str, ...]:
    """Return a line of a table of commits."""
    files, size = store.trees.totals(commit.tree)
    finished = age(commit.finished)
    return (
        commit.repo,
        commit.branch,
        commit.id,
        commit.state,
        finished,
        str(files),
        size_text(size),
        commit.description,
    )


@command(example="aeolian squash commit 3f2a9c1e")
@click.argument("commit", metavar="ID")
def squash_commit(commit: str) -> None:
    """Remove a commit and all that followed from it under the same id, where later commits have the content.

    Refused while a branch's head would go, and while a commit of another id was made from it.
    """
    with open_store() as store:
        _tell_removed(history.squash(store, commit))


@command(example="aeolian delete commit audio-unprocessed@3f2a9c1e")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
def delete_commit(place: str) -> None:
    """Remove the newest commit with all that followed from it under the same id; branches go back to the one before.

    `aeolian gc` then frees the space. Refused while a commit of another id was made from it.
    """
    with open_store() as store:
        _tell_removed(history.delete(store, place))


def _tell_removed(removed: history.Removed) -> None:
    warn(f"commit {removed.id}: removed from {', '.join(removed.commits)}, with {removed.jobs} jobs")
