"""`aeolian get|list|inspect|glob|diff|copy|delete file` and `lineage`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aeolian.cli.common import command, no_run_option, open_platform, open_store, size_text, warn
from aeolian.cli.output import Output, output_option, own_output_option, print_facts, print_table
from aeolian.cli.projects import project_option
from aeolian.cli.raw import make_listed
from aeolian.cli.running import follow
from aeolian.engine.storage.trees import Entry
from aeolian.engine.versions import comparing
from aeolian.errors import UsageError
from aeolian.platform.addresses import parse_address
from aeolian.platform.records import File

if TYPE_CHECKING:
    from aeolian.engine.graphs.lineage import Origin

GET_EXAMPLE = "aeolian get file rendered-music@master:/song.wav -o song.wav\naeolian get file midi@master -r -o midi/"


@command(example=GET_EXAMPLE)
@click.argument("place", metavar="REPO@BRANCH_OR_ID[:/PATH]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File or folder to write; without it, standard output."
)
@click.option("-r", "--recursive", is_flag=True, help="Get a folder with all below it.")
@click.option("--offset", default=0, type=click.IntRange(min=0), help="Leave out so many bytes at its beginning.")
@click.option("--retry", is_flag=True, hidden=True, help="As pachctl has it: changes nothing here.")
@click.option("--progress", is_flag=True, hidden=True, help="As pachctl has it: changes nothing here.")
@project_option
def get_file(
    place: str, output: Path | None, recursive: bool, offset: int, retry: bool, progress: bool, project: str
) -> None:
    """Get a file out of a repo, or a folder with -r. PATH may be a glob that matches one file."""
    address = parse_address(place, project=project, needs_branch=True)
    with open_platform() as platform:
        if recursive:
            if output is None:
                raise UsageError("An output path needs to be specified for -r.", remedy="Name a folder with -o.")
            count = platform.get_folder(address, output)
            warn(f"{count} files in {output}")
        elif output is None:
            for block in platform.read_file(address, offset):
                sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
        else:
            platform.get_file(address, output, offset)


@command(example="aeolian list file generated-music@master")
@click.argument("place", metavar="REPO@BRANCH_OR_ID[:/PATH]")
@project_option
@output_option
def list_file(place: str, project: str, output: Output) -> None:
    """List what is directly in a folder of a repo."""
    with open_platform() as platform:
        _print_files(platform.list_files(parse_address(place, project=project, needs_branch=True)), output)


@command(example="aeolian glob file 'generated-music@master:/*.mid'")
@click.argument("place", metavar="REPO@BRANCH_OR_ID:GLOB")
@project_option
@output_option
def glob_file(place: str, project: str, output: Output) -> None:
    """List the files and folders that a glob matches."""
    with open_platform() as platform:
        _print_files(platform.glob_files(parse_address(place, project=project, needs_branch=True)), output)


def _print_files(found: list[File], output: Output) -> None:
    facts = ({"path": f.path, "type": f.type, "size": f.size, "files": f.files} for f in found)
    if not output.prints(facts, map(make_listed, found)):
        print_table(("NAME", "TYPE", "SIZE"), [(f.path, f.type, size_text(f.size)) for f in found])


@command(example="aeolian inspect file midi@master:/song.mid")
@click.argument("place", metavar="REPO@BRANCH_OR_ID:/PATH")
@project_option
@output_option
def inspect_file(place: str, project: str, output: Output) -> None:
    """Tell about a file or folder: its size, hash, commit, and the name it had outside."""
    with open_platform() as platform:
        address = parse_address(place, project=project, needs_branch=True)
        found = platform.inspect_file(address)
        facts = {
            "repo": address.repo,
            "path": found.path,
            "type": found.type,
            "size": found.size,
            "files": found.files,
            "sha256": found.hash,
            "commit": found.commit,
            "original": found.original or found.path,
        }
        if output.prints(facts, [make_listed(found)]):
            return
        print_facts(
            [
                ("Path", f"{address.repo}@{address.reference}:{found.path}"),
                ("Type", found.type),
                ("Size", f"{found.size} bytes"),
                ("Hash" if found.raw else "SHA-256", found.hash),
                ("Commit", found.commit),
                *([("Was named", found.original)] if found.original else []),
            ]
        )


DIFF_EXAMPLE = "aeolian diff file midi@master --name-only\naeolian diff file midi@master:/a.mid midi@master^:/a.mid"


@command(example=DIFF_EXAMPLE)
@click.argument("new", metavar="REPO@BRANCH_OR_ID[:/PATH]")
@click.argument("old", required=False, metavar="[REPO@BRANCH_OR_ID[:/PATH]]")
@click.option("--name-only", is_flag=True, help="Print the names of what differs, with + and -, not how.")
@click.option("-s", "--shallow", is_flag=True, help="Do not look into folders.")
@project_option
def diff_file(new: str, old: str | None, name_only: bool, shallow: bool, project: str) -> None:
    """Tell how a file or folder differs from another, or from what it was one commit before."""
    with open_store() as store:
        addresses = [parse_address(text, project=project, needs_branch=True) for text in (new, old) if text is not None]
        found = comparing.compare(store, *addresses, shallow=shallow)
        if name_only:
            print_table(("OP", "SIZE", "NAME"), [row for pair in found for row in _diff_rows(pair)])
            return
        for pair in found:
            for line in comparing.write_difference(store, pair):
                click.echo(line, nl=False)


def _diff_rows(pair: comparing.Difference) -> list[tuple[str, str, str]]:
    sides: tuple[tuple[str, Entry | None], ...] = (("+", pair.new), ("-", pair.old))
    return [(sign, size_text(entry.size), entry.path) for sign, entry in sides if entry]


@command(example="aeolian copy file songs@master:/a.mp3 favourites@master:/a.mp3")
@click.argument("source", metavar="REPO@BRANCH_OR_ID:/PATH")
@click.argument("target", metavar="REPO@BRANCH_OR_ID:/PATH")
@click.option("-a", "--append", is_flag=True, help="Put it behind what is there already.")
@click.option("--src-project", metavar="NAME", help="The project of SOURCE, where it is another.")
@click.option("--dest-project", metavar="NAME", help="The project of TARGET, where it is another.")
@project_option
@no_run_option
def copy_file(
    source: str,
    target: str,
    append: bool,
    src_project: str | None,
    dest_project: str | None,
    project: str,
    no_run: bool,
) -> None:
    """Put a file or folder of a repo at another place, without reading it, and run what follows."""
    with open_platform() as platform:
        origin = parse_address(source, project=src_project or project, needs_branch=True)
        place = parse_address(target, project=dest_project or project, needs_branch=True)
        done = platform.copy_file(origin, place, append=append)
        warn(f"{done.files} files copied in commit {done.repo}@{done.commit}")
        follow(platform, done.commit, no_run=no_run)


@command(example="aeolian delete file audio-unprocessed@master:/song.mp3")
@click.argument("place", metavar="REPO@BRANCH_OR_ID:/PATH")
@click.option("-r", "--recursive", is_flag=True, help="Remove a folder with all below it.")
@project_option
@no_run_option
def delete_file(place: str, recursive: bool, project: str, no_run: bool) -> None:
    """Remove a file, or a folder with -r; what was made from it goes too."""
    with open_platform() as platform:
        done = platform.delete_file(parse_address(place, project=project, needs_branch=True), recursive=recursive)
        warn(f"{done.files} files removed in commit {done.repo}@{done.commit}")
        follow(platform, done.commit, no_run=no_run)


@command(example="aeolian lineage rendered-music@master:/song.wav\naeolian lineage midi@master:/a.mid --picture a.svg")
@click.argument("place", metavar="REPO@BRANCH:/PATH")
@click.option("--picture", type=click.Path(path_type=Path), help="SVG file to write instead: the tree as a picture.")
@own_output_option
def lineage(place: str, picture: Path | None, output: Output) -> None:
    """Trace a file back to the files it was made from, with hashes and commands."""
    from aeolian.engine.graphs.lineage import lineage as trace

    with open_store() as store:
        origin = trace(store, parse_address(place))
    if picture is not None:
        from aeolian.cli.drawing import write_svg
        from aeolian.engine.graphs.dag_svg import svg
        from aeolian.engine.graphs.lineage_graph import lineage_graph

        graph = lineage_graph(origin)
        write_svg(picture, svg(graph, f"What {place} was made from"))
        warn(f"{len(graph.nodes)} files in {picture}")
    elif not output.prints(origin):
        _draw(origin, "", "")


def _draw(origin: "Origin", first: str, rest: str) -> None:
    was = f" (was {origin.original})" if origin.original else ""
    click.echo(f"{first}{origin.repo}@{origin.commit[:12]}:{origin.path}  sha256:{origin.sha256[:16]}{was}")
    if origin.pipeline:
        click.echo(f"{rest}{'│' if origin.inputs else ' '}  by {origin.pipeline}: {shlex.join(origin.command)}")
    for place, part in enumerate(origin.inputs):
        last = place == len(origin.inputs) - 1
        _draw(part, f"{rest}{'└─ ' if last else '├─ '}", f"{rest}{'   ' if last else '│  '}")
