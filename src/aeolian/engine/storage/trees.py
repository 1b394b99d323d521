"""What a commit holds: a sorted map from path to content, stored so that history costs only its changes.

A tree is cut into leaves after every path whose CRC-32 ends in five zero bits: about 32 files a leaf. The
tree's root lists its leaves. Where a cut falls depends on the paths alone, so the same files always make the
same leaves and the same root, whatever the order in which they came; a commit that adds one file among 10,000
writes one leaf and one root; and two trees are compared by their leaves' hashes without reading the rest.
"""

import hashlib
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from aeolian.engine.storage.database import Database
from aeolian.errors import StorageError

_CUT_MASK = 0x1F
_RECENT_LEAVES = 1024
_RECENT_ROOTS = 64
EMPTY = hashlib.sha256(b"").hexdigest()


class Entry(NamedTuple):
    """One file: its path (`/a/b`), the SHA-256 of its content, and its size in bytes."""

    path: str
    object: str
    size: int


class _Leaf(NamedTuple):
    last: str
    hash: str
    files: int
    size: int


def encode_entries(entries: Iterable[Entry]) -> str:
    """Entries as text, a line each. Paths hold no line breaks: `names.refusal` refuses them."""
    return "\n".join(f"{entry.object} {entry.size} {entry.path}" for entry in entries)


def decode_entries(text: str) -> list[Entry]:
    """The reverse of `encode_entries`."""
    entries = []
    for line in text.split("\n") if text else ():
        object_, size, path = line.split(" ", 2)
        entries.append(Entry(path, object_, int(size)))
    return entries


