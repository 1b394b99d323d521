"""`aeolian put|get|list|inspect|delete file`, `watch` and `lineage`."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aeolian.cli.common import command, no_run_option, open_store, size_text, warn
from aeolian.cli.output import Output, output_option, own_output_option, print_facts, print_table
from aeolian.cli.raw import make_file_info
from aeolian.cli.running import run_outstanding
from aeolian.engine.versions import files, repos
from aeolian.engine.versions.addresses import parse_address
from aeolian.engine.versions.selection import Item, Selection, select
from aeolian.errors import EXIT_FAILURE, UsageError
from aeolian.names import printable

if TYPE_CHECKING:
    from aeolian.engine.graphs.lineage import Origin

_MOST_TOLD = 20
_LONG_BYTES = 1 << 28
_LONG_FILES = 20_000
PUT_EXAMPLE = """aeolian put file audio-unprocessed@master:/ -r -f my-songs/
aeolian put file seeds@master -f a.mid -f b.mid
echo hello | aeolian put file notes@master:/hello.txt -f -"""


@command(example=PUT_EXAMPLE)
@click.argument("place", metavar="REPO@BRANCH_OR_ID[:/PATH]")
@click.option("-f", "--file", "sources", multiple=True, help="File or folder, or - for standard input (the default).")
@click.option("-r", "--recursive", is_flag=True, help="Put what folders hold, and below.")
@click.option("--full-path", is_flag=True, help="Keep the whole path of -f in the repo, not the name alone.")
@click.option("-m", "--message", default="", help="What the commit is about.")
@click.option("--strict", is_flag=True, help="Put nothing if a file or folder below -f cannot be put.")
@click.option("--strict-names", is_flag=True, help="Refuse names that Pachyderm refuses, instead of changing them.")
@no_run_option
def put_file(
    place: str,
    sources: tuple[str, ...],
    recursive: bool,
    full_path: bool,
    message: str,
    strict: bool,
    strict_names: bool,
    no_run: bool,
) -> None:
    """Put files into a repo in one commit, and run what follows from it.

    Without PATH, each source goes to the root under its own name, a folder with all below it. With PATH, one source
    goes to PATH (a folder is poured out there; a PATH that ends in / is the folder that a file goes into), and each of
    several goes below PATH under its own name. What a folder holds and cannot be put is left out and named, and the
    exit code is 1.
    """
    address = parse_address(place)
    with open_store() as store:
        repos.repo_id(store, address.repo)
        selection = select(sources or ("-",), address, recursive=recursive, full_path=full_path)
        if strict and selection.left_out:
            where, reason = selection.left_out[0]
            raise UsageError(f"{where} is {reason}.", remedy="Nothing was put; without --strict the rest would be.")
        with _progress(selection) as report:
            put = files.put_files(
                store,
                address.repo,
                address.reference,
                selection.items,
                strict=strict_names,
                whole=strict,
                description=message,
                report=report,
            )
        left_out = [*selection.left_out, *put.left_out]
        _tell(put, left_out)
        run_outstanding(store, no_run=no_run)
    if left_out:
        sys.exit(EXIT_FAILURE)


@contextmanager
def _progress(selection: Selection) -> Iterator[files.Report]:
    """A bar for what takes long; nothing for the rest, whose end is told anyway."""
    if len(selection.items) < _LONG_FILES and sum(map(_size, selection.items)) < _LONG_BYTES:
        yield files.silent
        return
    from aeolian.stages.progress import progress

    with progress("putting") as report:
        yield report


def _size(item: Item) -> int:
    try:
        return Path(item.source).stat().st_size if isinstance(item.source, Path | str) else 0
    except OSError:
        return 0


def _tell(put: files.Put, left_out: list[tuple[str, str]]) -> None:
    """Say which names were changed, what was left out, and what was put."""
    for old, new in put.renamed[:_MOST_TOLD]:
        warn(f"{old} is stored as {new}: Pachyderm would refuse its name")
    if len(put.renamed) > _MOST_TOLD:
        more = len(put.renamed) - _MOST_TOLD
        warn(f"and {more} more names changed so; `aeolian inspect file` tells the old one")
    for path, reason in left_out[:_MOST_TOLD]:
        warn(f"{printable(path)} is left out: it is {reason}")
    if len(left_out) > _MOST_TOLD:
        warn(f"and {len(left_out) - _MOST_TOLD} more are left out")
    warn(f"{put.files} files, {size_text(put.size)}, in commit {put.commit.repo}@{put.commit.id}")


@command(
    example="aeolian get file rendered-music@master:/song.wav -o song.wav\naeolian get file midi@master -r -o midi/"
)
@click.argument("place", metavar="REPO@BRANCH[:/PATH]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File or folder to write; without it, standard output."
)
@click.option("-r", "--recursive", is_flag=True, help="Get a folder with all below it.")
def get_file(place: str, output: Path | None, recursive: bool) -> None:
    """Get a file out of a repo, or a folder with -r."""
    address = parse_address(place)
    with open_store() as store:
        if recursive:
            if output is None:
                raise UsageError("A folder cannot go to standard output.", remedy="Name a folder with -o.")
            count = files.get_folder(store, address, output)
            warn(f"{count} files in {output}")
        elif output is None:
            _, entry = files.find_file(store, address)
            for block in store.objects.read(entry.object):
                sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
        else:
            files.get_file(store, address, output)


@command(example="aeolian list file generated-music@master")
@click.argument("place", metavar="REPO@BRANCH[:/PATH]")
@output_option
def list_file(place: str, output: Output) -> None:
    """List what is directly in a folder of a repo."""
    with open_store() as store:
        address = parse_address(place)
        commit, found = files.listing(store, address)
        infos = (make_file_info(address.repo, commit.id, f.path, f.size, f.hash, commit.finished) for f in found)
        facts = ({"path": f.path, "type": f.type, "size": f.size, "files": f.files} for f in found)
        if not output.prints(facts, infos):
            print_table(("NAME", "TYPE", "SIZE"), [(f.path, f.type, size_text(f.size)) for f in found])


@command(example="aeolian inspect file midi@master:/song.mid")
@click.argument("place", metavar="REPO@BRANCH:/PATH")
@output_option
def inspect_file(place: str, output: Output) -> None:
    """Tell about a file: its size, hash, commit, and the name it had outside."""
    with open_store() as store:
        address = parse_address(place)
        commit, entry = files.find_file(store, address)
        original = files.original_name(store, address.repo, entry.path)
        facts = {
            "repo": address.repo,
            "path": entry.path,
            "size": entry.size,
            "sha256": entry.object,
            "commit": commit.id,
            "original": original or entry.path,
        }
        info = make_file_info(address.repo, commit.id, entry.path, entry.size, entry.object, commit.finished)
        if output.prints(facts, [info]):
            return
        print_facts(
            [
                ("Path", f"{address.repo}@{commit.branch}:{entry.path}"),
                ("Size", f"{entry.size} bytes"),
                ("SHA-256", entry.object),
                ("Commit", commit.id),
                *([("Was named", original)] if original else []),
            ]
        )


@command(example="aeolian delete file audio-unprocessed@master:/song.mp3")
@click.argument("place", metavar="REPO@BRANCH_OR_ID:/PATH")
@click.option("-r", "--recursive", is_flag=True, help="Remove a folder with all below it.")
@no_run_option
def delete_file(place: str, recursive: bool, no_run: bool) -> None:
    """Remove a file, or a folder with -r; what was made from it goes too."""
    with open_store() as store:
        address = parse_address(place)
        commit, count = files.delete_path(store, address, recursive=recursive)
        warn(f"{count} files removed in commit {address.repo}@{commit.id}")
        run_outstanding(store, no_run=no_run)


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
