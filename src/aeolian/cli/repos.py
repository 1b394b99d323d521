"""`aeolian create|update|delete|list|inspect repo`."""

import click

from aeolian.cli import raw
from aeolian.cli.common import age, command, open_platform, size_text, warn
from aeolian.cli.output import Output, output_option, print_facts, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.transactions import tell
from aeolian.errors import UsageError
from aeolian.platform.specs.names import REPO, full_name

description_option = click.option("-d", "--description", default="", help="What the repo is for.")


@command(example="aeolian create repo seeds")
@click.argument("repo")
@description_option
@project_option
def create_repo(repo: str, description: str, project: str) -> None:
    """Make an empty repo."""
    if "/" in repo:
        raise UsageError(
            f"{repo!r} cannot name a repo.", remedy=f"A name has {REPO.words}; --project says where it is."
        )
    with open_platform(make=True) as platform:
        tell(platform.create_repo(full_name(repo, project), description))


@command(example='aeolian update repo seeds -d "what generation begins with"')
@click.argument("repo")
@description_option
@project_option
def update_repo(repo: str, description: str, project: str) -> None:
    """Change what a repo is for."""
    with open_platform() as platform:
        tell(platform.update_repo(full_name(repo, project), description))


@command(example="aeolian delete repo seeds\naeolian delete repo --all")
@click.argument("repo", required=False)
@click.option("-f", "--force", is_flag=True, help="Remove it also where something is made from it.")
@click.option("--all", "every", is_flag=True, help="Remove all repos of the project that are no pipeline's.")
@click.option("-A", "--all-projects", is_flag=True, help="With --all, those of every project.")
@project_option
def delete_repo(repo: str | None, force: bool, every: bool, all_projects: bool, project: str) -> None:
    """Remove a repo and its history; `aeolian gc` then frees the space."""
    if (repo is None) != every:
        raise UsageError("One repo, or --all.", remedy="Name the repo: aeolian delete repo NAME")
    with open_platform() as platform:
        if repo is not None:
            tell(platform.delete_repo(full_name(repo, project), force=force))
            return
        for name in platform.delete_repos(None if all_projects else project):
            warn(f"repo {name}: removed")


@command(example="aeolian list repo -o json")
@click.option("-A", "--all-projects", is_flag=True, help="Those of every project.")
@project_option
@output_option
def list_repo(all_projects: bool, project: str, output: Output) -> None:
    """List the repos, with what their master branch holds."""
    with open_platform() as platform:
        found = platform.list_repos(None if all_projects else project)
        if output.prints(found, map(raw.make_repo_info, found)):
            return
        rows = [(r.name, age(r.created), _count(r.files), size_text(r.size), r.description) for r in found]
        print_table(("NAME", "CREATED", "FILES", "SIZE (MASTER)", "DESCRIPTION"), rows)


@command(example="aeolian inspect repo midi")
@click.argument("repo")
@project_option
@output_option
def inspect_repo(repo: str, project: str, output: Output) -> None:
    """Tell about a repo."""
    with open_platform() as platform:
        found = platform.inspect_repo(full_name(repo, project))
        if output.prints(found, [raw.make_repo_info(found, details=True)]):
            return
        print_facts(
            [
                ("Name", found.name),
                ("Description", found.description),
                ("Created", age(found.created)),
                ("Branches", ", ".join(found.branches) or "none"),
                ("Files on master", f"{_count(found.files)} ({size_text(found.size)})"),
                ("Written by", f"pipeline {found.name}" if found.pipeline else "put file"),
            ]
        )


def _count(files: int | None) -> str:
    return "-" if files is None else str(files)
