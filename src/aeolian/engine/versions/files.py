"""Files into a repo, and out of it."""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aeolian import names
from aeolian.engine.storage.disk import FULL
from aeolian.engine.storage.objects import Intake
from aeolian.engine.storage.stamps import Stamps
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry, encode_entries
from aeolian.engine.versions.addresses import Address
from aeolian.engine.versions.commits import (
    Commit,
    branch_to_write,
    commit_files,
    find_branch_to_write,
    head_tree,
    open_revision,
    refuse_output,
    resolve,
)
from aeolian.engine.versions.repos import repo_id
from aeolian.engine.versions.selection import Item
from aeolian.errors import StorageError, UsageError

_MANY = 256
Report = Callable[[int, int, str], None]


def silent(done: int, total: int, note: str) -> None:
    """The `Report` of callers who do not want any."""


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
    description: str = "",
    clear: bool = False,
    report: Report = silent,
) -> Put:
    """Puts files in one commit: all of them or, if one that was named cannot be read, none.

    Of two files of one path the last counts. A file that was found in a folder and cannot be read is left out, and
    said so; with `whole` it stops the put. With `clear` the files take the place of all that is there. A path that
    Pachyderm refuses becomes `names.acceptable(path)`; with `strict` it is refused. Raises `UsageError` for that, and
    for a file that cannot be read.
    """
    refuse_output(store, repo)
    renamed, left_out = dict[str, str](), list[tuple[str, str]]()
    changes: dict[str, Entry | None] = {}
    with store.objects.intake() as intake:
        reader = _Reader(store, repo, branch, items, intake)
        for done, item in enumerate(items):
            report(done, len(items), item.path)
            path = "/" + _accepted(item.path.lstrip("/"), strict)
            try:
                changes[path] = reader.read_item(item, path)
            except OSError as error:
                left_out.append(_leave_out(store, item, error, whole))
                continue
            if path != item.path:
                renamed[path] = names.printable(item.path)
        intake.flush()
        with store.db.transaction():
            commit = commit_files(store, repo, branch, changes, description, clear=clear)
            remember_names(store, repo, renamed)
            reader.stamps.save()
        store.db.make_durable()
    report(len(items), len(items), "")
    size = sum(entry.size for entry in changes.values() if entry)
    return Put(commit, len(changes), size, tuple((old, new) for new, old in renamed.items()), tuple(left_out))


def _leave_out(store: Store, item: Item, error: OSError, whole: bool) -> tuple[str, str]:
    """Return what is left out and why. Raises `AeolianError` where that stops the put."""
    if error.errno in FULL:
        remedy = "Nothing was put; free some space and put it again."
        raise StorageError(f"No space left for {item.source} in {store.home}.", remedy=remedy) from None
    if whole or not item.found:
        raise UsageError(f"{item.source} cannot be read: {error.strerror}.", remedy="Nothing was put.") from None
    return str(item.source), f"a file that cannot be read ({error.strerror})"


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
        self.stamps = Stamps(store, os.path.commonpath([min(places), max(places)]) if places else "\0")

    def read_item(self, item: Item, path: str) -> Entry:
        """What the item becomes at `path`. Raises `OSError` if it cannot be read."""
        if isinstance(item.source, Path | str):
            return self.read(item.source, path)
        return Entry(path, *self._intake.add_stream(item.source))

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
    if set(address.path) & set(names.REFUSED_CHARACTERS):
        raise UsageError(f"{address.path} has signs of globs in it.", remedy="Name one file, or a folder with -r.")
    with store.db.transaction():
        refuse_output(store, address.repo)
        row, branch = branch_to_write(store, address.repo, address.reference)
        open_one = open_revision(store, row)
        found = list(entries_at(store, open_one["tree"] if open_one else head_tree(store, row), address.path))
        folder = address.path == "/" or any(entry.path != address.path for entry in found)
        if found and folder and not recursive:
            raise UsageError(f"{address} is a folder.", remedy="Remove it with all below it with -r.")
        commit = commit_files(store, address.repo, branch, dict.fromkeys(entry.path for entry in found))
        return commit, len(found)


