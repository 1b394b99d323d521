"""What a commit holds, and what a job had: sorted maps, stored so that history costs only its changes.

An entry of a map is a key, a hash and a number: path, content and size of a file; or id, hash and run of a datum.
A tree is cut into leaves after every key whose CRC-32 ends in five zero bits: about 32 entries a leaf. The
tree's root lists its leaves. Where a cut falls depends on the keys alone, so the same entries always make the
same leaves and the same root, whatever the order in which they came; a commit that adds one file among 10,000
writes one leaf and one root; and two trees are compared by their leaves' hashes without reading the rest.
"""

import hashlib
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

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


class DatumRun(NamedTuple):
    """One datum of a job: its id, its hash, and the row (of the table `datum`) of the run that made its output."""

    datum: str
    hash: str
    run: int


_T = TypeVar("_T", bound=tuple[str, str, int])


class _Leaf(NamedTuple):
    last: str
    hash: str
    entries: int
    size: int


def encode_entries(entries: Iterable[tuple[str, str, int]]) -> str:
    """Entries as text, a line each. Keys hold no line breaks: `names.refusal` refuses them in paths."""
    return "\n".join(f"{hash_} {number} {key}" for key, hash_, number in entries)


def decode_entries(text: str) -> list[Entry]:
    """The files of a text that `encode_entries` made."""
    return _decode(text, Entry)


def _decode(text: str, make: Callable[[str, str, int], _T]) -> list[_T]:
    entries = []
    for line in text.split("\n") if text else ():
        hash_, number, key = line.split(" ", 2)
        entries.append(make(key, hash_, int(number)))
    return entries


