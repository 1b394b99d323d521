"""Checking a store (`fsck`) and freeing what nothing needs (`gc`)."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import decode_entries
from aeolian.errors import StorageError


@dataclass(frozen=True)
class Freed:
    """What `collect_garbage` removed: contents, their bytes, tree nodes, and runs of datums."""

    objects: int
    size: int
    nodes: int
    datums: int


def check(store: Store) -> Iterator[str]:
    """A sentence for every fault: contents and tree nodes against their hashes, and what commits and runs refer to."""
    for row in store.db.all("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield f"database: {row[0]}"
    sizes: dict[str, int] = {}
    for name, size, fault in _contents(store):
        sizes[name] = size
        if fault:
            yield fault
    for row in store.db.all("SELECT hash, data FROM node"):
        if hashlib.sha256(row["data"].encode()).hexdigest() != row["hash"]:
            yield f"tree node {row['hash']}: its content has another hash"
    yield from _check_commits(store, sizes)
    for row in store.db.all("SELECT id, datum, outputs FROM datum WHERE state = 'success'"):
        for entry in decode_entries(row["outputs"]):
            if entry.object not in sizes:
                yield f"datum {row['datum'][:16]}: the content {entry.object} of its output {entry.path} is missing"


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


def _check_commits(store: Store, sizes: dict[str, int]) -> Iterator[str]:
    rows = store.db.all("SELECT tree, min(id) AS id, repo FROM named_commit GROUP BY tree")
    for row in rows:
        where = f"commit {row['repo']}@{row['id'][:12]}"
        try:
            for entry in store.trees.entries(row["tree"]):
                if entry.object not in sizes:
                    yield f"{where}: the content {entry.object} of {entry.path} is missing"
                elif sizes[entry.object] != entry.size:
                    yield f"{where}: {entry.path} should have {entry.size} bytes and has {sizes[entry.object]}"
        except (StorageError, ValueError) as error:
            yield f"{where}: {error}"
    orphans = store.db.all(
        "SELECT id FROM named_commit c WHERE state = 'open' AND origin = 'auto'"
        " AND NOT EXISTS (SELECT 1 FROM job j WHERE j.seq = c.seq AND j.state IN ('created', 'running'))"
    )
    for row in orphans:
        yield f"commit {row['id'][:12]}: it is open, and no job will finish it"


def collect_garbage(store: Store) -> Freed:
    """Removes contents, tree nodes and runs of datums that no commit and no coming job can use.

    A run is kept while its outputs are in a commit, and while it may spare the next job a datum: since the
    pipeline's last good job. Safe beside a running job: what is on its way in is waited for.
    """
    with store.objects.exclusive(), store.db.transaction():
        trees = {row["tree"] for row in store.db.all("SELECT DISTINCT tree FROM revision")}
        live = {entry.object for tree in trees for entry in store.trees.entries(tree)}
        datum_trees = {row["datums"] for row in store.db.all("SELECT DISTINCT datums FROM job WHERE datums != ''")}
        gone = _useless_runs(store, live)
        store.db.many("DELETE FROM datum WHERE id = ?", [(row,) for row in gone])
        nodes = {node for tree in trees for node in store.trees.nodes(tree)}
        nodes |= {node for tree in datum_trees for node in store.datum_trees.nodes(tree)}
        dead_nodes = [(r["hash"],) for r in store.db.all("SELECT hash FROM node") if r["hash"] not in nodes]
        store.db.many("DELETE FROM node WHERE hash = ?", dead_nodes)
        small = store.db.all("SELECT hash, length(data) AS size FROM small_object")
        dead = [(row["hash"], row["size"]) for row in small if row["hash"] not in live]
        store.db.many("DELETE FROM small_object WHERE hash = ?", [(name,) for name, _ in dead])
        count, size = len(dead), sum(size for _, size in dead)
        dead_files = [path for path in _object_files(store) if path.parent.name + path.name not in live]
        size += sum(path.stat().st_size for path in dead_files)
        _remove_lost_logs(store)
        for path in dead_files:
            path.unlink()
        for path in store.objects.folder.glob("new-*"):
            path.unlink()
    return Freed(count + len(dead_files), size, len(dead_nodes), len(gone))


def _useless_runs(store: Store, live: set[str]) -> list[int]:
    """The rows of runs that may go. Adds to `live` the contents that the others need."""
    pinned: set[int] = set()
    since: dict[int, int] = {}
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
        if row["id"] in pinned or row["seq"] >= since.get(row["pipeline_id"], 0):
            live |= objects
        elif not objects <= live:
            gone.append(row["id"])
    return gone


def _object_files(store: Store) -> Iterator[Path]:
    for folder in sorted(store.objects.folder.iterdir()):
        if folder.is_dir() and len(folder.name) == 2:
            yield from sorted(folder.iterdir())


def _remove_lost_logs(store: Store) -> None:
    """Removes the logs of pipelines and jobs that are no more."""
    known = {
        (row["name"], row["id"])
        for row in store.db.all(
            "SELECT p.name, s.id FROM job j JOIN pipeline p ON p.id = j.pipeline_id JOIN commit_set s ON s.seq = j.seq"
        )
    }
    for folder in (store.home / "logs").glob("*/*"):
        if (folder.parent.name, folder.name) not in known:
            shutil.rmtree(folder)


def quick_check(store: Store) -> str:
    """What SQLite says of its own file: `ok`, or the first fault."""
    row = store.db.one("PRAGMA quick_check(1)")
    return str(row[0]) if row else "no answer"