class Trees:
    """The trees of a database. A tree is named by the hash of its root."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: dict[str, list[Entry]] = {}
        self._recent_roots: dict[str, list[_Leaf]] = {}

    def entries(self, tree: str, prefix: str = "/") -> Iterator[Entry]:
        """Every file of `tree` whose path starts with `prefix`, sorted by path."""
        leaves = self._leaves(tree)
        for place in range(bisect_left(leaves, prefix, key=_last), len(leaves)):
            for entry in self._read(leaves[place]):
                if entry.path.startswith(prefix):
                    yield entry
                elif entry.path > prefix:
                    return

    def get(self, tree: str, path: str) -> Entry | None:
        """The file at exactly `path`, or None."""
        leaves = self._leaves(tree)
        place = bisect_left(leaves, path, key=_last)
        if place == len(leaves):
            return None
        return next((entry for entry in self._read(leaves[place]) if entry.path == path), None)

    def has_folder(self, tree: str, path: str) -> bool:
        """Whether `tree` has a file below the folder `path`."""
        return next(self.entries(tree, path.rstrip("/") + "/"), None) is not None

    def totals(self, tree: str) -> tuple[int, int]:
        """How many files `tree` has, and how many bytes they have together."""
        leaves = self._leaves(tree)
        return sum(leaf.files for leaf in leaves), sum(leaf.size for leaf in leaves)

    def build(self, entries: Iterable[Entry]) -> str:
        """The tree of these entries; of two with one path the later counts."""
        return self.edit(EMPTY, {entry.path: entry for entry in entries})

    def edit(self, tree: str, changes: Mapping[str, Entry | None]) -> str:
        """`tree` with the files of `changes` put in place; None takes a file out."""
        leaves = self._leaves(tree)
        touched: dict[int, dict[str, Entry | None]] = defaultdict(dict)
        for path, entry in changes.items():
            touched[min(bisect_left(leaves, path, key=_last), max(len(leaves) - 1, 0))][path] = entry

        written: list[_Leaf] = []
        nodes: dict[str, str] = {}
        open_end: list[Entry] = []
        for place, leaf in enumerate(leaves or [None]):
            if leaf and place not in touched and not open_end:
                written.append(leaf)
                continue
            content = {entry.path: entry for entry in (*open_end, *(self._read(leaf) if leaf else ()))}
            for path, entry in touched[place].items():
                if entry is None:
                    content.pop(path, None)
                else:
                    content[path] = entry
            chunks, open_end = _cut([content[path] for path in sorted(content)])
            written += (self._store(chunk, nodes) for chunk in chunks)
        if open_end:
            written.append(self._store(open_end, nodes))

        root = "\n".join(f"{leaf.hash} {leaf.files} {leaf.size} {leaf.last}" for leaf in written)
        name = _add(root, nodes)
        self._remember_root(name, written)
        self._database.many("INSERT OR IGNORE INTO node VALUES (?, ?)", nodes.items())
        return name

    def difference(self, old: str, new: str) -> tuple[dict[str, Entry], dict[str, Entry]]:
        """The entries that only `old` has and those that only `new` has, by path; a changed file is in both."""
        old_leaves, new_leaves = self._leaves(old), self._leaves(new)
        common = {leaf.hash for leaf in old_leaves} & {leaf.hash for leaf in new_leaves}
        before = {e.path: e for leaf in old_leaves if leaf.hash not in common for e in self._read(leaf)}
        after = {e.path: e for leaf in new_leaves if leaf.hash not in common for e in self._read(leaf)}
        return (
            {path: entry for path, entry in before.items() if after.get(path) != entry},
            {path: entry for path, entry in after.items() if before.get(path) != entry},
        )

    def nodes(self, tree: str) -> list[str]:
        """The hashes of the root and the leaves of `tree`, for those who keep or check nodes."""
        return [tree, *(leaf.hash for leaf in self._leaves(tree))]

    def _leaves(self, tree: str) -> list[_Leaf]:
        """The leaves that a root lists, not to be changed."""
        if tree in ("", EMPTY):
            return []
        leaves = self._recent_roots.get(tree)
        if leaves is None:
            leaves = []
            for line in self._node(tree).split("\n"):
                hash_, files, size, last = line.split(" ", 3)
                leaves.append(_Leaf(last, hash_, int(files), int(size)))
            self._remember_root(tree, leaves)
        return leaves

    def _remember_root(self, tree: str, leaves: list[_Leaf]) -> None:
        if len(self._recent_roots) >= _RECENT_ROOTS:
            self._recent_roots.clear()
        self._recent_roots[tree] = leaves

    def _read(self, leaf: _Leaf) -> list[Entry]:
        """The entries of a leaf, not to be changed. A name is a hash, so what was read once stays true."""
        found = self._recent.get(leaf.hash)
        if found is None:
            found = self._remember(leaf.hash, decode_entries(self._node(leaf.hash)))
        return found

    def _remember(self, name: str, entries: list[Entry]) -> list[Entry]:
        if len(self._recent) >= _RECENT_LEAVES:
            self._recent.clear()
        self._recent[name] = entries
        return entries

    def _store(self, entries: list[Entry], nodes: dict[str, str]) -> _Leaf:
        leaf = _Leaf(
            entries[-1].path,
            _add(encode_entries(entries), nodes),
            len(entries),
            sum(entry.size for entry in entries),
        )
        self._remember(leaf.hash, entries)
        return leaf

    def _node(self, name: str) -> str:
        row = self._database.one("SELECT data FROM node WHERE hash = ?", name)
        if row is None:
            raise StorageError(f"The store lacks tree node {name}.", remedy="`aeolian fsck` tells what is damaged.")
        return str(row["data"])


def _last(leaf: _Leaf) -> str:
    return leaf.last


def _cut(entries: list[Entry]) -> tuple[list[list[Entry]], list[Entry]]:
    """Whole leaves, and the entries after the last cut."""
    chunks, start = [], 0
    for place, entry in enumerate(entries, 1):
        if not zlib.crc32(entry.path.encode()) & _CUT_MASK:
            chunks.append(entries[start:place])
            start = place
    return chunks, entries[start:]


def _add(text: str, nodes: dict[str, str]) -> str:
    name = hashlib.sha256(text.encode()).hexdigest()
    if text:
        nodes[name] = text
    return name
