"""The output of a job: the files of all of its datums in one tree, made from the last job's by what differs."""

from collections.abc import Iterable

from aeolian.engine.store import Store
from aeolian.engine.trees import EMPTY, Entry, decode_entries
from aeolian.errors import AeolianError


def merge(store: Store, base: tuple[str, str], datums: str) -> str:
    """The tree of the outputs of `datums` (a tree: datum id → hash, row).

    `base` is (datums, output) of the last job that went well. Raises `AeolianError` where two datums write one
    path, or one a file where another has a folder.
    """
    base_datums, base_output = base
    gone, new = store.trees.difference(base_datums, datums)
    changes: dict[str, Entry | None] = {entry.path: None for row in gone.values() for entry in outputs(store, row.size)}
    kept = store.trees.edit(base_output, changes) if changes else base_output
    owner: dict[str, str] = {}
    added: dict[str, Entry | None] = {}
    for datum, row in new.items():
        for entry in outputs(store, row.size):
            if entry.path in owner:
                raise _conflict(f"two datums write {entry.path}", [owner[entry.path], datum])
            owner[entry.path] = datum
            added[entry.path] = entry
    _refuse_clashes(store, kept, datums, owner)
    return store.trees.edit(kept, added)


def outputs(store: Store, row: int) -> list[Entry]:
    """What the run of a datum in row `row` wrote."""
    found = store.db.one("SELECT outputs FROM datum WHERE id = ?", row)
    return decode_entries(found["outputs"]) if found else []


def _refuse_clashes(store: Store, kept: str, datums: str, owner: dict[str, str]) -> None:
    """Raises where a new path meets a kept one, or a file meets a folder."""
    folders: dict[str, str] = {}
    for path, datum in owner.items():
        for parent in _parents(path):
            if parent in folders:
                break
            folders[parent] = datum
    for folder, datum in folders.items():
        if folder in owner:
            raise _conflict(f"{folder} is a file from one datum and a folder from another", [owner[folder], datum])
    if kept == EMPTY or not owner:
        return
    there = _Kept(store, kept, len(owner))
    for path in [*owner, *folders]:
        if there.file(path):
            other = _writer(store, datums, path)
            what = (
                f"two datums write {path}"
                if path in owner
                else f"{path} is a file from one datum and a folder from another"
            )
            raise _conflict(what, [other, owner.get(path) or folders[path]])
    for path, datum in owner.items():
        if there.folder(path):
            raise _conflict(f"{path} is a file from one datum and a folder from another", [datum])


class _Kept:
    """Looks into the kept files one by one when few are asked for, and reads them all once when many are."""

    def __init__(self, store: Store, tree: str, questions: int) -> None:
        self._store, self._tree = store, tree
        self._paths: set[str] | None = None
        if questions > 256:
            self._paths = {entry.path for entry in store.trees.entries(tree)}
            self._folders = {parent for path in self._paths for parent in _parents(path)}

    def file(self, path: str) -> bool:
        return path in self._paths if self._paths is not None else self._store.trees.get(self._tree, path) is not None

    def folder(self, path: str) -> bool:
        return path in self._folders if self._paths is not None else self._store.trees.has_folder(self._tree, path)


def _parents(path: str) -> Iterable[str]:
    parent = path.rpartition("/")[0]
    while parent:
        yield parent
        parent = parent.rpartition("/")[0]


def _writer(store: Store, datums: str, path: str) -> str:
    for row in store.trees.entries(datums, ""):
        if any(entry.path == path or entry.path.startswith(f"{path}/") for entry in outputs(store, row.size)):
            return row.path
    return "an earlier datum"


def _conflict(what: str, datums: list[str]) -> AeolianError:
    named = " and ".join(datum[:16] for datum in datums)
    return AeolianError(f"{what} (datums {named})", remedy="Give each datum's outputs names of their own.")
