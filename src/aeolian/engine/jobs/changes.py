"""Which datums a job has to look at: all of its input's, or those of paths that changed since the last good job.

The second is the first, as a test compares, where each match of an input's globs is a datum of its own: a single `pfs`
input or a union of them. It takes as long as there are changes, and not as there are files.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from aeolian.engine.jobs.inputs import Datum, Source, datums
from aeolian.engine.jobs.records import Job
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY, Entry, Trees
from aeolian.engine.versions.catalog import Pipeline
from aeolian.engine.versions.clashes import folders_of
from aeolian.engine.versions.endings import last_good
from aeolian.errors import StorageError
from aeolian.platform.specs.globs import Glob, compile_glob
from aeolian.platform.specs.spec import Input, Pfs

# Above this share of the files, looking at all of them is cheaper.
_MOST_CHANGED = 0.25
_FEW = 64

Read = Mapping[tuple[str, str], Source]


@dataclass(frozen=True)
class Plan:
    """What a job has to look at.

    `datums`, in order, and beside them those of `base` (a tree), an earlier job's, but for the ids in `affected`: these
    are among `datums` or are gone.
    """

    datums: list[Datum]
    base: str = EMPTY
    affected: frozenset[str] = frozenset()

    def count_kept(self, store: Store) -> int:
        """How many datums of `base` are as they were."""
        if self.base == EMPTY:
            return 0
        touched = sum(store.datum_trees.get(self.base, datum) is not None for datum in self.affected)
        return store.datum_trees.count(self.base) - touched


def plan_datums(store: Store, job: Job, pipeline: Pipeline, code: str, read: Read) -> Plan:
    """What the job, which runs the program `code` on `read`, has to look at."""
    spec = pipeline.spec
    if spec.input is None:
        return Plan([])
    parts = _parts(spec.input)
    base = _base(store, job, code) if parts and not spec.every_job else None
    if base is not None:
        try:
            plan = _plan_changes(store, spec.input, parts, base, read)
        except StorageError:
            plan = None  # what the earlier job read is gone: its commits were deleted since
        if plan is not None:
            return plan
    return Plan(datums(spec.input, lambda part: read[part.repo, part.branch], store.trees))


def reads_text(read: Read) -> str:
    """The trees that a job reads, as text to be kept with it."""
    return json.dumps(sorted([repo, branch, source.tree] for (repo, branch), source in read.items()))


@dataclass(frozen=True)
class _Base:
    """A job to start from: its datums (a tree), and the tree that it read of each branch."""

    datums: str
    read: Mapping[tuple[str, str], str]


def _parts(node: Input) -> list[Pfs]:
    """The inputs each match of whose globs is a datum of its own; none where there are others."""
    parts = [node] if isinstance(node, Pfs) else list(node.inputs) if node.kind == "union" else []
    if all(isinstance(part, Pfs) and not compile_glob(part.glob).is_root for part in parts):
        return cast("list[Pfs]", parts)
    return []


def _base(store: Store, job: Job, code: str) -> _Base | None:
    """The last good job, if it ran the same and every datum of it has an output."""
    row = store.db.one(
        "SELECT * FROM job WHERE pipeline_id = ? AND seq < ? AND state = 'success' ORDER BY seq DESC LIMIT 1",
        job.pipeline_row,
        job.seq,
    )
    if row is None or (row["version"], row["code"], row["recovered"]) != (job.version, code, 0) or not row["reads"]:
        return None
    tree, _ = last_good(store, job.pipeline_row, job.seq)
    if tree != row["datums"] or store.datum_trees.count(tree) != row["total"]:
        return None
    return _Base(tree, {(repo, branch): read for repo, branch, read in json.loads(row["reads"])})


def _plan_changes(store: Store, node: Input, parts: list[Pfs], base: _Base, read: Read) -> Plan | None:
    """The plan that looks at what changed since `base`; None where that is much."""
    affected: dict[str, set[str]] = {}
    for branch in {(part.repo, part.branch) for part in parts}:
        old, new = base.read.get(branch), read[branch].tree
        if old is None:
            return None
        gone, come = store.trees.difference(old, new)
        if len(gone) + len(come) > max(_MOST_CHANGED * store.trees.count(new), _FEW):
            return None
        globs = [compile_glob(part.glob) for part in parts if (part.repo, part.branch) == branch]
        matches = set(_matches(globs, {*gone, *come}))
        for tree in (old, new):
            affected.setdefault(tree, set()).update(matches)
    view = cast("Trees", _View(store.trees, affected))
    before = datums(node, lambda part: Source(base.read[part.repo, part.branch]), view)
    now = datums(node, lambda part: read[part.repo, part.branch], view)
    return Plan(now, base.datums, frozenset(datum.id for datum in (*before, *now)))


def _matches(globs: list[Glob], paths: Iterable[str]) -> Iterator[str]:
    """What the globs match of `paths` and of the folders that hold them."""
    for match in {part for path in paths for part in (path, *folders_of(path))}:
        if any(glob.match(match) is not None for glob in globs):
            yield match


class _View:
    """Trees of which nothing is seen but what is at or below some paths.

    Whatever a glob matches in it, it has all of: what holds a path that changed is one of those paths itself.
    """

    def __init__(self, trees: Trees, paths: Mapping[str, set[str]]) -> None:
        self._trees, self._paths = trees, paths

    def entries(self, tree: str) -> Iterator[Entry]:
        """The files that are seen of a tree, sorted by path, each once."""
        found: dict[str, Entry] = {}
        for path in sorted(self._paths.get(tree, ())):
            if path in found or any(folder in self._paths[tree] for folder in folders_of(path)):
                continue  # a path above it, which came first, has it
            entry = self._trees.get(tree, path)
            found |= {entry.path: entry} if entry else {e.path: e for e in self._trees.entries(tree, f"{path}/")}
        yield from (found[path] for path in sorted(found))