def entries_at(store: Store, tree: str, path: str) -> Iterator[Entry]:
    """The file `path`, or every file below the folder `path`."""
    if path != "/" and (entry := store.trees.get(tree, path)):
        yield entry
        return
    yield from store.trees.entries(tree, path.rstrip("/") + "/")


def listing(store: Store, address: Address) -> tuple[Commit, list[Listed]]:
    """The commit at `address` and what is directly there. Raises `UsageError` if nothing."""
    commit = resolve(store, address)
    if address.path != "/" and (entry := store.trees.get(commit.tree, address.path)):
        return commit, [Listed(entry.path, entry.size, 1, entry.object)]
    start = address.path.rstrip("/") + "/"
    below: dict[str, list[Entry]] = {}
    for entry in store.trees.entries(commit.tree, start):
        head, slash, _ = entry.path[len(start) :].partition("/")
        below.setdefault(f"{start}{head}{slash}", []).append(entry)
    if not below and address.path != "/":
        raise _nothing(address)
    return commit, [_list_one(path, entries) for path, entries in below.items()]


def _list_one(path: str, entries: list[Entry]) -> Listed:
    size = sum(entry.size for entry in entries)
    if not path.endswith("/"):
        return Listed(path, size, 1, entries[0].object)
    return Listed(path, size, len(entries), hashlib.sha256(encode_entries(entries).encode()).hexdigest())


def find_file(store: Store, address: Address) -> tuple[Commit, Entry]:
    """The file at exactly `address`, and the commit that has it. Raises `UsageError` if there is none."""
    commit = resolve(store, address)
    entry = store.trees.get(commit.tree, address.path) if address.path != "/" else None
    if entry is None:
        if address.path == "/" or store.trees.has_folder(commit.tree, address.path):
            raise UsageError(f"{address} is a folder.", remedy="Use -r, or name a file in it.")
        raise _nothing(address)
    return commit, entry


def remember_names(store: Store, repo: str, renamed: Mapping[str, str]) -> None:
    """Keeps what files were named before they were put: path in the repo → original path."""
    row = repo_id(store, repo)
    pairs = [(row, path, original) for path, original in renamed.items()]
    store.db.many("INSERT OR REPLACE INTO original_name VALUES (?, ?, ?)", pairs)


def original_name(store: Store, repo: str, path: str) -> str | None:
    """The name that a file had before it was put, if that had to change."""
    row = store.db.one("SELECT original FROM original_name WHERE repo_id = ? AND path = ?", repo_id(store, repo), path)
    return str(row["original"]) if row else None


def get_file(store: Store, address: Address, target: Path) -> None:
    """Writes one file to `target`, whole or not at all; into it under its own name if it is a folder."""
    _, entry = find_file(store, address)
    if target.is_dir():
        target = target / Path(entry.path).name
    _write(store, entry, target)


def get_folder(store: Store, address: Address, target: Path, report: Report = silent) -> int:
    """Writes every file below `address` below the folder `target`; how many.

    Raises `UsageError` if there is nothing.
    """
    tree = resolve(store, address).tree
    found = list(entries_at(store, tree, address.path))
    if not found:
        raise _nothing(address)
    start = (
        len(address.path.rstrip("/")) + 1
        if len(found) > 1 or found[0].path != address.path
        else found[0].path.rfind("/") + 1
    )
    for done, entry in enumerate(found):
        report(done, len(found), entry.path)
        place = target / entry.path[start:]
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(store, entry, place)
    report(len(found), len(found), "")
    return len(found)


def _write(store: Store, entry: Entry, target: Path) -> None:
    # Opened with the mode of any new file: to ask for the umask is to change it, for all threads, for a moment.
    partial = target.parent / f".partial-{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            for block in store.objects.read(entry.object):
                file.write(block)
        partial.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def _accepted(path: str, strict: bool) -> str:
    reason = names.refusal(path)
    if reason is None:
        return path
    proposal = names.acceptable(path)
    if strict:
        raise UsageError(f"Pachyderm refuses the name {path!r}: {reason}.", remedy=f"Put it as {proposal}.")
    return proposal


def _nothing(address: Address) -> UsageError:
    where = f"{address.repo}@{address.reference}"
    return UsageError(f"{where} has nothing at {address.path}.", remedy=f"See `aeolian list file {where}`.")
