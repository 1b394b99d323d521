"""Where a file came from: the datum that wrote it, what that read, and so on back to what a user put."""

import json
from dataclasses import dataclass

from aeolian.engine.storage.database import Row
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import Entry, decode_entries
from aeolian.engine.versions import catalog
from aeolian.engine.versions.commits import Commit, resolve
from aeolian.engine.versions.files import original_name
from aeolian.engine.versions.listing import entries_at, find_file
from aeolian.platform.addresses import Address


@dataclass(frozen=True)
class Origin:
    """A file and what it was made from. `pipeline`, `command` and `program` are empty for a file that a user put."""

    repo: str
    commit: str
    path: str
    sha256: str
    size: int
    original: str = ""
    pipeline: str = ""
    command: tuple[str, ...] = ()
    program: str = ""
    datum: str = ""
    inputs: "tuple[Origin, ...]" = ()


def lineage(store: Store, address: Address) -> Origin:
    """The tree from a file back to its sources. Raises `UsageError` if there is no such file."""
    commit, entry = find_file(store, address)
    return _Trace(store).of(commit, entry)


class _Trace:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[tuple[str, str, str], Origin] = {}
        self._commits: dict[tuple[str, str], Commit] = {}

    def of(self, commit: Commit, entry: Entry) -> Origin:
        key = (commit.repo, commit.id, entry.path)
        if key not in self._seen:
            self._seen[key] = self._origin(commit, entry)
        return self._seen[key]

    def _origin(self, commit: Commit, entry: Entry) -> Origin:
        run = self._writer(commit, entry)
        if run is None:
            original = original_name(self._store, commit.repo, entry.path) or ""
            return Origin(commit.repo, commit.id, entry.path, entry.object, entry.size, original)
        pipeline = catalog.version(self._store, run["pipeline_id"], run["version"])
        inputs = []
        for part in json.loads(run["inputs"]):
            source = self._commit(part["repo"], part["commit"])
            inputs += [self.of(source, found) for found in entries_at(self._store, source.tree, part["path"])]
        return Origin(
            commit.repo,
            commit.id,
            entry.path,
            entry.object,
            entry.size,
            pipeline=pipeline.name,
            command=pipeline.spec.transform.cmd,
            program=run["code"],
            datum=run["datum"],
            inputs=tuple(inputs),
        )

    def _writer(self, commit: Commit, entry: Entry) -> Row | None:
        """The run that wrote the file, as the job that made the commit has it."""
        job = self._store.db.one(
            "SELECT j.pipeline_id, j.datums FROM job j JOIN pipeline p ON p.id = j.pipeline_id WHERE p.name "
            "= ? AND j.seq = ?",
            commit.repo,
            commit.seq,
        )
        if job is None:
            return None
        rows = self._store.db.all(
            "SELECT d.*, j.code, j.version FROM datum d JOIN job j ON j.id = d.job_id"
            " WHERE d.pipeline_id = ? AND d.state = 'success' AND instr(d.outputs, ?)",
            job["pipeline_id"],
            f"{entry.object} {entry.size} {entry.path}",
        )
        for row in rows:
            used = self._store.datum_trees.get(job["datums"], row["datum"])
            if used is not None and used.run == row["id"] and entry in decode_entries(row["outputs"]):
                return row
        return None

    def _commit(self, repo: str, commit: str) -> Commit:
        key = (repo, commit)
        if key not in self._commits:
            self._commits[key] = resolve(self._store, Address(repo, commit))
        return self._commits[key]
