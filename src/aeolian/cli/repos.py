"""`aeolian create|update|delete|list|inspect repo`."""

import click

from aeolian.cli import raw
from aeolian.cli.common import age, command, open_store, size_text, warn
from aeolian.cli.output import Output, output_option, print_facts, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.transactions import do_or_gather
from aeolian.engine.versions import repos
from aeolian.errors import UsageError
from aeolian.platform.specs.names import full_name

description_option = click.option("-d", "--description", default="", help="What the repo is for.")


@command(example="aeolian create repo seeds")
@click.argument("repo")
@description_option
@project_option
def create_repo(repo: str, description: str, project: str) -> None:
    """Make an empty repo."""
    with open_store(make=True) as store:
        if "/" in repo:
            repos.check_name("repo", repo)
        do_or_gather(store, "create repo", repo=full_name(repo, project), description=description)


@command(example='aeolian update repo seeds -d "what generation begins with"')
@click.argument("repo")
@description_option
@project_option
def update_repo(repo: str, description: str, project: str) -> None:
    """Change what a repo is for."""
    with open_store() as store:
        do_or_gather(store, "update repo", repo=full_name(repo, project), description=description)


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
    with open_store() as store:
        if repo is not None:
            do_or_gather(store, "delete repo", repo=full_name(repo, project), force=force)
            return
        for name in repos.delete_all_repos(store, None if all_projects else project):
            warn(f"repo {name}: removed")


@command(example="aeolian list repo -o json")
@click.option("-A", "--all-projects", is_flag=True, help="Those of every project.")
@project_option
@output_option
def list_repo(all_projects: bool, project: str, output: Output) -> None:
    """List the repos, with what their master branch holds."""
    with open_store() as store:
        found = repos.list_repos(store, None if all_projects else project)
        if output.prints(found, map(raw.make_repo_info, found)):
            return
        rows = [(r.name, age(r.created), str(r.files), size_text(r.size), r.description) for r in found]
        print_table(("NAME", "CREATED", "FILES", "SIZE (MASTER)", "DESCRIPTION"), rows)


@command(example="aeolian inspect repo midi")
@click.argument("repo")
@project_option
@output_option
def inspect_repo(repo: str, project: str, output: Output) -> None:
    """Tell about a repo."""
    with open_store() as store:
        found = repos.inspect_repo(store, full_name(repo, project))
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
