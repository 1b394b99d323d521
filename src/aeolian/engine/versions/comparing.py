"""What differs between two commits, and in which commits a file changed."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry
from aeolian.engine.versions.listing import entries_at
from aeolian.engine.versions.references import Commit, find_commit, resolve
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address

_MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class Difference:
    """A path below the two places compared, with the file that each has there, None for none."""

    path: str
    old: Entry | None
    new: Entry | None


def compare(store: Store, new: Address, old: Address | None = None, *, shallow: bool = False) -> list[Difference]:
    """Return what differs below two places, by path; without `old` it is the same place one commit before.

    With `shallow` no folder is looked into: one that differs is an entry of its own, its size that of all in it.
    """
    after = resolve(store, new)
    if old is not None:
        before: Commit | None = resolve(store, old)
    else:
        before = find_commit(store, after.parent) if after.parent is not None else None
        old = new
    sides = [_below(store, before.tree if before else EMPTY, old.path), _below(store, after.tree, new.path)]
    if shallow:
        sides = [_fold(side) for side in sides]
    paths = sorted(sides[0].keys() | sides[1].keys())
    pairs = (Difference(path, sides[0].get(path), sides[1].get(path)) for path in paths)
    return [pair for pair in pairs if not _is_same(pair.old, pair.new)]


def _below(store: Store, tree: str, path: str) -> dict[str, Entry]:
    """Return the files at `path` by their paths from there, "" for the file itself."""
    start = len(path.rstrip("/"))
    return {entry.path[start:]: entry for entry in entries_at(store, tree, path)}


def _fold(side: dict[str, Entry]) -> dict[str, Entry]:
    """Return files and folders of the first level: a folder's size is that of all in it, its object their objects."""
    folded: dict[str, Entry] = {}
    for path, entry in side.items():
        name, slash, _ = path[1:].partition("/")
        if not slash:
            folded[path] = entry
            continue
        key = f"/{name}/"
        before = folded.get(key, Entry(entry.path[: len(entry.path) - len(path)] + key, "", 0))
        folded[key] = Entry(before.path, f"{before.object}{path}\n{entry.object}\n", before.size + entry.size)
    return folded


def _is_same(old: Entry | None, new: Entry | None) -> bool:
    return old is not None and new is not None and old.object == new.object


def write_difference(store: Store, pair: Difference) -> Iterator[str]:
    """Yield the lines of a unified diff of two files; of what is no text, that they differ."""
    old, new = (f"{side}{entry.path}" if entry else "/dev/null" for side, entry in (("a", pair.old), ("b", pair.new)))
    before, after = _read_text(store, pair.old), _read_text(store, pair.new)
    if before is None or after is None:
        yield f"Binary files {old} and {new} differ\n"
        return
    for line in difflib.unified_diff(before.splitlines(True), after.splitlines(True), old, new):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _read_text(store: Store, entry: Entry | None) -> str | None:
    """Return the text of a file, None if it is none."""
    if entry is None:
        return ""
    if entry.size > _MOST_BYTES or entry.path.endswith("/"):
        return None
    data = b"".join(store.objects.read(entry.object))
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def find_changes(store: Store, address: Address) -> Iterator[tuple[Commit, bool]]:
    """Yield each commit from the one at `address` back, and whether the file or folder at its path changed in it.

    Raises `UsageError` for an open commit.
    """
    commit: Commit | None = resolve(store, address)
    while commit is not None:
        if commit.state == "open":
            raise UsageError(
                f"commit {commit.repo}@{commit.id} has not been finished.", remedy="Finish it, or name one before it."
            )
        before = find_commit(store, commit.parent) if commit.parent is not None else None
        yield commit, _changed(store, before.tree if before else EMPTY, commit.tree, address.path)
        commit = before


def _changed(store: Store, old: str, new: str, path: str) -> bool:
    if old == new:
        return False
    gone, come = store.trees.difference(old, new)
    below = path.rstrip("/") + "/"
    return any(each == path or each.startswith(below) for each in (*gone, *come))
