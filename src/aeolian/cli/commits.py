"""`aeolian start|finish|list|inspect|squash|delete commit`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from aeolian.cli import raw
from aeolian.cli.common import age, command, no_run_option, open_platform, size_text, warn
from aeolian.cli.output import Output, output_option, print_facts, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.running import follow
from aeolian.cli.transactions import tell
from aeolian.errors import UsageError
from aeolian.platform.addresses import parse_address
from aeolian.platform.protocol import Platform
from aeolian.platform.records import Commit

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
    with open_platform() as platform:
        address = parse_address(place, project=project, needs_branch=True)
        tell(platform.start_commit(address, parent=parent, description=message))


@command(example="aeolian finish commit seeds@master")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
@message_option
@click.option("-f", "--force", is_flag=True, hidden=True, help="As pachctl has it: changes nothing here.")
@project_option
@no_run_option
def finish_commit(place: str, message: str, force: bool, project: str, no_run: bool) -> None:
    """Close an open commit, and run what follows from it."""
    with open_platform() as platform:
        address = parse_address(place, project=project, needs_branch=True)
        if tell(platform.finish_commit(address, description=message)):
            follow(platform, no_run=no_run)


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
    with open_platform() as platform:
        found = _find_commits(platform, place, since, project)
    found = [commit for commit in found if origin in (None, commit.origin)]
    if place is None and not expand:
        _list_sets(found, number, output)
        return
    found = found if number < 0 else found[:number]
    if not output.prints(map(make_facts, found), map(raw.make_commit_info, found)):
        print_table(COMMIT_TITLES, [make_row(commit) for commit in found])


def _find_commits(platform: Platform, place: str | None, since: str, project: str) -> list[Commit]:
    if place is None:
        return platform.list_commits(None)
    if "@" not in place and (found := platform.find_set(place, project)) is not None:
        return found
    address = parse_address(place, project=project)
    if "@" not in place and since:
        raise UsageError("--from needs a branch to begin at.", remedy=f"Write {place}@master.")
    return platform.list_commits(address, whole_repo="@" not in place, since=since)


def _list_sets(found: list[Commit], number: int, output: Output) -> None:
    """Print one line an id: how many commits it has, how many of them are closed, and when it came and changed."""
    sets: dict[str, list[Commit]] = {}
    for commit in found:
        sets.setdefault(commit.id, []).append(commit)
    chosen = list(sets.items()) if number < 0 else list(sets.items())[:number]
    infos = (raw.make_commit_set_info(id_, [raw.make_commit_info(each) for each in group]) for id_, group in chosen)
    facts = ({"id": id_, "commits": [make_facts(each) for each in group]} for id_, group in chosen)
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
    with open_platform() as platform:
        found = platform.find_set(place, project) if "@" not in place else None
        if found is None:
            address = parse_address(place, project=project, needs_branch=True)
            print_commit(platform, platform.inspect_commit(address), output)
        elif not output.prints(map(make_facts, found), map(raw.make_commit_info, found)):
            print_table(COMMIT_TITLES, [make_row(each) for each in found])


def print_commit(platform: Platform, commit: Commit, output: Output) -> None:
    """Print all that is known of a commit."""
    if output.prints(make_facts(commit), [raw.make_commit_info(commit)]):
        return
    jobs = ", ".join(f"{job.pipeline} {job.state}" for job in reversed(platform.jobs_of_commit(commit)))
    print_facts(
        [
            ("Commit", f"{commit.repo}@{commit.id}"),
            ("Branch", commit.branch),
            ("Parent", commit.parent or "-"),
            ("State", commit.state),
            ("Made by", "a pipeline" if commit.origin == "auto" else "a user"),
            ("Description", commit.description),
            ("Started", age(commit.created)),
            ("Finished", age(commit.finished)),
            ("Files", f"{_count(commit)} ({size_text(commit.size)})"),
            ("Jobs", jobs or "none"),
        ]
    )


def make_facts(commit: Commit) -> dict[str, object]:
    """Return a commit as our own JSON has it."""
    return {
        "repo": commit.repo,
        "branch": commit.branch,
        "id": commit.id,
        "state": commit.state,
        "origin": commit.origin,
        "description": commit.description,
        "created": commit.created,
        "finished": commit.finished,
        "files": commit.files,
        "size": commit.size,
    }


def make_row(commit: Commit) -> tuple[str, ...]:
    """Return a line of a table of commits."""
    finished, size = age(commit.finished), size_text(commit.size)
    return (commit.repo, commit.branch, commit.id, commit.state, finished, _count(commit), size, commit.description)


def _count(commit: Commit) -> str:
    return "-" if commit.files is None else str(commit.files)


@command(example="aeolian squash commit 3f2a9c1e")
@click.argument("commit", metavar="ID")
def squash_commit(commit: str) -> None:
    """Remove a commit and all that followed from it under the same id, where later commits have the content.

    Refused while a branch's head would go, and while a commit of another id was made from it.
    """
    with open_platform() as platform:
        warn(platform.squash_commit(commit))


@command(example="aeolian delete commit audio-unprocessed@3f2a9c1e")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
def delete_commit(place: str) -> None:
    """Remove the newest commit with all that followed from it under the same id; branches go back to the one before.

    `aeolian gc` then frees the space. Refused while a commit of another id was made from it.
    """
    with open_platform() as platform:
        warn(platform.delete_commit(place))