class _TreesOf(Generic[_T]):
    """The trees of a database whose entries are made by `make`. A tree is named by the hash of its root."""

    def __init__(self, database: Database, make: Callable[[str, str, int], _T]) -> None:
        self._database = database
        self._make = make
        self._recent: dict[str, list[_T]] = {}
        self._recent_roots: dict[str, list[_Leaf]] = {}

    def entries(self, tree: str, prefix: str = "") -> Iterator[_T]:
        """Every entry of `tree` whose key starts with `prefix`, sorted by key."""
        leaves = self._leaves(tree)
        for place in range(bisect_left(leaves, prefix, key=_last), len(leaves)):
            for entry in self._read(leaves[place]):
                if entry[0].startswith(prefix):
                    yield entry
                elif entry[0] > prefix:
                    return

    def get(self, tree: str, key: str) -> _T | None:
        """The entry of exactly this key, or None."""
        leaves = self._leaves(tree)
        place = bisect_left(leaves, key, key=_last)
        if place == len(leaves):
            return None
        return next((entry for entry in self._read(leaves[place]) if entry[0] == key), None)

    def count(self, tree: str) -> int:
        """How many entries `tree` has."""
        return sum(leaf.entries for leaf in self._leaves(tree))

    def build(self, entries: Iterable[_T]) -> str:
        """The tree of these entries; of two with one key the later counts."""
        return self.edit(EMPTY, {entry[0]: entry for entry in entries})

    def edit(self, tree: str, changes: Mapping[str, _T | None]) -> str:
        """`tree` with the entries of `changes` put in place; None takes one out."""
        leaves = self._leaves(tree)
        touched: dict[int, dict[str, _T | None]] = defaultdict(dict)
        for key, entry in changes.items():
            touched[min(bisect_left(leaves, key, key=_last), max(len(leaves) - 1, 0))][key] = entry

        written: list[_Leaf] = []
        nodes: dict[str, str] = {}
        open_end: list[_T] = []
        for place, leaf in enumerate(leaves or [None]):
            if leaf and place not in touched and not open_end:
                written.append(leaf)
                continue
            content = {entry[0]: entry for entry in (*open_end, *(self._read(leaf) if leaf else ()))}
            for key, entry in touched[place].items():
                if entry is None:
                    content.pop(key, None)
                else:
                    content[key] = entry
            chunks, open_end = _cut([content[key] for key in sorted(content)])
            written += (self._store(chunk, nodes) for chunk in chunks)
        if open_end:
            written.append(self._store(open_end, nodes))

        root = "\n".join(f"{leaf.hash} {leaf.entries} {leaf.size} {leaf.last}" for leaf in written)
        name = _add(root, nodes)
        self._remember_root(name, written)
        self._database.many("INSERT OR IGNORE INTO node VALUES (?, ?)", nodes.items())
        return name

    def difference(self, old: str, new: str) -> tuple[dict[str, _T], dict[str, _T]]:
        """The entries that only `old` has and those that only `new` has, by key; a changed one is in both."""
        old_leaves, new_leaves = self._leaves(old), self._leaves(new)
        common = {leaf.hash for leaf in old_leaves} & {leaf.hash for leaf in new_leaves}
        before = {e[0]: e for leaf in old_leaves if leaf.hash not in common for e in self._read(leaf)}
        after = {e[0]: e for leaf in new_leaves if leaf.hash not in common for e in self._read(leaf)}
        return (
            {key: entry for key, entry in before.items() if after.get(key) != entry},
            {key: entry for key, entry in after.items() if before.get(key) != entry},
        )

    def nodes(self, tree: str) -> list[str]:
        """The hashes of the root and the leaves of `tree`, for those who keep or check nodes."""
        return [tree, *(leaf.hash for leaf in self._leaves(tree))]

    def unseen(self, tree: str, seen: set[str]) -> Iterator[_T]:
        """The entries of the leaves of `tree` that are not in `seen`, to which they are added."""
        for leaf in self._leaves(tree):
            if leaf.hash not in seen:
                seen.add(leaf.hash)
                yield from _decode(self._node(leaf.hash), self._make)

    def reached(self, trees: Iterable[str]) -> tuple[set[str], set[str]]:
        """The hashes of the nodes of all of `trees`, and those that their entries hold. Each leaf is read once."""
        nodes: set[str] = set()
        hashes: set[str] = set()
        for tree in trees:
            hashes |= {entry[1] for entry in self.unseen(tree, nodes)}
            nodes.add(tree)
        return nodes, hashes

    def _leaves(self, tree: str) -> list[_Leaf]:
        """The leaves that a root lists, not to be changed."""
        if tree in ("", EMPTY):
            return []
        leaves = self._recent_roots.get(tree)
        if leaves is None:
            leaves = []
            for line in self._node(tree).split("\n"):
                hash_, count, size, last = line.split(" ", 3)
                leaves.append(_Leaf(last, hash_, int(count), int(size)))
            self._remember_root(tree, leaves)
        return leaves

    def _remember_root(self, tree: str, leaves: list[_Leaf]) -> None:
        if len(self._recent_roots) >= _RECENT_ROOTS:
            self._recent_roots.clear()
        self._recent_roots[tree] = leaves

    def _read(self, leaf: _Leaf) -> list[_T]:
        """The entries of a leaf, not to be changed. A name is a hash, so what was read once stays true."""
        found = self._recent.get(leaf.hash)
        if found is None:
            found = self._remember(leaf.hash, _decode(self._node(leaf.hash), self._make))
        return found

    def _remember(self, name: str, entries: list[_T]) -> list[_T]:
        if len(self._recent) >= _RECENT_LEAVES:
            self._recent.clear()
        self._recent[name] = entries
        return entries

    def _store(self, entries: list[_T], nodes: dict[str, str]) -> _Leaf:
        leaf = _Leaf(entries[-1][0], _add(encode_entries(entries), nodes), len(entries), self._size(entries))
        self._remember(leaf.hash, entries)
        return leaf

    def _size(self, entries: Sequence[_T]) -> int:
        """What the numbers of entries come to, where a sum of them says something."""
        return 0

    def _node(self, name: str) -> str:
        row = self._database.one("SELECT data FROM node WHERE hash = ?", name)
        if row is None:
            raise StorageError(f"The store lacks tree node {name}.", remedy="`aeolian fsck` tells what is damaged.")
        return str(row["data"])


class Trees(_TreesOf[Entry]):
    """The trees of files: path → content, size."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Entry)

    def has_folder(self, tree: str, path: str) -> bool:
        """Whether `tree` has a file below the folder `path`."""
        return next(self.entries(tree, path.rstrip("/") + "/"), None) is not None

    def totals(self, tree: str) -> tuple[int, int]:
        """How many files `tree` has, and how many bytes they have together."""
        return self.count(tree), sum(leaf.size for leaf in self._leaves(tree))

    def _size(self, entries: Sequence[Entry]) -> int:
        return sum(entry.size for entry in entries)


class DatumTrees(_TreesOf[DatumRun]):
    """The trees of datums: id → hash, run."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, DatumRun)


def _last(leaf: _Leaf) -> str:
    return leaf.last


def _cut(entries: list[_T]) -> tuple[list[list[_T]], list[_T]]:
    """Whole leaves, and the entries after the last cut."""
    chunks, start = [], 0
    for place, entry in enumerate(entries, 1):
        if not zlib.crc32(entry[0].encode()) & _CUT_MASK:
            chunks.append(entries[start:place])
            start = place
    return chunks, entries[start:]


def _add(text: str, nodes: dict[str, str]) -> str:
    name = hashlib.sha256(text.encode()).hexdigest()
    if text:
        nodes[name] = text
    return name
