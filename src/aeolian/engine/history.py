"""Taking a commit set out of history: `squash` where later commits have its content, `delete` where it is the newest.

A set is the commits, and the jobs that made them, under one id. Provenance has the last word: while a commit of
another set was made from one of this set, it stays. Runs of datums that remaining jobs use are handed on to them.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aeolian.engine.jobs.ledger import sources
from aeolian.engine.jobs.records import Job, list_jobs
from aeolian.engine.storage import lock
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY
from aeolian.engine.versions import catalog
from aeolian.engine.versions.references import Commit, find_set, resolve, set_commits
from aeolian.engine.versions.repos import branch_id
from aeolian.engine.versions.revisions import add_revision, new_set, newest
from aeolian.errors import UsageError
from aeolian.platform.addresses import parse_address

_Refusal = Callable[[Store, Commit], None]


@dataclass(frozen=True)
class Removed:
    """What was taken out: the set's id, its commits (`repo@branch`), and how many jobs and runs of datums went."""

    id: str
    commits: tuple[str, ...]
    jobs: int
    datums: int


def squash(store: Store, text: str) -> Removed:
    """Removes a commit set whose commits all have a child, which has the content: `text` is an id, or `repo@id`.

    Raises `UsageError` if a commit has no child or is not finished, if a commit of another set was made from one,
    or while another process runs jobs.
    """
    return _remove(store, text, _refuse_squash)


def delete(store: Store, text: str) -> Removed:
    """Removes the newest commit set of its branches; their heads go back to the commit before.

    What was outstanding of it is not run. Raises `UsageError` if a commit has a child, if a commit of another set was
    made from one, or while another process runs jobs.
    """
    return _remove(store, text, _refuse_delete)


def delete_job(store: Store, job: Job) -> None:
    """Takes a job that has ended off the list, with its logs; its output commit and what other jobs use of it stay."""
    with store.db.transaction():
        moved = list(_hand_on(store, job))
        store.db.run("DELETE FROM job WHERE id = ?", job.row)
    _move_logs(store, [job], moved)


def _remove(store: Store, text: str, refuse: _Refusal) -> Removed:
    with lock.held_for_upkeep(store.lock) as mine:
        if not mine:
            raise UsageError(
                "Another aeolian is at work on this store.", remedy="Wait for it with `aeolian wait`, then try again."
            )
        with store.db.transaction():
            commits = set_commits(store, _find(store, text))
            for commit in commits:
                refuse(store, commit)
                _refuse_provenance(store, commit)
            jobs = list_jobs(store, commit=commits[0].id)
            moved = [pair for job in jobs for pair in _hand_on(store, job)]
            gone = sum(_count_runs(store, job) for job in jobs)
            seq = commits[0].seq
            store.db.run("DELETE FROM job WHERE seq = ?", seq)
            store.db.run("DELETE FROM revision WHERE seq = ?", seq)
            store.db.run("DELETE FROM commit_set WHERE seq = ?", seq)
            _fill_empty(store, commits)
        _move_logs(store, jobs, moved)
    return Removed(commits[0].id, tuple(f"{c.repo}@{c.branch}" for c in commits), len(jobs), gone)


def _fill_empty(store: Store, removed: list[Commit]) -> None:
    """Give each branch that lost its only commit one without files."""
    rows = {(commit.repo, commit.branch): branch_id(store, commit.repo, commit.branch) for commit in removed}
    empty = [row for row in rows.values() if row is not None and newest(store, row) is None]
    if empty:
        seq = new_set(store)
        for row in empty:
            add_revision(store, row, seq, EMPTY, origin="auto")


def _find(store: Store, text: str) -> str:
    """The id of the commit set that `text` names."""
    if "@" in text:
        return resolve(store, parse_address(text)).id
    return find_set(store, text)


def _refuse_squash(store: Store, commit: Commit) -> None:
    if commit.state == "open":
        raise UsageError(f"{_named(commit)} is not finished.", remedy="Finish it, or do its jobs with `aeolian wait`.")
    if _child(store, commit) is None:
        remedy = "Squash what has been followed by another commit; `aeolian delete commit` removes the newest."
        raise UsageError(f"{_named(commit)} has no child that would keep its content.", remedy=remedy)


