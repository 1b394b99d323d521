"""A folder mirrored into a repo: one commit for a batch of changes, and never a file that is still being written.

A file that is deleted while it is watched is deleted from the repo. A folder that is unmounted, unreadable, emptied,
moved away or replaced looks as if all its files were deleted; so what goes missing with its whole folder is kept, and
said so, unless the folder was moved within the watched one.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from aeolian import names
from aeolian.engine.looks import Identity, Look, holders, identity_of, look_at, stamp
from aeolian.engine.storage.disk import FULL, DiskFull, told_if_full
from aeolian.engine.storage.objects import Intake
from aeolian.engine.storage.stamps import Stamps
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry
from aeolian.engine.versions.clashes import clash, folders_of
from aeolian.engine.versions.commits import commit_files, head_tree, open_revision
from aeolian.engine.versions.files import remember_names
from aeolian.engine.versions.repos import branch_id, repo_id
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address

# For so many looks, files that are whole wait for those beside them that are not, to be one commit with them.
MOST_LOOKS_WAITED = 5
_MANY = 256


def silent(message: str) -> None:
    """Tells nobody."""


class Watcher:
    """Looks at a folder each time `step` is called, and commits what changed in it to `address`.

    `tell` gets a sentence for whatever is left out or kept, once as long as it stays so. With `allow_empty`, what goes
    missing with its whole folder goes from the repo, if the folder above could be read.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        address: Address,
        *,
        allow_empty: bool = False,
        tell: Callable[[str], None] = silent,
    ) -> None:
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.")
        repo_id(store, address.repo)
        self._store, self._folder, self._address = store, os.path.abspath(folder), address  # noqa: PTH100
        self._allow_empty, self._tell = allow_empty, tell
        # What is in the repo because it was seen here: the files' stamps, and where their folders were then.
        self._known: dict[str, bytes] = {}
        self._homes: dict[str, Identity] = {}
        # Files that went missing with their folder, which stay in the repo until they are seen again.
        self._kept: dict[str, str] = {}
        self._last: Look | None = None
        self._waited = 0
        # The names of files that are stored under another, by that one; and of those that no path can be found for.
        self._renamed: dict[str, str] = {}
        self._clashing: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._told: set[str] = set()
        self._stamps: Stamps | None = Stamps(store, os.path.join(self._folder, ""))  # noqa: PTH118

    def step(self) -> int:
        """Commits what changed, once it has stayed the same from one look to the next; how many files changed."""
        now, last = look_at(self._folder), self._last
        self._last = now
        count = 0
        if last is not None:
            changed = [name for name, mark in now.files.items() if self._known.get(name) != mark]
            missing = [name for name in self._known if name not in now.files]
            still = [name for name in changed if last.files.get(name) == now.files[name]]
            gone = self._gone(now, [name for name in missing if name not in last.files])
            moving = len(still) < len(changed) or any(name in last.files for name in missing)
            self._waited = self._waited + 1 if moving else 0
            if (still or gone) and (not moving or self._waited > MOST_LOOKS_WAITED):
                count = self._commit(now, still, gone)
                self._waited = 0
            self._settle_homes(now)
        self._say(now)
        return count

    def _gone(self, now: Look, missing: list[str]) -> list[str]:
        """Those of the missing files that were deleted; notes the others as kept, with the reason."""
        for path in [path for path in self._kept if path in now.files]:
            del self._kept[path]
        by_folder = defaultdict(list)
        for path in missing:
            if path not in self._kept:
                by_folder[path.rpartition("/")[0]].append(path)
        if not by_folder:
            return []
        gone, moved = [], self._arrived(now)
        for folder, paths in by_folder.items():
            reason = self._reason_to_keep(now, folder)
            for path in paths:
                if now.where_unseen(path) is not None:
                    continue  # it may be there; a later look tells
                if reason is None or identity_of(self._known[path]) in moved:
                    gone.append(path)
                else:
                    self._kept[path] = reason
        return gone

    def _arrived(self, now: Look) -> set[Identity]:
        """Files that are here under a path at which they were not: what was moved within the folder."""
        return {identity_of(mark) for path, mark in now.files.items() if path not in self._known}

    def _reason_to_keep(self, now: Look, folder: str) -> str | None:
        """Why what is missing from `folder` is not taken for deleted; None if it is."""
        home = self._homes.get(folder)
        if home is not None and any(home == other for path, other in now.folders.items() if path != folder):
            return None
        if self._allow_empty and not self._remounted(now, folder):
            return None
        way = [*reversed([*holders(folder)]), folder]
        top = next((part for part in way if part not in now.folders), None)
        if top is not None:
            return f"{self._shown(top)} is gone"
        if now.folders[folder] != home:
            return f"{self._shown(folder)} is another folder than before"
        if not any(folder in holders(path) for path in now.files):
            return f"{self._shown(folder)} is empty"
        return None

    def _remounted(self, now: Look, folder: str) -> bool:
        """Whether `folder`, or one that holds it, is on another file system than before."""
        there = [part for part in (folder, *holders(folder)) if part in now.folders and part in self._homes]
        return any(now.folders[part][0] != self._homes[part][0] for part in there)

    def _settle_homes(self, now: Look) -> None:
        """Learns where a folder is now that was moved or mounted anew with all that was known of it."""
        moved = {path for path, home in self._homes.items() if now.folders.get(path, home) != home}
        if moved:
            lacking = {name.rpartition("/")[0] for name in self._known if name not in now.files}
            self._homes |= {path: now.folders[path] for path in moved - lacking}

    def _commit(self, now: Look, changed: list[str], gone: list[str]) -> int:
        """Commits files that changed and are gone; how many. Notes those that could not be taken, with the reason."""
        changes: dict[str, Entry | None] = {self._path(name): None for name in gone}
        came: dict[str, str] = {}
        refused: dict[str, str] = {}
        stamps = self._stamps or Stamps(self._store, self._folder if len(changed) > _MANY else "\0")
        try:
            with self._store.objects.intake() as intake, told_if_full(self._store.home):
                head = self._head()
                for name in sorted(changed):
                    path = self._path(name)
                    reason = self._reason_to_refuse(now, head, name, path)
                    if reason is None:
                        try:
                            entry = self._read(name, path, head, now.files[name], stamps, intake)
                        except OSError as error:
                            if error.errno in FULL:
                                raise
                            reason = f"it cannot be read ({error.strerror or error})"
                        else:
                            if entry is not None:
                                changes[path], came[path] = entry, name
                    if reason is not None:
                        refused[name] = reason
                intake.flush()
                count = self._write(changes, came, refused)
                stamps.save()
        except DiskFull as error:
            self._refused = {"": str(error)}
            return 0
        self._stamps, self._refused = None, refused
        self._remember(now, came, gone)
        return count

    def _remember(self, now: Look, came: dict[str, str], gone: list[str]) -> None:
        for name in gone:
            del self._known[name]
        for path, name in came.items():
            # Where the file's own name is another, that one was stored under this path until now.
            self._known.pop(self._renamed.pop(path, name), None)
            if not path.endswith(f"/{name}"):
                self._renamed[path] = name
            self._known[name] = now.files[name]
            folder = name.rpartition("/")[0]
            if folder in now.folders:
                self._homes[folder] = now.folders[folder]

    def _reason_to_refuse(self, now: Look, head: "_Head", name: str, path: str) -> str | None:
        """Why a file cannot be stored, whatever it holds."""
        stored = path[len(self._address.path.rstrip("/")) + 1 :]
        if stored != name and stored in now.files:
            return f"{self._shown(stored)} has the name under which it would be stored"
        if name in self._clashing and head.clashes(path):
            return self._clashing[name]
        self._clashing.pop(name, None)
        return None

    def _read(self, name: str, path: str, head: "_Head", mark: bytes, stamps: Stamps, intake: Intake) -> Entry | None:
        """What a file becomes in the repo; None where it is gone or being written to. Raises `OSError`."""
        place = os.path.join(self._folder, name)  # noqa: PTH118
        linked = os.path.islink(place)  # noqa: PTH114
        real = os.path.realpath(place) if linked else place
        try:
            before = os.stat(real)  # noqa: PTH116
            there = head.get(path)
            if there is not None and not linked and stamps.content(place, before) == there.object:
                return there
            entry = Entry(path, *intake.add(real))
            after = os.stat(real)  # noqa: PTH116
        except FileNotFoundError:
            return None
        if not stamp(before) == stamp(after) == mark:
            return None
        if not linked:
            stamps.learn(place, before, entry.object)
        return entry

    def _write(self, changes: dict[str, Entry | None], came: dict[str, str], refused: dict[str, str]) -> int:
        """Commits what differs from the repo, and keeps old names; how many files that were.

        Takes out of `came`, and adds to `refused`, what cannot stand beside what the repo has.
        """
        repo, branch = self._address.repo, self._address.reference
        with self._store.db.transaction():
            head = self._head()
            changes = {path: new for path, new in changes.items() if head.get(path) != new}
            while (both := self._clash(head, changes)) is not None:
                for path in [path for path, new in changes.items() if new and f"{path}/".startswith(f"{both}/")]:
                    name = came.pop(path)
                    refused[name] = self._clashing[name] = f"{repo}@{branch}:{both} cannot be a file and a folder"
                    del changes[path]
            if changes:
                commit_files(self._store, repo, branch, changes)
            names_before = {path: names.printable(f"/{name}") for path, name in came.items()}
            renamed = {path: name for path, name in names_before.items() if not path.endswith(name)}
            remember_names(self._store, repo, renamed)
        self._store.db.make_durable()
        return len(changes)

    def _clash(self, head: "_Head", changes: dict[str, Entry | None]) -> str | None:
        tree = self._store.trees.edit(head.tree, changes)
        return clash(self._store.trees, tree, [path for path, new in changes.items() if new])

    def _head(self) -> "_Head":
        branch = branch_id(self._store, self._address.repo, self._address.reference)
        open_one = open_revision(self._store, branch) if branch else None
        tree = open_one["tree"] if open_one else head_tree(self._store, branch) if branch else EMPTY
        return _Head(self._store, str(tree))

    def _say(self, now: Look) -> None:
        """Tells what is left out or kept, and was not so at the last look."""
        where = f"{self._address.repo}@{self._address.reference}"
        said: dict[str, str] = {}
        for path, reason in now.left_out.items():
            said[f"{path}\n{reason}"] = f"{self._shown(path)} is left out: it is {reason}"
        for path, reason in self._refused.items():
            if path in now.files:
                said[f"{path}\n{reason}"] = f"{self._shown(path)} is not taken: {reason}"
            elif not path:
                said[reason] = reason
        hidden = Counter(now.where_unseen(name) for name in self._known) if now.unseen else {}
        for path, reason in now.unseen.items():
            stays = f"; of it, {_files(hidden[path])} in {where}" if path in hidden else ""
            said[f"{path}\n{reason}"] = f"{self._shown(path)} cannot be read ({reason}){stays}"
        for reason, count in Counter(self._kept.values()).items():
            remedy = "" if self._allow_empty else ", or watch with --allow-empty"
            said[reason] = f"{reason}; of it, {_files(count)} in {where}; if it should go, delete it there{remedy}"
        for key, sentence in said.items():
            if key not in self._told:
                self._tell(sentence)
        self._told = set(said)

    def _shown(self, path: str) -> str:
        return names.printable(os.path.join(self._folder, path) if path else self._folder)  # noqa: PTH118

    def _path(self, name: str) -> str:
        return f"{self._address.path.rstrip('/')}/{names.acceptable(name)}"


class _Head:
    """The files that a branch has."""

    def __init__(self, store: Store, tree: str) -> None:
        self.tree = tree
        self._trees = store.trees

    def get(self, path: str) -> Entry | None:
        return self._trees.get(self.tree, path)

    def clashes(self, path: str) -> bool:
        """Whether a file stands where `path` needs a folder, or a folder where it is."""
        return any(self.get(folder) for folder in folders_of(path)) or self._trees.has_folder(self.tree, path)


def _files(count: int) -> str:
    return "1 file stays" if count == 1 else f"{count} files stay"
