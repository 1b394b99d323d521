"""The output of a job: the files of all of its datums in one tree, made from the last job's by what differs."""

from collections.abc import Mapping, Sequence
from itertools import chain

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import Entry, decode_entries
from aeolian.engine.versions.clashes import Lookup, clash, folders_of
from aeolian.errors import AeolianError, StorageError


def merge(store: Store, base: tuple[str, str], datums: str, *, leave_out_clashes: bool = False) -> str:
    """The tree of the outputs of `datums` (a tree: datum id → hash, row).

    `base` is (datums, output) of the last job that went well. Raises `AeolianError` where two datums write one
    path, or one a file where another has a folder. With `leave_out_clashes`, such a path is what the first datum,
    by id, made of it.
    """
    base_datums, base_output = base
    gone, new = store.datum_trees.difference(base_datums, datums)
    changes: dict[str, Entry | None] = {entry.path: None for old in gone.values() for entry in outputs(store, old.run)}
    kept = store.trees.edit(base_output, changes) if changes else base_output
    written = {datum: outputs(store, run.run) for datum, run in sorted(new.items())}
    if not leave_out_clashes:
        return _merge_strictly(store, datums, kept, written)
    return _merge_leniently(store, kept, written)


def _merge_strictly(store: Store, datums: str, kept: str, written: Mapping[str, Sequence[Entry]]) -> str:
    owner: dict[str, str] = {}
    added: dict[str, Entry | None] = {}
    for datum, entries in written.items():
        for entry in entries:
            if entry.path in owner:
                raise _conflict(f"two datums write {entry.path}", [owner[entry.path], datum])
            owner[entry.path] = datum
            added[entry.path] = entry
    there = Lookup(store.trees, kept, len(owner))
    for path, datum in owner.items():
        if there.file(path):
            raise _conflict(f"two datums write {path}", [_writer(store, datums, path, datum), datum])
    tree = store.trees.edit(kept, added)
    both = clash(store.trees, tree, owner)
    if both:
        writers = sorted({_writer(store, datums, both, ""), _writer(store, datums, f"{both}/", "")})
        raise _conflict(f"{both} is a file from one datum and a folder from another", writers)
    return tree


def _merge_leniently(store: Store, kept: str, written: Mapping[str, Sequence[Entry]]) -> str:
    files = {entry.path for entry in store.trees.entries(kept)}
    folders = {folder for path in files for folder in folders_of(path)}
    added: dict[str, Entry | None] = {}
    for entry in chain.from_iterable(written.values()):
        above = set(folders_of(entry.path))
        if entry.path in files or entry.path in folders or above & files:
            continue
        added[entry.path] = entry
        files.add(entry.path)
        folders |= above
    return store.trees.edit(kept, added)


def outputs(store: Store, row: int) -> list[Entry]:
    """What the run of a datum in row `row` wrote."""
    found = store.db.one("SELECT outputs FROM datum WHERE id = ?", row)
    if found is None:
        raise StorageError(f"The store lacks the run {row} of a datum.", remedy="Run the pipeline once more.")
    return decode_entries(found["outputs"])


def _writer(store: Store, datums: str, path: str, other_than: str) -> str:
    """The datum that writes the file `path`, or below the folder `path` if that ends in a slash."""
    for datum in store.datum_trees.entries(datums):
        if datum.datum != other_than and any(
            entry.path == path or (path.endswith("/") and entry.path.startswith(path))
            for entry in outputs(store, datum.run)
        ):
            return datum.datum
    return "unknown"


def _conflict(what: str, datums: list[str]) -> AeolianError:
    named = " and ".join(datum[:16] for datum in datums)
    return AeolianError(f"{what} (datums {named})", remedy="Give each datum's outputs names of their own.")