def _refuse_delete(store: Store, commit: Commit) -> None:
    child = _child(store, commit)
    if child is not None:
        raise UsageError(
            f"{_named(commit)} has children: {child.id[:12]} is the next.",
            remedy=f"Delete that one first, or use `aeolian squash commit {commit.id[:12]}`.",
        )


def _refuse_provenance(store: Store, commit: Commit) -> None:
    """Raises `UsageError` if a job of a later set read this commit."""
    child = _child(store, commit, closed=True)
    rows = store.db.all(
        "SELECT j.pipeline_id, j.version, s.id, p.name FROM job j JOIN commit_set s ON s.seq = j.seq"
        " JOIN pipeline p ON p.id = j.pipeline_id WHERE j.seq > ?1 AND (?2 IS NULL OR j.seq < ?2) ORDER BY j.seq",
        commit.seq,
        child.seq if child else None,
    )
    for row in rows if commit.state != "open" else ():
        spec = catalog.version(store, row["pipeline_id"], row["version"]).spec
        if any((part.repo, part.branch) == (commit.repo, commit.branch) for part in spec.inputs()):
            raise UsageError(
                f"{row['name']}@{row['id'][:12]} was made from {_named(commit)}.",
                remedy=f"Squash or delete that one first: its id is {row['id'][:12]}.",
            )


def _child(store: Store, commit: Commit, *, closed: bool = False) -> Commit | None:
    """The next commit on the same branch; the next `closed` one."""
    row = store.db.one(
        "SELECT id FROM named_commit WHERE repo = ?1 AND branch = ?2 AND seq > ?3"
        " AND (?4 = 0 OR state != 'open') ORDER BY seq LIMIT 1",
        commit.repo,
        commit.branch,
        commit.seq,
        int(closed),
    )
    if row is None:
        return None
    found = set_commits(store, row["id"])
    return next(other for other in found if (other.repo, other.branch) == (commit.repo, commit.branch))


def _named(commit: Commit) -> str:
    return f"{commit.repo}@{commit.id[:12]} ({commit.branch})"


def _hand_on(store: Store, job: Job) -> Iterator[tuple[Job, Job, str]]:
    """Gives each run that another job of the pipeline uses to the first that does: (from, to, datum)."""
    others = [other for other in reversed(list_jobs(store, pipeline=job.pipeline)) if other.row != job.row]
    users = [other for other in others if other.datums]
    for run in store.db.all("SELECT id, datum, inputs FROM datum WHERE job_id = ? AND state = 'success'", job.row):
        for user in users:
            used = store.datum_trees.get(user.datums, run["datum"])
            if used is not None and used.run == run["id"]:
                inputs = _read_by(store, user, json.loads(run["inputs"]))
                store.db.run("UPDATE datum SET job_id = ?, inputs = ? WHERE id = ?", user.row, inputs, run["id"])
                store.db.run("UPDATE job SET processed = processed + 1, skipped = skipped - 1 WHERE id = ?", user.row)
                yield job, user, run["datum"]
                break


def _read_by(store: Store, job: Job, inputs: list[dict[str, str]]) -> str:
    """A run's inputs as JSON, with the commits that `job` read them from: the same content under another id."""
    read = sources(store, job.seq, catalog.version(store, job.pipeline_row, job.version).spec)
    return json.dumps([part | {"commit": read[part["repo"], part["branch"]].commit} for part in inputs])


def _count_runs(store: Store, job: Job) -> int:
    row = store.db.one("SELECT count(*) AS n FROM datum WHERE job_id = ?", job.row)
    return int(row["n"]) if row else 0


def _move_logs(store: Store, jobs: list[Job], moved: list[tuple[Job, Job, str]]) -> None:
    """Logs go with their runs. A kill before this leaves them behind, for `gc` to remove."""
    for old, new, datum in moved:
        source, target = store.log(old.id, old.pipeline, datum), store.log(new.id, new.pipeline, datum)
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    for job in jobs:
        shutil.rmtree(store.log(job.id, job.pipeline, "").parent, ignore_errors=True)
