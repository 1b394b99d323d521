"""A folder mirrored into a repo: one commit for a batch of changes, and never a file that is still being written."""

import os
from pathlib import Path

from aeolian import names
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry
from aeolian.engine.versions.addresses import Address
from aeolian.engine.versions.commits import commit_files, head_tree
from aeolian.engine.versions.files import remember_names
from aeolian.engine.versions.repos import branch_id, repo_id
from aeolian.errors import UsageError

_Stamp = tuple[int, int, int]
_PARTIAL = (".part", ".partial", ".crdownload", ".tmp")


class Watcher:
    """Looks at a folder each time `step` is called; a file that goes from it while watched goes from the repo."""

    def __init__(self, store: Store, folder: Path, address: Address) -> None:
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.")
        repo_id(store, address.repo)
        self._store, self._folder, self._address = store, folder, address
        self._committed: dict[str, _Stamp] = {}
        self._last: dict[str, _Stamp] | None = None

    def step(self) -> int:
        """Commits what changed, once it has stayed the same from one look to the next; how many files changed."""
        now = self._look()
        settled, self._last = now == self._last, now
        if not settled or now == self._committed:
            return 0
        changed = [path for path, stamp in now.items() if self._committed.get(path) != stamp]
        gone = [path for path in self._committed if path not in now]
        count = self._commit(changed, gone)
        self._committed = now
        return count

    def _look(self) -> dict[str, _Stamp]:
        found = {}
        for directory, folders, files in os.walk(self._folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(directory, name)
                if name.startswith(".") or name.endswith(_PARTIAL) or not path.is_file():
                    continue
                status = path.stat()
                found[str(path.relative_to(self._folder))] = (status.st_size, status.st_mtime_ns, status.st_ino)
        return found

    def _commit(self, changed: list[str], gone: list[str]) -> int:
        changes: dict[str, Entry | None] = {self._path(name): None for name in gone}
        renamed: dict[str, str] = {}
        with self._store.objects.intake() as intake:
            for name in changed:
                path = self._path(name)
                changes[path] = Entry(path, *intake.add(Path(os.path.realpath(self._folder / name))))
                if not path.endswith(f"/{name}"):
                    renamed[path] = f"/{name}"
            intake.flush()
            with self._store.db.transaction():
                branch = branch_id(self._store, self._address.repo, self._address.reference)
                head = head_tree(self._store, branch) if branch else EMPTY
                changes = {path: new for path, new in changes.items() if self._store.trees.get(head, path) != new}
                if changes:
                    commit_files(self._store, self._address.repo, self._address.reference, changes)
                remember_names(self._store, self._address.repo, renamed)
        return len(changes)

    def _path(self, name: str) -> str:
        return f"{self._address.path.rstrip('/')}/{names.acceptable(name)}"
