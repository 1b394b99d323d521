"""What feeds what, as a graph with a place for each part: for whoever draws it.

A node is an input repo or a pipeline with its output repo. Nodes stand in rows, a pipeline below all that it reads; a
row's order keeps crossings few (barycentres, as Sugiyama, Tagawa and Toda 1981 have it). The same store gives the
same graph.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aeolian.engine.jobs.records import list_jobs
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog
from aeolian.engine.versions.commits import head_tree
from aeolian.engine.versions.repos import branch_id, list_repos
from aeolian.platform.specs.order import pipeline_order
from aeolian.platform.specs.spec import DEFAULT_BRANCH, Pfs

_SWEEPS = 8


@dataclass(frozen=True)
class Node:
    """One part. kind: repo, cron, pipeline; `state` is that of a pipeline's last job, "" before the first.

    `fact` and `note` are what a picture tells of it, in a line and at length; without them, state and size.
    """

    name: str
    kind: str
    state: str
    files: int
    size: int
    fact: str = ""
    note: str = ""


@dataclass(frozen=True)
class Edge:
    """`target` reads `source`, by the globs in `label`. `quiet`: a commit there starts nothing."""

    source: str
    target: str
    label: str
    quiet: bool


@dataclass(frozen=True)
class Graph:
    """Nodes and edges; `rows` has every node's name once, and for an edge that passes a row, the edge."""

    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    rows: tuple[tuple[str | Edge, ...], ...]


def graph(store: Store) -> Graph:
    """The graph of a store's repos and pipelines."""
    pipelines = {pipeline.name: pipeline for pipeline in catalog.pipelines(store)}
    crons = {part.repo for p in pipelines.values() for part in p.spec.inputs() if part.is_cron}
    nodes = {}
    for repo in list_repos(store):
        pipeline = pipelines.get(repo.name)
        branch = pipeline.spec.output_branch if pipeline else DEFAULT_BRANCH
        row = branch_id(store, repo.name, branch)
        files, size = store.trees.totals(head_tree(store, row)) if row is not None else (0, 0)
        jobs = list_jobs(store, pipeline=repo.name, limit=1) if pipeline else []
        kind = "pipeline" if pipeline else "cron" if repo.name in crons else "repo"
        nodes[repo.name] = Node(repo.name, kind, jobs[0].state if jobs else "", files, size)
    edges = tuple(edge for name, pipeline in pipelines.items() for edge in _edges(name, pipeline.spec.inputs(), nodes))
    return Graph(nodes, edges, rows_of(nodes, edges))


def _edges(pipeline: str, inputs: Sequence[Pfs], nodes: dict[str, Node]) -> list[Edge]:
    parts = defaultdict(list)
    for part in inputs:
        if part.repo in nodes:
            parts[part.repo].append(part)
    return [
        Edge(repo, pipeline, ", ".join(dict.fromkeys(map(_label, read))), not any(part.triggers for part in read))
        for repo, read in sorted(parts.items())
    ]


def _label(part: Pfs) -> str:
    return part.glob if part.branch == DEFAULT_BRANCH else f"{part.branch}:{part.glob}"


def rows_of(nodes: dict[str, Node], edges: Sequence[Edge]) -> tuple[tuple[str | Edge, ...], ...]:
    """Where each node stands, and where an edge passes a row: see `Graph.rows`."""
    level = _levels(nodes, edges)
    rows: list[list[str | Edge]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for name in sorted(nodes):
        rows[level[name]].append(name)
    above: dict[tuple[int, str | Edge], list[str | Edge]] = defaultdict(list)
    below: dict[tuple[int, str | Edge], list[str | Edge]] = defaultdict(list)
    for edge in edges:
        path: list[str | Edge] = [edge.source]
        for row in range(level[edge.source] + 1, level[edge.target]):
            rows[row].append(edge)
            path.append(edge)
        path.append(edge.target)
        for row, (upper, lower) in enumerate(itertools.pairwise(path), level[edge.source]):
            below[row, upper].append(lower)
            above[row + 1, lower].append(upper)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            place = {item: position for position, item in enumerate(rows[row - 1 if down else row + 1])}
            near = above if down else below
            rows[row].sort(key=_barycentre(row, near, place, rows[row]))
    return tuple(tuple(row) for row in rows)


def _levels(nodes: dict[str, Node], edges: Sequence[Edge]) -> dict[str, int]:
    """The row of each node: below all that it reads; what nothing writes, just above its first reader."""
    reads: dict[str, set[str]] = {name: set() for name in nodes}
    for edge in edges:
        reads[edge.target].add(edge.source)
    level: dict[str, int] = {}
    for name in pipeline_order(reads):
        level[name] = max((level[source] + 1 for source in reads[name]), default=0)
    for name in sorted(nodes):
        readers = [level[edge.target] for edge in edges if edge.source == name]
        if not reads[name] and readers:
            level[name] = min(readers) - 1
    return level


def _barycentre(
    row: int,
    near: dict[tuple[int, str | Edge], list[str | Edge]],
    place: dict[str | Edge, int],
    items: list[str | Edge],
) -> Callable[[str | Edge], float]:
    """A key for sorting a row: the mean place of an item's neighbours, or the item's own where it has none."""
    own = {item: position for position, item in enumerate(items)}

    def mean(item: str | Edge) -> float:
        neighbours = near.get((row, item), [])
        return sum(place[other] for other in neighbours) / len(neighbours) if neighbours else own[item]

    return mean
