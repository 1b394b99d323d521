"""Which files a put means, and where in the repo each goes: `pachctl`'s rules, to the letter.

Without a path in the address each source goes to the root under its own name, a folder with all below it. With a path,
one source goes to exactly that path (a folder is poured out there; a path that ends in a slash is the folder that a
file goes into), and each of several goes below it under its own name.
"""

import errno
import functools
import os
import posixpath
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from aeolian.errors import UsageError
from aeolian.platform.addresses import Address
from aeolian.platform.sources.archives import archive_mode
from aeolian.platform.sources.fetch import check_scheme, is_url, url_name

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Item:
    """One file to put: where from, and its path in the repo. `found` is true for what a folder was found to hold.

    A source that is called gives its content when its turn comes. With `archive`, the name of one, what it holds is put
    below `path`.
    """

    source: Path | str | BinaryIO | Callable[[], BinaryIO]
    path: str
    found: bool = False
    archive: str = ""


@dataclass
class Selection:
    """The files to put, and what cannot be put of the folders that were named, with the reason."""

    items: list[Item] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def select(
    sources: Sequence[str],
    address: Address,
    *,
    recursive: bool = False,
    full_path: bool = False,
    untar: bool = False,
    fetch: Callable[[str], BinaryIO] | None = None,
) -> Selection:
    """Find the files that `sources` stand for, and their paths below `address`.

    A folder needs `recursive`; what it holds and cannot be put is in `left_out`. With `full_path` a source goes to the
    path that it has here, instead of its name; with `untar` what an archive holds goes below the path of `address`.
    `fetch` opens a URL. Raises `UsageError` for a source that does not exist or cannot be put.
    """
    selection = Selection()
    for source in sources:
        path = find_target(source, address, alone=len(sources) == 1, recursive=recursive, full_path=full_path)
        folder = os.path.isdir(source)  # noqa: PTH112  text, as thousands of paths are
        if folder and not recursive:
            raise UsageError(f"{source} is a folder.", remedy="Put all that it holds with -r.")
        if folder:
            start = len(os.path.join(source, ""))  # noqa: PTH118
            below = path.rstrip("/")
            selection.items += [Item(each, f"{below}/{each[start:]}", True) for each in _walk(source, selection)]
        elif source == STANDARD_INPUT:
            selection.items.append(Item(sys.stdin.buffer, path))
        elif fetch is not None and is_url(source):
            check_scheme(source)
            selection.items.append(Item(functools.partial(fetch, source), path))
        else:
            _refuse_unless_file(source)
            selection.items.append(Item(source, path))
    if untar:
        selection.items = [_as_archive(item, address.path) for item in selection.items]
    if selection.left_out and not selection.items:
        where, reason = selection.left_out[0]
        raise UsageError(f"Nothing can be put: {where} is {reason}.")
    return selection


def _as_archive(item: Item, folder: str) -> Item:
    """Return the item as an archive to be unpacked below `folder`, if its name says that it is one."""
    source = item.source
    name = str(source) if isinstance(source, Path | str) else item.path
    if archive_mode(name) is None:
        return item
    if isinstance(source, Path | str):
        source = functools.partial(_open, str(source))
    return Item(source, folder, item.found, name)


def _open(path: str) -> BinaryIO:
    return open(path, "rb")  # noqa: PTH123


def find_target(source: str, address: Address, *, alone: bool, recursive: bool, full_path: bool) -> str:
    """Return where in the repo `source` goes, a clean path. Raises `UsageError` if it must be named and is not."""
    if is_url(source):
        name = url_name(source, full_path=full_path)
        if not name and (not address.written or address.written.endswith("/")):
            raise UsageError(f"{source} has no name.", remedy="Give it one: aeolian put file repo@branch:/name -f URL")
    else:
        name = source if full_path else posixpath.basename(source.rstrip("/"))
    if not address.written:
        if source == STANDARD_INPUT:
            raise UsageError(
                "Standard input has no name.", remedy="Give it a path: aeolian put file repo@branch:/name -f -"
            )
        return _clean(name)
    into = address.written.endswith("/") and not os.path.isdir(source)  # noqa: PTH112
    if alone and not into and not (recursive and full_path):
        return address.path
    return _clean(f"{address.path}/{name}")


def _clean(path: str) -> str:
    """`path` from the root, without `.` and `..`."""
    return posixpath.normpath(f"/{path}").replace("//", "/")


def _refuse_unless_file(source: str) -> None:
    try:
        status = Path(source).stat()
    except OSError as error:
        if error.errno == errno.ENOENT and not os.path.islink(source):  # noqa: PTH114
            raise UsageError(f"There is no file {source}.") from None
        raise UsageError(f"{source} cannot be read: {error.strerror}.") from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(
            f"{source} is not a file.", remedy="Pipes and devices cannot be put; use -f - for standard input."
        )


def _walk(folder: str, selection: Selection) -> Iterator[str]:
    """Every file in and below `folder`, those of a folder before those of the folders in it."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        selection.left_out.append((folder, f"a folder that cannot be read ({error.strerror})"))
        return
    folders = []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _leads_to_file(entry.path)):
            yield entry.path
        else:
            selection.left_out.append((entry.path, _why_not(entry)))
    for each in folders:
        yield from _walk(each, selection)


def _leads_to_file(link: str) -> bool:
    return os.path.isfile(link)  # noqa: PTH113


def _why_not(entry: "os.DirEntry[str]") -> str:
    if not entry.is_symlink():
        return "a pipe, socket or device"
    try:
        status = Path(entry.path).stat()
    except OSError as error:
        if error.errno == errno.ENOENT:
            return "a link that leads nowhere"
        if error.errno == errno.ELOOP:
            return "a link that leads back to itself"
        return f"a link that cannot be followed ({error.strerror})"
    return "a link to a folder" if stat.S_ISDIR(status.st_mode) else "a link to a pipe, socket or device"
