"""Files into a repo: put, copied, deleted."""

import itertools
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aeolian import names
from aeolian.engine.storage.disk import FULL
from aeolian.engine.storage.objects import Intake
from aeolian.engine.storage.stamps import Stamps
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry
from aeolian.engine.versions.commits import (
    branch_to_write,
    commit_files,
    find_branch_to_write,
    head_tree,
    open_revision,
)
from aeolian.engine.versions.getting import Report, silent
from aeolian.engine.versions.listing import GLOB_SIGNS, entries_at, missing
from aeolian.engine.versions.references import Commit, resolve
from aeolian.engine.versions.repos import repo_id
from aeolian.errors import StorageError, UsageError
from aeolian.platform.addresses import Address
from aeolian.platform.sources.opening import accept, open_item
from aeolian.platform.sources.selection import Item
from aeolian.platform.sources.streams import as_file

if TYPE_CHECKING:
    pass

_MANY = 256
_NO_PATH = "-"  # what no absolute path begins with


@dataclass(frozen=True)
class Put:
    """What `put_files` did: the commit, and (original, stored) of each name that had to change.

    `left_out` has what a folder held that could not be read, with the reason.
    """

    commit: Commit
    files: int
    size: int
    renamed: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...] = ()


def put_files(
    store: Store,
    repo: str,
    branch: str,
    items: Sequence[Item],
    *,
    strict: bool = False,
    whole: bool = False,
    append: bool = False,
    description: str = "",
    clear: bool = False,
    report: Report = silent,
) -> Put:
    """Puts files in one commit: all of them or, if one that was named cannot be read, none.

    Of two files of one path the last counts, or with `append` goes behind the first, and both behind what is there. A
    file that was found in a folder and cannot be read is left out, and said so; with `whole` it stops the put. With
    `clear` the files take the place of all that is there. A path that Pachyderm refuses becomes
    `names.acceptable(path)`; with `strict` it is refused. Raises `UsageError` for that, and for a file that cannot be
    read.
    """
    renamed, left_out = dict[str, str](), list[tuple[str, str]]()
    entries: list[Entry] = []
    with store.objects.intake() as intake:
        reader = _Reader(store, repo, branch, items, intake)
        for done, item in enumerate(items):
            report(done, len(items), item.path)
            try:
                for wanted, source in open_item(item, left_out):
                    path = accept(wanted, strict=strict)
                    entries.append(reader.read_source(source, path))
                    if path != wanted:
                        renamed[path] = names.printable(wanted)
            except OSError as error:
                left_out.append(_leave_out(store, item, error, whole))
        intake.flush()
        with store.db.transaction():
            changes = {entry.path: entry for entry in entries}
            if append:
                changes = _join(store, repo, branch, entries, intake)
            commit = commit_files(store, repo, branch, changes, description, clear=clear)
            remember_names(store, repo, renamed)
            reader.stamps.save()
        store.db.make_durable()
    report(len(items), len(items), "")
    size = sum(entry.size for entry in entries)
    return Put(commit, len(changes), size, tuple((old, new) for new, old in renamed.items()), tuple(left_out))


def _join(store: Store, repo: str, branch: str, entries: Sequence[Entry], intake: Intake) -> dict[str, Entry]:
    """Return what becomes of each path when `entries` go behind what is there. Inside a transaction."""
    row, _ = branch_to_write(store, repo, branch)
    open_one = open_revision(store, row)
    tree = open_one["tree"] if open_one else head_tree(store, row)
    joined: dict[str, Entry] = {}
    for entry in entries:
        old = joined.get(entry.path) or store.trees.get(tree, entry.path)
        if old is not None:
            both = itertools.chain(store.objects.read(old.object), store.objects.read(entry.object))
            entry = Entry(entry.path, *intake.add_stream(as_file(both)))
            intake.flush()
        joined[entry.path] = entry
    return joined


def _leave_out(store: Store, item: Item, error: OSError, whole: bool) -> tuple[str, str]:
    """Return what is left out and why. Raises `AeolianError` where that stops the put."""
    if error.errno in FULL:
        remedy = "Nothing was put; free some space and put it again."
        raise StorageError(f"No space left for {item.source} in {store.home}.", remedy=remedy) from None
    if whole or not item.found:
        raise UsageError(f"{item.source} cannot be read: {error.strerror}.", remedy="Nothing was put.") from None
    return str(item.source), f"a file that cannot be read ({error.strerror})"


