"""Which pipelines and branches a change reaches, and the jobs and commits planned for them."""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY
from aeolian.engine.versions.catalog import Pipeline, pipelines
from aeolian.engine.versions.repos import branch_id, ensure_repo
from aeolian.engine.versions.revisions import add_revision, has_revision, newest
from aeolian.errors import UsageError

Branch = tuple[str, str]


def trigger(store: Store, seq: int, changed: Iterable[Branch], *, also: Collection[str] = ()) -> list[str]:
    """Plan in commit set `seq` what follows from `changed` branches, and jobs of the pipelines `also`.

    A branch with provenance gets an open commit for a user to fill. What reads a commit that is open in this set waits
    until it is finished. A stopped pipeline gets no job. Return the pipelines that get one, upstream first. To be
    called inside a transaction.
    """
    nodes = {node.output: node for node in _nodes(store)}
    reached, planned = set(changed), list[Pipeline]()
    waiting = {
        (row["repo"], row["branch"])
        for row in store.db.all("SELECT repo, branch FROM named_commit WHERE seq = ? AND state = 'open'", seq)
        if (row["repo"], row["branch"]) not in nodes or nodes[row["repo"], row["branch"]].pipeline is None
    }
    for output in branch_order({output: set(node.inputs) for output, node in nodes.items()}):
        node = nodes.get(output)
        if node is None or (node.pipeline is None and output in reached):
            continue
        waits = bool(waiting & node.inputs.keys())
        due = _is_due(node, reached, also)
        if waits or (due and node.pipeline is None):
            waiting.add(output)
        if due and node.pipeline is None:
            _open_commit(store, seq, node)
        elif due and node.pipeline is not None and not waits:
            planned.append(node.pipeline)
        else:
            continue
        reached.add(output)
    for pipeline in planned:
        _plan(store, seq, pipeline)
    return [pipeline.name for pipeline in planned]


def branch_order(upstream: dict[Branch, set[Branch]]) -> list[Branch]:
    """Return branches, those before that others are made from. Raises `UsageError` for a ring."""
    try:
        return list(TopologicalSorter({branch: sorted(upstream[branch]) for branch in sorted(upstream)}).static_order())
    except CycleError as error:
        circle = " → ".join("@".join(branch) for branch in reversed(error.args[1]))
        raise UsageError(f"The branches feed themselves: {circle}.", remedy="Leave one of them out.") from None


@dataclass(frozen=True)
class _Node:
    """A branch that is made from others: by a pipeline, or (None) by a user."""

    output: Branch
    pipeline: Pipeline | None
    inputs: dict[Branch, bool] = field(default_factory=dict)  # whether a commit there is followed


def _is_due(node: _Node, reached: set[Branch], also: Collection[str]) -> bool:
    if node.pipeline is not None:
        if not node.pipeline.spec.runs or node.pipeline.stopped:
            return False
        if node.pipeline.name in also:
            return True
    return any(branch in reached and follows for branch, follows in node.inputs.items())


def _nodes(store: Store) -> list[_Node]:
    """Return the branches that are made from others, as they are now."""
    found = []
    for pipeline in pipelines(store):
        node = _Node((pipeline.name, pipeline.spec.output_branch), pipeline)
        for part in pipeline.spec.inputs():
            branch = (part.repo, part.branch)
            node.inputs[branch] = part.triggers or node.inputs.get(branch, False)
        found.append(node)
    made = {node.output: node for node in found}
    for output, upstream in user_provenance(store):
        made.setdefault(output, _Node(output, None)).inputs[upstream] = True
    return list(made.values())


def user_provenance(store: Store) -> list[tuple[Branch, Branch]]:
    """Return (branch, branch that it is made from) of all that users said."""
    rows = store.db.all(
        "SELECT dr.name AS repo, d.name AS branch, ur.name AS from_repo, u.name AS from_branch FROM provenance v"
        " JOIN branch d ON d.id = v.branch_id JOIN repo dr ON dr.id = d.repo_id"
        " JOIN branch u ON u.id = v.upstream_id JOIN repo ur ON ur.id = u.repo_id ORDER BY 1, 2, 3, 4"
    )
    return [((row["repo"], row["branch"]), (row["from_repo"], row["from_branch"])) for row in rows]


def _open_commit(store: Store, seq: int, node: _Node) -> None:
    """Give a branch with provenance an open commit, with what it held before, in the set `seq`."""
    branch = branch_id(store, *node.output)
    assert branch is not None
    if has_revision(store, branch, seq):
        return
    before = newest(store, branch)
    tree, parent = (before["tree"], before["row"]) if before else (EMPTY, None)
    row = add_revision(store, branch, seq, tree, "open", origin="auto", parent=parent)
    record_sources(store, row, node.inputs)


def record_sources(store: Store, row: int, upstream: Iterable[Branch]) -> None:
    """Keep which commits the one in `row` was made from: the heads of the branches `upstream`."""
    for repo, name in upstream:
        branch = branch_id(store, repo, name)
        head = newest(store, branch) if branch is not None else None
        if head is not None:
            store.db.run("INSERT OR IGNORE INTO made_from VALUES (?, ?)", row, head["row"])


def _plan(store: Store, seq: int, pipeline: Pipeline) -> None:
    store.db.run(
        "INSERT OR IGNORE INTO job (seq, pipeline_id, version, state, created) VALUES (?, ?, ?, 'created', ?)",
        seq,
        pipeline.row,
        pipeline.version,
        time.time(),
    )
    ensure_repo(store, pipeline.name)
    branch = branch_id(store, pipeline.name, pipeline.spec.output_branch, create=True)
    assert branch is not None
    if not has_revision(store, branch, seq):
        before = newest(store, branch)
        add_revision(store, branch, seq, EMPTY, "open", origin="auto", parent=before["row"] if before else None)
