"""What a commit holds: files, folders, and what a glob matches."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import Entry, encode_entries
from aeolian.engine.versions.references import Commit, resolve
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address
from aeolian.platform.specs.globs import compile_glob

GLOB_SIGNS = frozenset("*?[]{}!()@+^")


@dataclass(frozen=True)
class Listed:
    """A file, or a folder (its path ends in `/`) with all below it: bytes, number of files, a hash of the content."""

    path: str
    size: int
    files: int
    hash: str

    @property
    def type(self) -> str:
        """`file` or `dir`."""
        return "dir" if self.path.endswith("/") else "file"


def entries_at(store: Store, tree: str, path: str) -> Iterator[Entry]:
    """Yield the file `path`, or every file below the folder `path`."""
    if path != "/" and (entry := store.trees.get(tree, path)):
        yield entry
        return
    yield from store.trees.entries(tree, path.rstrip("/") + "/")


def list_files(store: Store, address: Address) -> tuple[Commit, list[Listed]]:
    """Return the commit at `address` and what is directly there, which may be nothing."""
    commit = resolve(store, address)
    if address.path != "/" and (entry := store.trees.get(commit.tree, address.path)):
        return commit, [_list_one(entry.path, [entry])]
    start = address.path.rstrip("/") + "/"
    below: dict[str, list[Entry]] = {}
    for entry in store.trees.entries(commit.tree, start):
        name, slash, _ = entry.path[len(start) :].partition("/")
        below.setdefault(f"{start}{name}{slash}", []).append(entry)
    return commit, [_list_one(path, entries) for path, entries in below.items()]


def glob_files(store: Store, address: Address) -> tuple[Commit, list[Listed]]:
    """Return the commit at `address` and the files and folders that its path, a glob, matches, by path."""
    commit = resolve(store, address)
    glob = compile_glob(address.path)
    if glob.is_root:
        return commit, [_list_one("/", list(store.trees.entries(commit.tree)))]
    found: dict[str, list[Entry]] = defaultdict(list)
    verdicts: dict[str, bool] = {}
    for entry in store.trees.entries(commit.tree):
        end = entry.path.find("/", 1)
        while end > 0:
            folder = entry.path[:end]
            if folder not in verdicts:
                verdicts[folder] = glob.match(folder) is not None
            if verdicts[folder]:
                found[f"{folder}/"].append(entry)
            end = entry.path.find("/", end + 1)
        if glob.match(entry.path) is not None:
            found[entry.path].append(entry)
    return commit, [_list_one(path, entries) for path, entries in sorted(found.items())]


def _list_one(path: str, entries: list[Entry]) -> Listed:
    size = sum(entry.size for entry in entries)
    if not path.endswith("/"):
        return Listed(path, size, 1, entries[0].object)
    return Listed(path, size, len(entries), hashlib.sha256(encode_entries(entries).encode()).hexdigest())


def inspect_path(store: Store, address: Address) -> tuple[Commit, Listed]:
    """Return the commit at `address` and the file or folder there. Raises `UsageError` if there is none."""
    commit = resolve(store, address)
    found = list(entries_at(store, commit.tree, address.path))
    if not found and address.path != "/":
        raise missing(address)
    folder = len(found) != 1 or found[0].path != address.path
    return commit, _list_one(address.path.rstrip("/") + "/" if folder else address.path, found)


def find_file(store: Store, address: Address) -> tuple[Commit, Entry]:
    """Return the one file at `address`, whose path may be a glob, and its commit.

    Raises `UsageError` if there is none, if it is a folder, or if there are several.
    """
    commit = resolve(store, address)
    entry = store.trees.get(commit.tree, address.path) if address.path != "/" else None
    if entry is not None:
        return commit, entry
    if address.path == "/" or store.trees.has_folder(commit.tree, address.path):
        raise UsageError(f"{address} is a folder.", remedy="Use -r, or name a file in it.")
    if not GLOB_SIGNS & set(address.path):
        raise missing(address)
    _, found = glob_files(store, address)
    if len(found) > 1:
        raise UsageError(f"{address} matched multiple files.", remedy="Name one, or get their folder with -r.")
    if not found:
        raise missing(address)
    return find_file(store, Address(address.repo, address.reference, found[0].path.rstrip("/") or "/"))


def missing(address: Address) -> UsageError:
    """Return the error of whom asks for what is not there."""
    where = f"{address.repo}@{address.reference}"
    return UsageError(f"file {address.path} not found in {where}.", remedy=f"See `aeolian list file {where}`.")
