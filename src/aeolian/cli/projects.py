"""`aeolian create|update|delete|list|inspect project`, and the option `--project`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from aeolian.cli import raw
from aeolian.cli.common import age, chosen_project, command, open_platform
from aeolian.cli.output import Output, output_option, print_facts, print_table
from aeolian.errors import AeolianError

Callback = TypeVar("Callback", bound=Callable[..., Any])


def _read_project(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    try:
        return value or chosen_project()
    except AeolianError as error:
        raise click.UsageError(str(error)) from None


def project_option(callback: Callback) -> Callback:
    """Add `--project`, which a command gets as `project`: where it is not given, that of the context."""
    return click.option(
        "--project",
        metavar="NAME",
        callback=_read_project,
        help="The project of repos named without one.  [default: that of the context]",
    )(callback)


@command(example='aeolian create project jazz -d "songs with a swing"')
@click.argument("project")
@click.option("-d", "--description", default="", help="What the project is for.")
def create_project(project: str, description: str) -> None:
    """Make a project: a name under which repos and pipelines are kept apart from those of others."""
    with open_platform(make=True) as platform:
        platform.create_project(project, description)


@command(example='aeolian update project jazz -d "songs with more swing"')
@click.argument("project")
@click.option("-d", "--description", required=True, help="What the project is for.")
def update_project(project: str, description: str) -> None:
    """Change what a project is for."""
    with open_platform() as platform:
        platform.update_project(project, description)


@command(example="aeolian delete project jazz")
@click.argument("project")
@click.option("-f", "--force", is_flag=True, help="Remove it with all repos and pipelines that it holds.")
def delete_project(project: str, force: bool) -> None:
    """Remove an empty project."""
    with open_platform() as platform:
        platform.delete_project(project, force=force)


@command(example="aeolian list project")
@output_option
def list_project(output: Output) -> None:
    """List the projects."""
    with open_platform() as platform:
        found = platform.list_projects()
    if not output.prints(found, map(raw.make_project_info, found)):
        rows = [(project.name, age(project.created), project.description) for project in found]
        print_table(("PROJECT", "CREATED", "DESCRIPTION"), rows)


@command(example="aeolian inspect project jazz")
@click.argument("project")
@output_option
def inspect_project(project: str, output: Output) -> None:
    """Tell about a project."""
    with open_platform() as platform:
        found = platform.inspect_project(project)
    if not output.prints(found, [raw.make_project_info(found)]):
        print_facts([("Name", found.name), ("Description", found.description), ("Created", age(found.created))])
