"""`aeolian create|list|inspect|delete branch`."""

import click

from aeolian.cli import raw
from aeolian.cli.common import age, command, no_run_option, open_platform
from aeolian.cli.output import Output, output_option, print_facts, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.running import follow
from aeolian.cli.transactions import tell
from aeolian.errors import UsageError
from aeolian.platform.addresses import parse_address
from aeolian.platform.records import Branch, BranchTrigger
from aeolian.platform.specs.names import full_name

CREATE_EXAMPLE = """aeolian create branch edges@master --head dev
aeolian create branch all@master -p songs@master -p seeds@master
aeolian create branch songs@nightly --trigger master --trigger-cron '0 3 * * *'"""


@command(example=CREATE_EXAMPLE)
@click.argument("place", metavar="REPO@BRANCH")
@click.option("--head", "at", default="", metavar="BRANCH_OR_ID", help="The commit that the branch names.")
@click.option("-p", "--provenance", multiple=True, metavar="REPO@BRANCH", help="What it is made from. May be repeated.")
@click.option("-t", "--trigger", default="", metavar="BRANCH", help="Move by itself to the head of this branch.")
@click.option("--trigger-size", default="", metavar="SIZE", help="... when so much has come there: 100M.")
@click.option("--trigger-commits", default=0, metavar="N", help="... when so many commits have come there.")
@click.option("--trigger-cron", default="", metavar="SCHEDULE", help="... at these times.")
@click.option("--trigger-all", is_flag=True, help="... only when all of these conditions hold, not one of them.")
@project_option
@no_run_option
def create_branch(
    place: str,
    at: str,
    provenance: tuple[str, ...],
    trigger: str,
    trigger_size: str,
    trigger_commits: int,
    trigger_cron: str,
    trigger_all: bool,
    project: str,
    no_run: bool,
) -> None:
    """Make a branch, or move one, and run what follows from its new head under an id of its own.

    A branch with provenance gets a commit to fill whenever one of those branches does, under the same id; finish it.
    """
    rule = None
    if trigger or trigger_size or trigger_commits or trigger_cron:
        rule = BranchTrigger(trigger, trigger_size, trigger_commits, trigger_cron, trigger_all)
    address = parse_address(place, project=project, needs_branch=True)
    upstream = [parse_address(text, project=project, needs_branch=True) for text in provenance]
    with open_platform() as platform:
        change = platform.create_branch(
            address,
            head=_head(address.repo, at, project),
            provenance=[(each.repo, each.reference) for each in upstream],
            trigger=rule,
        )
        if tell(change):
            follow(platform, no_run=no_run)


def _head(repo: str, text: str, project: str) -> str:
    """Return the reference in `--head`, which may name the repo too. Raises `UsageError` for another repo."""
    if "@" not in text:
        return text
    address = parse_address(text, project=project, needs_branch=True)
    if address.repo != repo:
        raise UsageError(f"{text} is no commit of {repo}.", remedy="The head of a branch is a commit of its own repo.")
    return address.reference


@command(example="aeolian list branch songs")
@click.argument("repo")
@project_option
@output_option
def list_branch(repo: str, project: str, output: Output) -> None:
    """List the branches of a repo, the newest first."""
    with open_platform() as platform:
        found = platform.list_branches(full_name(repo, project))
    if output.prints(map(_facts, found), map(raw.make_branch_info, found)):
        return
    rows = [(each.name, _head_id(each), str(each.trigger or "-"), age(each.created)) for each in found]
    print_table(("BRANCH", "HEAD", "TRIGGER", "CREATED"), rows)


@command(example="aeolian inspect branch songs@master")
@click.argument("place", metavar="REPO@BRANCH")
@project_option
@output_option
def inspect_branch(place: str, project: str, output: Output) -> None:
    """Tell about a branch: its head, what it is made from, and what sets it off."""
    with open_platform() as platform:
        found = platform.inspect_branch(parse_address(place, project=project, needs_branch=True))
    if output.prints(_facts(found), [raw.make_branch_info(found)]):
        return
    print_facts(
        [
            ("Branch", f"{found.repo}@{found.name}"),
            ("Head", _head_id(found)),
            ("Created", age(found.created)),
            ("Made from", ", ".join(map("@".join, found.direct_provenance)) or "-"),
            ("Trigger", str(found.trigger or "-")),
        ]
    )


@command(example="aeolian delete branch songs@nightly")
@click.argument("place", metavar="REPO@BRANCH")
@click.option("-f", "--force", is_flag=True, help="Remove it also where another is made from it.")
@project_option
def delete_branch(place: str, force: bool, project: str) -> None:
    """Remove a branch; its commits stay under their ids."""
    with open_platform() as platform:
        tell(platform.delete_branch(parse_address(place, project=project, needs_branch=True), force=force))


def _head_id(branch: Branch) -> str:
    return branch.head or "-"


def _facts(branch: Branch) -> dict[str, object]:
    return {
        "repo": branch.repo,
        "name": branch.name,
        "head": branch.head,
        "created": branch.created,
        "trigger": branch.trigger,
        "direct_provenance": ["@".join(each) for each in branch.direct_provenance],
        "provenance": ["@".join(each) for each in branch.provenance],
        "subvenance": ["@".join(each) for each in branch.subvenance],
    }
