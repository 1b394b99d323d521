"""`aeolian create|delete|list|inspect repo`, `list|inspect|start|finish|squash|delete commit`."""

from collections.abc import Iterable, Iterator

import click

from aeolian.cli import raw
from aeolian.cli.common import age, command, no_run_option, open_store, size_text, warn
from aeolian.cli.output import Message, Output, output_option, print_facts, print_table
from aeolian.cli.running import run_outstanding
from aeolian.engine import history
from aeolian.engine.jobs.records import list_jobs
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import commits, repos
from aeolian.engine.versions.addresses import parse_address
from aeolian.engine.versions.commits import Commit


@command(example="aeolian create repo seeds")
@click.argument("repo")
@click.option("--description", default="", help="What the repo is for.")
def create_repo(repo: str, description: str) -> None:
    """Make an empty repo."""
    with open_store(make=True) as store:
        repos.create_repo(store, repo, description)


@command(example="aeolian delete repo seeds")
@click.argument("repo")
def delete_repo(repo: str) -> None:
    """Remove a repo and its history; `aeolian gc` then frees the space."""
    with open_store() as store:
        repos.delete_repo(store, repo)


@command(example="aeolian list repo -o json")
@output_option
def list_repo(output: Output) -> None:
    """List the repos, with what their master branch holds."""
    with open_store() as store:
        found = repos.list_repos(store)
        if output.prints(found, map(raw.make_repo_info, found)):
            return
        rows = [(r.name, age(r.created), str(r.files), size_text(r.size), r.description) for r in found]
        print_table(("NAME", "CREATED", "FILES", "SIZE (MASTER)", "DESCRIPTION"), rows)


@command(example="aeolian inspect repo midi")
@click.argument("repo")
@output_option
def inspect_repo(repo: str, output: Output) -> None:
    """Tell about a repo."""
    with open_store() as store:
        found = repos.inspect_repo(store, repo)
        if output.prints(found, [raw.make_repo_info(found, details=True)]):
            return
        print_facts(
            [
                ("Name", found.name),
                ("Description", found.description),
                ("Created", age(found.created)),
                ("Branches", ", ".join(found.branches) or "none"),
                ("Files on master", f"{found.files} ({size_text(found.size)})"),
                ("Written by", f"pipeline {found.name}" if found.pipeline else "put file"),
            ]
        )


@command(example="aeolian list commit audio-unprocessed@master")
@click.argument("place", required=False, metavar="[REPO[@BRANCH]]")
@click.option("-n", "--number", default=-1, help="At most so many.")
@output_option
def list_commit(place: str | None, number: int, output: Output) -> None:
    """List commits, newest first: of a repo, of a branch, or all."""
    with open_store() as store:
        address = parse_address(place) if place else None
        branch = address.reference if address and place and "@" in place else None
        found = commits.list_commits(store, address.repo if address else None, branch, number)
        infos = (_info(store, commit) for commit in found)
        if output.prints((_facts(store, commit) for commit in found), infos if place else _by_id(infos)):
            return
        rows = []
        for commit in found:
            files, size = store.trees.totals(commit.tree)
            rows.append(
                (
                    commit.repo,
                    commit.branch,
                    commit.id,
                    commit.state,
                    age(commit.finished),
                    str(files),
                    size_text(size),
                    commit.description,
                )
            )
        print_table(("REPO", "BRANCH", "COMMIT", "STATE", "FINISHED", "FILES", "SIZE", "DESCRIPTION"), rows)


@command(example="aeolian inspect commit midi@master")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
@output_option
def inspect_commit(place: str, output: Output) -> None:
    """Tell about a commit, and the jobs that followed from it."""
    with open_store() as store:
        commit = commits.resolve(store, parse_address(place))
        facts = _facts(store, commit)
        if output.prints(facts, [_info(store, commit)]):
            return
        print_facts(
            [
                ("Commit", f"{commit.repo}@{commit.id}"),
                ("Branch", commit.branch),
                ("State", commit.state),
                ("Made by", "a pipeline" if commit.origin == "auto" else "a user"),
                ("Description", commit.description),
                ("Started", age(commit.created)),
                ("Finished", age(commit.finished)),
                ("Files", f"{facts['files']} ({size_text(int(str(facts['size'])))})"),
                (
                    "Jobs",
                    ", ".join(f"{job.pipeline} {job.state}" for job in reversed(list_jobs(store, commit=commit.id)))
                    or "none",
                ),
            ]
        )


def _by_id(infos: Iterable[Message]) -> Iterator[Message]:
    for id_, commits_of_id in raw.group_by_id(infos, "commit").items():
        yield raw.make_commit_set_info(id_, commits_of_id)


def _info(store: Store, commit: Commit) -> Message:
    before = commits.parent(store, commit)
    jobs = list_jobs(store, pipeline=commit.repo, commit=commit.id) if commit.state == "failed" else []
    size = store.trees.totals(commit.tree)[1]
    return raw.make_commit_info(commit, size, parent=before.id if before else "", error=jobs[0].reason if jobs else "")


def _facts(store: Store, commit: Commit) -> dict[str, object]:
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


@command(example="aeolian start commit seeds@master")
@click.argument("place", metavar="REPO@BRANCH")
@click.option("-m", "--message", default="", help="What the commit is about.")
def start_commit(place: str, message: str) -> None:
    """Open a commit: files put until `finish commit` are one change. Prints its id."""
    with open_store() as store:
        address = parse_address(place)
        click.echo(commits.start_commit(store, address.repo, address.reference, message).id)


@command(example="aeolian finish commit seeds@master")
@click.argument("place", metavar="REPO@BRANCH")
@click.option("-m", "--message", default="", help="What the commit is about.")
@no_run_option
def finish_commit(place: str, message: str, no_run: bool) -> None:
    """Close an open commit, and run what follows from it."""
    with open_store() as store:
        address = parse_address(place)
        commits.finish_commit(store, address.repo, address.reference, message)
        run_outstanding(store, no_run=no_run)


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
