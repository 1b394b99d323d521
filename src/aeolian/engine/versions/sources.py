"""What a commit was made from: the heads of the branches that its job, or its branch, reads."""

from collections import deque
from collections.abc import Iterator

from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog

Branch = tuple[str, str]


def read_branches(store: Store, pipeline: int, version: int) -> list[Branch]:
    """Return the branches (repo, branch) that a version of a pipeline reads."""
    spec = catalog.version(store, pipeline, version).spec
    return [(part.repo, part.branch) for part in spec.inputs()]


def find_read(store: Store, id_: str, repo: str) -> int | None:
    """Return the row of the commit of `repo` that was read under a commit set's id, at first hand or not; or None."""
    found = store.db.one("SELECT seq FROM commit_set WHERE id = ?", id_)
    if found is None:
        return None
    rows = store.db.all("SELECT row FROM revision WHERE seq = ? AND target IS NULL", found["seq"])
    waiting, seen = deque(row["row"] for row in rows), set[int]()
    while waiting:
        row = waiting.popleft()
        for upstream, name in _sources(store, row):
            if name == repo:
                return upstream
            if upstream not in seen:
                seen.add(upstream)
                waiting.append(upstream)
    return None


def _sources(store: Store, row: int) -> Iterator[tuple[int, str]]:
    """Yield row and repo of each commit that the one in `row` was made from."""
    for upstream in store.db.all(
        "SELECT n.row, n.repo FROM made_from m JOIN named_commit n ON n.row = m.upstream WHERE m.revision = ?", row
    ):
        yield upstream["row"], upstream["repo"]
    job = store.db.one(
        "SELECT j.pipeline_id, j.version, j.seq FROM named_commit n JOIN pipeline p ON p.name = n.repo"
        " JOIN job j ON j.pipeline_id = p.id AND j.seq = n.seq WHERE n.row = ? AND n.origin = 'auto'",
        row,
    )
    if job is None:
        return
    for repo, branch in read_branches(store, job["pipeline_id"], job["version"]):
        read = store.db.one(
            "SELECT row FROM branch_head WHERE repo = ? AND branch = ? AND seq <= ? AND state != 'open'"
            " ORDER BY seq DESC LIMIT 1",
            repo,
            branch,
            job["seq"],
        )
        if read is not None:
            yield read["row"], repo
