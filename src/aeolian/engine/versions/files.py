"""Files into a repo, and out of it."""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from aeolian import names
from aeolian.engine.storage.disk import FULL
from aeolian.engine.storage.objects import Intake
from aeolian.engine.storage.stamps import Stamps
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry, encode_entries
from aeolian.engine.versions.addresses import Address
from aeolian.engine.versions.commits import Commit, commit_files, head_tree, open_revision, refuse_output, resolve
from aeolian.engine.versions.repos import branch_id, repo_id
from aeolian.errors import StorageError, UsageError

_MANY = 256
Report = Callable[[int, int, str], None]


def silent(done: int, total: int, note: str) -> None:
    """The `Report` of callers who do not want any."""


@dataclass(frozen=True)
class Item:
    """One file to put: where from, and at which path of the repo."""

    source: Path | str | BinaryIO
    path: str


@dataclass
class Selection:
    """The files to put, and those that were left out with the reason."""

    items: list[Item] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Put:
    """What `put_files` did: the commit, and (original, stored) of each name that had to change."""

    commit: Commit
    files: int
    size: int
    renamed: tuple[tuple[str, str], ...]


def select(sources: Sequence[Path], folder: str, *, recursive: bool, rename: str | None = None) -> Selection:
    """The files that `sources` stand for, below the repo's `folder`; a folder's contents with `recursive`.

    `rename` is the path of the one file, if there is one. Raises `UsageError` for what does not exist, and for a
    folder without `recursive`.
    """
    selection = Selection()
    for source in sources:
        if source.is_dir():
            if not recursive:
                raise UsageError(f"{source} is a folder.", remedy="Put all that it holds with -r.")
            start = len(os.path.join(source, ""))  # noqa: PTH118  text, as thousands of paths are
            selection.items += [Item(path, _join(folder, path[start:])) for path in _walk(str(source), selection)]
        elif source.is_file():
            selection.items.append(Item(source, rename or _join(folder, source.name)))
        elif source.exists():
            raise UsageError(
                f"{source} is not a file.", remedy="Pipes and devices cannot be put; use -f - for standard input."
            )
        else:
            raise UsageError(f"There is no file {source}.")
    if not selection.items:
        raise UsageError(f"There is nothing to put in {', '.join(map(str, sources))}.")
    return selection


def put_files(
    store: Store,
    repo: str,
    branch: str,
    items: Sequence[Item],
    *,
    strict: bool = False,
    description: str = "",
    clear: bool = False,
    report: Report = silent,
) -> Put:
    """Puts files in one commit: all of them or, if one cannot be read, none.

    With `clear` they take the place of all that is there. A path that Pachyderm refuses becomes
    `names.acceptable(path)`; with `strict` it is refused. Raises
    `UsageError` for that, for a file that cannot be read, and for two files of one path.
    """
    refuse_output(store, repo)
    renamed = {}
    changes: dict[str, Entry | None] = {}
    with store.objects.intake() as intake:
        reader = _Reader(store, repo, branch, items, intake)
        for done, item in enumerate(items):
            report(done, len(items), item.path)
            path = "/" + _accepted(item.path.lstrip("/"), strict)
            if path in changes:
                raise UsageError(
                    f"Two of the files would be {repo}@{branch}:{path}.", remedy="Put one of them at another path."
                )
            if path != item.path:
                renamed[path] = names.printable(item.path)
            if isinstance(item.source, Path | str):
                try:
                    changes[path] = reader.read(item.source, path)
                except OSError as error:
                    if error.errno in FULL:
                        remedy = "Nothing was put; free some space and put it again."
                        raise StorageError(f"No space left for {item.source} in {store.home}.", remedy=remedy) from None
                    raise UsageError(
                        f"{item.source} cannot be read: {error.strerror}.", remedy="Nothing was put."
                    ) from None
            else:
                changes[path] = Entry(path, *intake.add_stream(item.source))
        intake.flush()
        with store.db.transaction():
            commit = commit_files(store, repo, branch, changes, description, clear=clear)
            remember_names(store, repo, renamed)
            reader.stamps.save()
        store.db.make_durable()
    report(len(items), len(items), "")
    size = sum(entry.size for entry in changes.values() if entry)
    return Put(commit, len(changes), size, tuple((old, new) for new, old in renamed.items()))


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
        row = branch_id(store, repo, branch)
        open_one = open_revision(store, row) if row else None
        self._tree = open_one["tree"] if open_one else head_tree(store, row) if row else EMPTY
        # Above so many, reading the tree once is cheaper than looking into it each time.
        many = len(items) > _MANY
        self._there = {entry.path: entry for entry in self._trees.entries(self._tree)} if many else None
        places = [self._place(item.source) for item in items if isinstance(item.source, Path | str)]
        self.stamps = Stamps(store, os.path.commonpath([min(places), max(places)]) if places else "\0")

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


def delete_path(store: Store, address: Address) -> tuple[Commit, int]:
    """Removes a file, or a folder with all below it, in one commit; how many files went.

    Raises `UsageError` if none.
    """
    with store.db.transaction():
        branch = branch_id(store, address.repo, address.reference)
        open_one = open_revision(store, branch) if branch else None
        tree = open_one["tree"] if open_one else head_tree(store, branch) if branch else ""
        found = list(entries_at(store, tree, address.path)) if tree else []
        if not found:
            raise _nothing(address)
        commit = commit_files(store, address.repo, address.reference, dict.fromkeys(entry.path for entry in found))
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


def _walk(folder: str, selection: Selection) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    selection.hidden += [entry.path for entry in entries if entry.name.startswith(".")]
    shown = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in shown:
        if entry.is_file():
            yield entry.path
        elif not entry.is_dir():
            reason = "a link that leads nowhere" if entry.is_symlink() else "a pipe, socket or device"
            selection.skipped.append((entry.path, reason))
    for entry in shown:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, selection)


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


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
