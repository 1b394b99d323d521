"""Checking a store (`fsck`) and freeing what nothing needs (`gc`)."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aeolian.engine.jobs.worker import clear_scratch
from aeolian.engine.programs.docker_client import end_leftovers
from aeolian.engine.storage import lock
from aeolian.engine.storage.database import Row
from aeolian.engine.storage.disk import DiskFull
from aeolian.engine.storage.store import Store, folder_name
from aeolian.engine.storage.trees import decode_entries
from aeolian.errors import StorageError


@dataclass(frozen=True)
class Freed:
    """What `collect_garbage` removed: contents (and halves of them), their bytes, tree nodes, and runs of datums.

    `failures` says of each file that could not be removed why; nothing refers to it.
    """

    objects: int
    size: int
    nodes: int
    datums: int
    failures: tuple[str, ...] = ()


def check(store: Store) -> Iterator[str]:
    """A sentence for every fault: contents and tree nodes against their hashes, and what commits and runs refer to.

    Safe beside anything: what is committed meanwhile is left to the next call, and `collect_garbage` waits.
    """
    for row in store.db.all("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield f"database: {row[0]}"
    with store.objects.intake():
        # First what refers, then what is there: the other way round, what came between would seem to be missing.
        commits = store.db.all("SELECT tree, min(seq) AS seq, id, repo FROM named_commit GROUP BY tree ORDER BY seq")
        runs = store.db.all("SELECT id, datum, outputs FROM datum WHERE state = 'success'")
        jobs = store.db.all("SELECT datums, max(seq) AS seq FROM job WHERE state = 'success' GROUP BY pipeline_id")
        sizes: dict[str, int] = {}
        for name, size, fault in _contents(store):
            sizes[name] = size
            if fault:
                yield fault
        for row in store.db.all("SELECT hash, data FROM node"):
            if hashlib.sha256(row["data"].encode()).hexdigest() != row["hash"]:
                yield f"tree node {row['hash']}: its content has another hash"
        yield from _check_commits(store, commits, sizes)
        yield from _check_runs(store, jobs, runs, sizes)
    yield from _check_open_commits(store)


def _contents(store: Store) -> Iterator[tuple[str, int, str]]:
    """Name, size and fault ("" for none) of every content."""
    for row in store.db.all("SELECT hash FROM small_object"):
        name = row["hash"]
        found = store.db.one("SELECT data FROM small_object WHERE hash = ?", name)
        data = found["data"] if found else b""
        good = hashlib.sha256(data).hexdigest() == name
        yield name, len(data), "" if good else f"content {name}: its bytes have another hash"
    for path in _object_files(store):
        name = path.parent.name + path.name
        with path.open("rb") as file:
            good = hashlib.file_digest(file, "sha256").hexdigest() == name
        yield name, path.stat().st_size, "" if good else f"content {name}: its bytes have another hash ({path})"


def _check_commits(store: Store, commits: Sequence[Row], sizes: Mapping[str, int]) -> Iterator[str]:
    """Each leaf of their trees once, with the oldest commit that has it."""
    seen: set[str] = set()
    for row in commits:
        where = f"commit {row['repo']}@{row['id'][:12]}"
        try:
            for entry in store.trees.unseen(row["tree"], seen):
                if entry.object not in sizes:
                    yield f"{where}: the content {entry.object} of {entry.path} is missing"
                elif sizes[entry.object] != entry.size:
                    yield f"{where}: {entry.path} should have {entry.size} bytes and has {sizes[entry.object]}"
        except (StorageError, ValueError) as error:
            yield f"{where}: {error}"


def _check_runs(store: Store, jobs: Sequence[Row], runs: Sequence[Row], sizes: Mapping[str, int]) -> Iterator[str]:
    """What runs wrote, and that those are there which the last good job of each pipeline has."""
    for row in runs:
        for entry in decode_entries(row["outputs"]):
            if entry.object not in sizes:
                yield f"datum {row['datum'][:16]}: the content {entry.object} of its output {entry.path} is missing"
    there = {row["id"] for row in runs}
    for row in jobs:
        try:
            for datum in store.datum_trees.entries(row["datums"]):
                if datum.run not in there:
                    yield f"datum {datum.datum[:16]}: its run {datum.run} is missing"
        except (StorageError, ValueError) as error:
            yield f"the datums of a job: {error}"


def _check_open_commits(store: Store) -> Iterator[str]:
    orphans = store.db.all(
        "SELECT id FROM named_commit c WHERE state = 'open' AND origin = 'auto' AND repo IN (SELECT name FROM pipeline)"
        " AND NOT EXISTS (SELECT 1 FROM job j WHERE j.seq = c.seq AND j.state IN ('created', 'running'))"
    )
    for row in orphans:
        yield f"commit {row['id'][:12]}: it is open, and no job will finish it"


def collect_garbage(store: Store) -> Freed:
    """Removes contents, tree nodes, runs of datums and leftovers that no commit and no coming job can use.

    A run is kept while its outputs are in a commit, and while it may spare a job a datum: since the pipeline's last
    good job, and all of them while it has a job to do. Safe beside anything: what is on its way in is waited for.

    What is gone for the database goes from the disk after that is sure to last, so that a kill, a failure or a loss of
    power leaves files that nothing needs, which the next call finds, and never a name without its content.
    """
    _clear_scratch(store)
    removal = _Removal()
    with store.objects.exclusive():
        removal.remove(store.objects.folder.glob("new-*"))
        try:
            plan = _delete_rows(store)
        except DiskFull:
            # Even a deletion needs space for the log of the database; these files have no row to be deleted.
            removal.remove(_files_but(store, _mentioned(store)))
            plan = _delete_rows(store)
        store.db.make_durable()
        removal.remove(_files_but(store, plan.live))
    removal.remove_folders(plan.logs)
    count, size = len(plan.small) + len(removal.sizes), sum(plan.small) + sum(removal.sizes)
    return Freed(count, size, plan.nodes, plan.runs, tuple(removal.failures))


@dataclass(frozen=True)
class _Plan:
    """What went from the database, and what is to go from the disk.

    How many runs and tree nodes, the sizes in bytes of small contents, the names of all contents that are needed, and
    the folders of logs that nothing needs.
    """

    runs: int
    nodes: int
    small: list[int]
    live: set[str]
    logs: list[Path]


def _delete_rows(store: Store) -> _Plan:
    """Deletes from the database what nothing needs."""
    with store.db.transaction():
        trees = [row["tree"] for row in store.db.all("SELECT DISTINCT tree FROM revision")]
        nodes, live = store.trees.reached(trees)
        for row in store.db.all("SELECT DISTINCT datums FROM job WHERE datums != ''"):
            nodes.update(store.datum_trees.nodes(row["datums"]))
        runs = _useless_runs(store, live)
        dead_nodes = [row["hash"] for row in store.db.all("SELECT hash FROM node") if row["hash"] not in nodes]
        small = store.db.all("SELECT hash, length(data) AS size FROM small_object")
        dead = {row["hash"]: row["size"] for row in small if row["hash"] not in live}
        store.db.many("DELETE FROM datum WHERE id = ?", [(row,) for row in runs])
        store.db.many("DELETE FROM node WHERE hash = ?", [(name,) for name in dead_nodes])
        store.db.many("DELETE FROM small_object WHERE hash = ?", [(name,) for name in dead])
        # Inside the transaction, since the log of a job that comes after it would seem lost.
        return _Plan(len(runs), len(dead_nodes), list(dead.values()), live, _lost_logs(store))


def _mentioned(store: Store) -> set[str]:
    """The names of all contents that any commit or run has, also those that nothing needs."""
    _, names = store.trees.reached(row["tree"] for row in store.db.all("SELECT DISTINCT tree FROM revision"))
    for row in store.db.all("SELECT outputs FROM datum"):
        names |= {entry.object for entry in decode_entries(row["outputs"])}
    return names


def _files_but(store: Store, names: set[str]) -> list[Path]:
    """The files of contents that are not among `names`."""
    return [path for path in _object_files(store) if path.parent.name + path.name not in names]


class _Removal:
    """Removes files, and goes on where one cannot be: sizes in bytes of those that went, and what kept the others."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.failures: list[str] = []

    def remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            try:
                size = path.stat().st_size
                path.unlink()
            except OSError as error:
                self._note(path, error)
            else:
                self.sizes.append(size)

    def remove_folders(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            shutil.rmtree(folder, onerror=lambda _, path, error: self._note(path, error[1]))

    def _note(self, path: Path | str, error: BaseException) -> None:
        if not isinstance(error, FileNotFoundError):
            self.failures.append(f"{path} cannot be removed: {getattr(error, 'strerror', None) or error}")


def _clear_scratch(store: Store) -> None:
    """Removes what a killed engine left of the datums that ran, unless datums may be running."""
    with lock.held_for_upkeep(store.lock) as mine:
        if mine:
            end_leftovers(store.scratch)
            clear_scratch(store)


def _useless_runs(store: Store, live: set[str]) -> list[int]:
    """The rows of runs that may go. Adds to `live` the contents that the others need."""
    pinned: set[int] = set()
    since: dict[int, int] = {}
    busy = {
        row["pipeline_id"]
        for row in store.db.all("SELECT DISTINCT pipeline_id FROM job WHERE state IN ('created', 'running')")
    }
    for row in store.db.all(
        "SELECT pipeline_id, max(seq) AS seq FROM job WHERE state = 'success' GROUP BY pipeline_id"
    ):
        since[row["pipeline_id"]] = row["seq"]
        job = store.db.one("SELECT datums FROM job WHERE pipeline_id = ? AND seq = ?", row["pipeline_id"], row["seq"])
        if job:
            pinned |= {entry.run for entry in store.datum_trees.entries(job["datums"])}
    gone = []
    for row in store.db.all("SELECT d.id, d.pipeline_id, d.outputs, j.seq FROM datum d JOIN job j ON j.id = d.job_id"):
        objects = {entry.object for entry in decode_entries(row["outputs"])}
        if row["id"] in pinned or row["pipeline_id"] in busy or row["seq"] >= since.get(row["pipeline_id"], 0):
            live |= objects
        elif not objects <= live:
            gone.append(row["id"])
    return gone


def _object_files(store: Store) -> Iterator[Path]:
    for folder in sorted(store.objects.folder.iterdir()):
        if folder.is_dir() and len(folder.name) == 2:
            yield from sorted(folder.iterdir())


def _lost_logs(store: Store) -> list[Path]:
    """The folders of logs of pipelines and jobs that are no more."""
    known = {
        (folder_name(row["name"]), row["id"])
        for row in store.db.all(
            "SELECT p.name, s.id FROM job j JOIN pipeline p ON p.id = j.pipeline_id JOIN commit_set s ON s.seq = j.seq"
        )
    }
    folders = (store.home / "logs").glob("*/*")
    return [folder for folder in folders if (folder.parent.name, folder.name) not in known]


def quick_check(store: Store) -> str:
    """What SQLite says of its own file: `ok`, or the first fault."""
    row = store.db.one("PRAGMA quick_check(1)")
    return str(row[0]) if row else "no answer"
