"""`aeolian draw`: what feeds what, as a picture or on the terminal."""

from pathlib import Path

import click

from aeolian.cli.common import command, open_store, warn
from aeolian.engine.graphs.dag import graph
from aeolian.engine.graphs.dag_svg import svg
from aeolian.engine.graphs.dag_text import lines
from aeolian.errors import UsageError
from aeolian.stages.folders import whole_file


@command(example="aeolian draw\naeolian draw -o dag.svg")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="SVG file to write; without it, the terminal.")
def draw(output: Path | None) -> None:
    """Draw repos and pipelines: what feeds what, how the last jobs went, how many files there are."""
    with open_store() as store:
        found = graph(store)
    if output is None:
        rows = lines(found)
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
        for name, state, files in rows:
            click.echo(f"{name:<{widths[0]}}  {state:<{widths[1]}}  {files}".rstrip())
        return
    write_svg(output, svg(found))
    warn(f"{len(found.nodes)} repos and pipelines in {output}")


def write_svg(output: Path, picture: str) -> None:
    """Writes a picture, whole or not at all. Raises `UsageError` for a name that says another kind of picture."""
    if output.suffix.lower() != ".svg":
        raise UsageError(f"{output} is to be a picture of another kind.", remedy="Name it .svg.")
    with whole_file(output) as partial:
        partial.write_text(picture, encoding="utf-8")
