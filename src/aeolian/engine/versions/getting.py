"""Files out of a repo."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import Entry
from aeolian.engine.versions.listing import entries_at, find_file, missing
from aeolian.engine.versions.references import resolve
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address

Report = Callable[[int, int, str], None]


def silent(done: int, total: int, note: str) -> None:
    """The `Report` of callers who do not want any."""


def read_file(store: Store, address: Address, offset: int = 0) -> Iterator[bytes]:
    """Yield the content of one file from `offset` on, in blocks. Raises `UsageError` if there is no such file."""
    _, entry = find_file(store, address)
    for block in store.objects.read(entry.object):
        if offset < len(block):
            yield block[offset:]
        offset = max(offset - len(block), 0)


def get_file(store: Store, address: Address, target: Path, offset: int = 0) -> None:
    """Write one file to `target`, whole or not at all. Raises `UsageError` if that is a folder."""
    _, entry = find_file(store, address)
    if target.is_dir():
        raise UsageError(f"{target} is a folder.", remedy=f"Name the file: {target / Path(entry.path).name}")
    _write(read_file(store, address, offset), target)


def get_folder(store: Store, address: Address, target: Path, report: Report = silent) -> int:
    """Write every file below `address` below the folder `target`, or one file to `target`; return how many.

    Raises `UsageError` if there is nothing.
    """
    tree = resolve(store, address).tree
    found = list(entries_at(store, tree, address.path))
    if not found and address.path != "/":
        raise missing(address)
    if len(found) == 1 and found[0].path == address.path:
        get_file(store, address, target)
        return 1
    start = len(address.path.rstrip("/")) + 1
    target.mkdir(parents=True, exist_ok=True)
    for done, entry in enumerate(found):
        report(done, len(found), entry.path)
        place = target / entry.path[start:]
        place.parent.mkdir(parents=True, exist_ok=True)
        _write_entry(store, entry, place)
    report(len(found), len(found), "")
    return len(found)


def _write_entry(store: Store, entry: Entry, target: Path) -> None:
    _write(store.objects.read(entry.object), target)


def _write(blocks: Iterator[bytes], target: Path) -> None:
    # Opened with the mode of any new file: to ask for the umask is to change it, for all threads, for a moment.
    partial = target.parent / f".partial-{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            for block in blocks:
                file.write(block)
        partial.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
