"""`aeolian wait|subscribe|find commit`: commits as they come, and where a file changed."""

import itertools
import sys
import time

import click

from aeolian.cli.commits import COMMIT_TITLES, make_facts, make_info, make_row, print_commit
from aeolian.cli.common import command, executor_option, open_store
from aeolian.cli.output import Output, output_option, print_documents, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.running import run_outstanding
from aeolian.engine.jobs.records import outstanding
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import comparing, references
from aeolian.engine.versions.references import Commit
from aeolian.engine.versions.repos import repo_id
from aeolian.platform.addresses import Address, parse_address

SECONDS_BETWEEN_LOOKS = 0.2


@command(example="aeolian wait commit midi@master")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
@project_option
@output_option
@executor_option
def wait_commit(place: str, project: str, output: Output) -> None:
    """Wait until a commit is closed, do what it needs, and tell about it. Exit code 1 if its job failed."""
    with open_store() as store:
        address = parse_address(place, project=project, needs_branch=True)
        commit = _wait(store, references.find_coming(store, address))
        print_commit(store, commit, output)
    if commit.state == "failed":
        sys.exit(1)


def _wait(store: Store, commit: Commit) -> Commit:
    while commit.state == "open":
        if outstanding(store, limit=1):
            run_outstanding(store, wait=True, go_on=True)
        else:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        commit = references.find_commit(store, commit.row)
    return commit


@command(example="aeolian subscribe commit midi@master --new")
@click.argument("place", metavar="REPO@BRANCH")
@click.option("--from", "since", default="", metavar="ID", help="Begin after this commit.")
@click.option("--new", is_flag=True, help="Leave out those that are there already.")
@project_option
@output_option
def subscribe_commit(place: str, since: str, new: bool, project: str, output: Output) -> None:
    """Print each commit of a branch when it is closed, those that are there first. Ends with Ctrl-C."""
    with open_store() as store:
        address = parse_address(place, project=project, needs_branch=True)
        repo_id(store, address.repo)
        last = references.resolve(store, Address(address.repo, since)).row if since else None
        if new and (head := references.closed_at(store, address)) is not None:
            last = head.row
        if output.shape == "table":
            print_table(COMMIT_TITLES, [])
        while True:
            head = references.closed_at(store, address)
            for commit in reversed(references.ancestors(store, head, until=last) if head else []):
                _tell(store, commit, output)
                last = commit.row
            sys.stdout.flush()
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _tell(store: Store, commit: Commit, output: Output) -> None:
    if output.raw:
        print_documents([make_info(store, commit)], output.shape)
    elif output.shape == "table":
        click.echo("  ".join(make_row(store, commit)))
    else:
        print_documents([make_facts(store, commit)], output.shape)


@command(example="aeolian find commit songs@master:/a.mp3")
@click.argument("place", metavar="REPO@BRANCH_OR_ID:/PATH")
@click.option("-l", "--limit", default=0, help="Stop after so many; 0 means all.")
@project_option
def find_commit(place: str, limit: int, project: str) -> None:
    """Find the commits of a branch in which a file or folder changed, newest first."""
    with open_store() as store:
        address = parse_address(place, project=project, needs_branch=True)
        changes = comparing.find_changes(store, address)
        found, searched = 0, ""
        first = next(changes)
        click.echo("FOUND IN COMMITS")
        for commit, changed in itertools.chain([first], changes):
            searched = commit.id
            if changed:
                click.echo(f"{commit.repo}@{commit.id}")
                found += 1
            if found == limit != 0:
                break
        click.echo(f"LAST SEARCHED COMMIT\n{searched}")