class _Reader:
    """Reads files in; not those that did not change since the repo has them."""

    def __init__(self, store: Store, repo: str, branch: str, items: Sequence[Item], intake: Intake) -> None:
        self._here = Path.cwd()
        self._intake = intake
        self._trees = store.trees
        row, _ = find_branch_to_write(store, repo, branch)
        open_one = open_revision(store, row) if row else None
        self._tree = open_one["tree"] if open_one else head_tree(store, row) if row else EMPTY
        # Above so many, reading the tree once is cheaper than looking into it each time.
        many = len(items) > _MANY
        self._there = {entry.path: entry for entry in self._trees.entries(self._tree)} if many else None
        places = [self._place(item.source) for item in items if isinstance(item.source, Path | str)]
        self.stamps = Stamps(store, os.path.commonpath([min(places), max(places)]) if places else _NO_PATH)

    def read_source(self, source: Path | str | BinaryIO, path: str) -> Entry:
        """What a file or stream becomes at `path`. Raises `OSError` if it cannot be read."""
        if isinstance(source, Path | str):
            return self.read(source, path)
        return Entry(path, *self._intake.add_stream(source))

    def read(self, source: Path | str, path: str) -> Entry:
        """What the file `source` becomes at `path`. Raises `OSError` if it cannot be read."""
        place, status = self._place(source), os.lstat(source)
        if stat.S_ISLNK(status.st_mode):
            return Entry(path, *self._intake.add(os.path.realpath(source)))
        there = self._trees.get(self._tree, path) if self._there is None else self._there.get(path)
        if there is not None and self.stamps.content(place, status) == there.object:
            return there
        entry = Entry(path, *self._intake.add(source))
        if entry.size == status.st_size:
            self.stamps.learn(place, status, entry.object)
        return entry

    def _place(self, source: Path | str) -> str:
        return os.path.join(self._here, source)  # noqa: PTH118


def delete_path(store: Store, address: Address, *, recursive: bool = False) -> tuple[Commit, int]:
    """Remove a file, or with `recursive` a folder with all below it, in one commit; return how many files went.

    What is not there is no mistake: the commit is made all the same. Raises `UsageError` for a folder without
    `recursive`, and for a path that globs.
    """
    if GLOB_SIGNS & set(address.path):
        raise UsageError(f"{address.path} has signs of globs in it.", remedy="Name one file, or a folder with -r.")
    with store.db.transaction():
        row, branch = branch_to_write(store, address.repo, address.reference)
        open_one = open_revision(store, row)
        found = list(entries_at(store, open_one["tree"] if open_one else head_tree(store, row), address.path))
        folder = address.path == "/" or any(entry.path != address.path for entry in found)
        if found and folder and not recursive:
            raise UsageError(f"{address} is a folder.", remedy="Remove it with all below it with -r.")
        commit = commit_files(store, address.repo, branch, dict.fromkeys(entry.path for entry in found))
        return commit, len(found)


def copy_path(store: Store, source: Address, target: Address, *, append: bool = False) -> tuple[Commit, int]:
    """Put a file, or a folder with all below it, at another place, in one commit; return how many files.

    The content is the same, not a copy. With `append` a file's content is added to that of the file at `target`.
    Raises `UsageError` if there is nothing at `source`.
    """
    # From here on gc waits, so that what is found cannot go before it is committed anew.
    with store.objects.intake() as intake, store.db.transaction():
        found = list(entries_at(store, resolve(store, source).tree, source.path))
        if not found:
            raise missing(source)
        start = len(source.path.rstrip("/"))
        moved = [Entry((target.path.rstrip("/") + entry.path[start:]) or "/", *entry[1:]) for entry in found]
        joined = _join(store, target.repo, target.reference, moved, intake) if append else {e.path: e for e in moved}
        return commit_files(store, target.repo, target.reference, joined), len(joined)


def remember_names(store: Store, repo: str, renamed: Mapping[str, str]) -> None:
    """Keeps what files were named before they were put: path in the repo → original path."""
    row = repo_id(store, repo)
    pairs = [(row, path, original) for path, original in renamed.items()]
    store.db.many("INSERT OR REPLACE INTO original_name VALUES (?, ?, ?)", pairs)


def original_name(store: Store, repo: str, path: str) -> str | None:
    """The name that a file had before it was put, if that had to change."""
    row = store.db.one("SELECT original FROM original_name WHERE repo_id = ? AND path = ?", repo_id(store, repo), path)
    return str(row["original"]) if row else None
