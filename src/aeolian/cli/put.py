"""`aeolian put file`."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from aeolian.cli.commits import message_option
from aeolian.cli.common import command, no_run_option, open_platform, size_text, warn
from aeolian.cli.projects import project_option
from aeolian.cli.running import follow
from aeolian.errors import EXIT_FAILURE, UsageError
from aeolian.names import printable
from aeolian.platform.addresses import parse_address
from aeolian.platform.protocol import Report
from aeolian.platform.records import Put
from aeolian.platform.sources.reader import SourceReader, split_sources
from aeolian.platform.sources.selection import Item, Selection, select

_MOST_TOLD = 20
_LONG_BYTES = 1 << 28
_LONG_FILES = 20_000
PUT_EXAMPLE = """aeolian put file audio-unprocessed@master:/ -r -f my-songs/
aeolian put file seeds@master -f a.mid -f b.mid
echo hello | aeolian put file notes@master:/hello.txt -f -"""


@command(example=PUT_EXAMPLE)
@click.argument("place", metavar="REPO@BRANCH_OR_ID[:/PATH]")
@click.option(
    "-f", "--file", "sources", multiple=True, help="File, folder, URL, or (if left out) - for standard input."
)
@click.option("-i", "--input-file", default="", help="File (or URL, or -) with a source on each line, in place of -f.")
@click.option("-r", "--recursive", is_flag=True, help="Put what folders hold, and below.")
@click.option("--full-path", is_flag=True, help="Keep the whole path of -f in the repo, not the name alone.")
@click.option("-a", "--append", is_flag=True, help="Put it behind what its path has already.")
@click.option("--untar", is_flag=True, help="Put the files in each .tar, .tar.gz and .tgz, not the archive.")
@click.option("--allow-local-addresses", is_flag=True, help="Fetch URLs of this machine and network too.")
@message_option
@click.option("--strict", is_flag=True, help="Put nothing if a file or folder below -f cannot be put.")
@click.option("--strict-names", is_flag=True, help="Refuse names that Pachyderm refuses, instead of changing them.")
@click.option("-c", "--compress", is_flag=True, hidden=True, help="As pachctl has it: changes nothing here.")
@click.option("-p", "--parallelism", default=10, hidden=True, help="As pachctl has it: changes nothing here.")
@click.option("--progress", is_flag=True, hidden=True, help="As pachctl has it: changes nothing here.")
@project_option
@no_run_option
def put_file(
    place: str,
    sources: tuple[str, ...],
    input_file: str,
    recursive: bool,
    full_path: bool,
    append: bool,
    untar: bool,
    allow_local_addresses: bool,
    message: str,
    strict: bool,
    strict_names: bool,
    compress: bool,
    parallelism: int,
    progress: bool,
    project: str,
    no_run: bool,
) -> None:
    """Put files into a repo in one commit, and run what follows from it.

    Without PATH, each source goes to the root under its own name, a folder with all below it. With PATH, one source
    goes to PATH (a folder is poured out there; a PATH that ends in / is the folder that a file goes into), and each of
    several goes below PATH under its own name. What a folder holds and cannot be put is left out and named, and the
    exit code is 1.
    """
    address = parse_address(place, project=project, needs_branch=True)
    with open_platform() as platform, contextlib.ExitStack() as opened:
        platform.inspect_repo(address.repo)
        reader = SourceReader(opened, allow_local=allow_local_addresses)
        named = reader.read_list(input_file) if input_file else split_sources(sources or ("-",))
        selection = select(named, address, recursive=recursive, full_path=full_path, untar=untar, fetch=reader.fetch)
        if strict and selection.left_out:
            where, reason = selection.left_out[0]
            raise UsageError(f"{where} is {reason}.", remedy="Nothing was put; without --strict the rest would be.")
        with _progress(selection) as report:
            put = platform.put_files(
                address,
                selection.items,
                strict=strict_names,
                whole=strict,
                append=append,
                description=message,
                report=report,
            )
        left_out = [*selection.left_out, *put.left_out]
        _tell(put, left_out)
        follow(platform, put.commit, no_run=no_run)
    if left_out:
        sys.exit(EXIT_FAILURE)


@contextlib.contextmanager
def _progress(selection: Selection) -> Iterator[Report]:
    """A bar for what takes long; nothing for the rest, whose end is told anyway."""
    if len(selection.items) < _LONG_FILES and sum(map(_size, selection.items)) < _LONG_BYTES:
        yield lambda done, total, note: None
        return
    from aeolian.stages.progress import progress

    with progress("putting") as report:
        yield report


def _size(item: Item) -> int:
    try:
        return Path(item.source).stat().st_size if isinstance(item.source, Path | str) else 0
    except OSError:
        return 0


def _tell(put: Put, left_out: list[tuple[str, str]]) -> None:
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
    warn(f"{put.files} files, {size_text(put.size)}, in commit {put.repo}@{put.commit}")
