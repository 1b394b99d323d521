"""`aeolian wait|subscribe|find commit`: commits as they come, and where a file changed."""

import sys
import time

import click

from aeolian.cli.commits import COMMIT_TITLES, make_facts, make_row, print_commit
from aeolian.cli.common import as_local, command, executor_option, open_platform
from aeolian.cli.output import Output, output_option, print_documents, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.raw import make_commit_info
from aeolian.cli.running import run_outstanding
from aeolian.engine.jobs.records import outstanding
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import references
from aeolian.platform.addresses import Address, parse_address
from aeolian.platform.records import Commit
from aeolian.platform.specs.names import full_name

SECONDS_BETWEEN_LOOKS = 0.2


@command(example="aeolian wait commit midi@master")
@click.argument("place", metavar="REPO@BRANCH_OR_ID")
@project_option
@output_option
@executor_option
def wait_commit(place: str, project: str, output: Output) -> None:
    """Wait until a commit is closed, do what it needs, and tell about it. Exit code 1 if its job failed."""
    with open_platform() as platform:
        address = parse_address(place, project=project, needs_branch=True)
        if local := as_local(platform):
            _do_until_closed(local.store, references.find_coming(local.store, address).row)
            coming = references.find_coming(local.store, address)
            address = Address(coming.repo, coming.id)
        commit = platform.wait_commit(address)
        print_commit(platform, commit, output)
    if commit.state == "failed":
        sys.exit(1)


def _do_until_closed(store: Store, row: int) -> None:
    """Do what is outstanding until the commit in `row` is closed."""
    while references.find_commit(store, row).state == "open":
        if outstanding(store, limit=1):
            run_outstanding(store, wait=True, go_on=True)
        else:
            time.sleep(SECONDS_BETWEEN_LOOKS)


@command(example="aeolian subscribe commit midi@master --new")
@click.argument("place", metavar="REPO@BRANCH")
@click.option("--from", "since", default="", metavar="ID", help="Begin after this commit.")
@click.option("--new", is_flag=True, help="Leave out those that are there already.")
@project_option
@output_option
def subscribe_commit(place: str, since: str, new: bool, project: str, output: Output) -> None:
    """Print each commit of a branch when it is closed, those that are there first. Ends with Ctrl-C."""
    with open_platform() as platform:
        address = parse_address(place, project=project, needs_branch=True)
        platform.inspect_repo(address.repo)
        if output.shape == "table":
            print_table(COMMIT_TITLES, [])
            sys.stdout.flush()
        for commit in platform.subscribe_commits(address, since=since, new=new):
            _tell(commit, output)
            sys.stdout.flush()


def _tell(commit: Commit, output: Output) -> None:
    if output.raw:
        print_documents([make_commit_info(commit)], output.shape)
    elif output.shape == "table":
        click.echo("  ".join(make_row(commit)))
    else:
        print_documents([make_facts(commit)], output.shape)


@command(example="aeolian find commit songs@master:/a.mp3")
@click.argument("place", metavar="REPO@BRANCH_OR_ID:/PATH")
@click.option("-l", "--limit", default=0, help="Stop after so many; 0 means all.")
@project_option
def find_commit(place: str, limit: int, project: str) -> None:
    """Find the commits of a branch in which a file or folder changed, newest first."""
    with open_platform() as platform:
        searched = ""
        click.echo("FOUND IN COMMITS")
        for id_, changed in platform.find_changes(
            parse_address(place, project=project, needs_branch=True), limit=limit
        ):
            searched = id_
            if changed:
                click.echo(f"{full_name(place.partition('@')[0], project)}@{id_}")
        click.echo(f"LAST SEARCHED COMMIT\n{searched}")
