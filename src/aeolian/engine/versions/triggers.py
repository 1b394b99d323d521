"""Which pipelines a change reaches, and the jobs and output commits planned for them."""

import time
from collections.abc import Collection, Iterable
from graphlib import CycleError, TopologicalSorter

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY
from aeolian.engine.versions.catalog import pipelines
from aeolian.engine.versions.repos import branch_id, ensure_repo
from aeolian.errors import UsageError

Branch = tuple[str, str]


def trigger(store: Store, seq: int, changed: Iterable[Branch], *, also: Collection[str] = ()) -> list[str]:
    """Plans jobs in commit set `seq` for all that follows from `changed` branches and for the pipelines `also`.

    A stopped pipeline gets none. Returns the pipelines that get a job, upstream first. To be called inside a
    transaction.
    """
    graph = _Graph(store)
    reached, planned = set(changed), []
    for name in graph.order():
        if not graph.runs[name]:
            continue
        if name in also or any(branch in reached and triggers for branch, triggers in graph.inputs[name].items()):
            planned.append(name)
            reached.add((name, graph.output[name]))
    for name in planned:
        _plan(store, seq, name, graph)
    return planned


def pipeline_order(inputs: dict[str, set[str]]) -> list[str]:
    """The pipelines of `inputs` (pipeline → repos it reads), upstream first. Raises `UsageError` for a cycle."""
    sorter = TopologicalSorter(
        {name: {repo for repo in repos if repo in inputs} for name, repos in sorted(inputs.items())}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise UsageError(
            f"The pipelines feed themselves: {circle}.", remedy="One of them must read another repo."
        ) from None


class _Graph:
    """The pipelines as they are now."""

    def __init__(self, store: Store) -> None:
        self.inputs: dict[str, dict[Branch, bool]] = {}
        self.output: dict[str, str] = {}
        self.runs: dict[str, bool] = {}
        self.version: dict[str, tuple[int, int]] = {}
        for pipeline in pipelines(store):
            spec = pipeline.spec
            self.output[spec.name] = spec.output_branch
            self.runs[spec.name] = spec.runs and not pipeline.stopped
            self.version[spec.name] = (pipeline.row, pipeline.version)
            self.inputs[spec.name] = {}
            for part in spec.inputs():
                branch = (part.repo, part.branch)
                self.inputs[spec.name][branch] = part.triggers or self.inputs[spec.name].get(branch, False)

    def order(self) -> list[str]:
        return pipeline_order({name: {repo for repo, _ in branches} for name, branches in self.inputs.items()})


def _plan(store: Store, seq: int, name: str, graph: _Graph) -> None:
    now = time.time()
    pipeline, version = graph.version[name]
    store.db.run(
        "INSERT OR IGNORE INTO job (seq, pipeline_id, version, state, created) VALUES (?, ?, ?, 'created', ?)",
        seq,
        pipeline,
        version,
        now,
    )
    ensure_repo(store, name)
    branch = branch_id(store, name, graph.output[name], create=True)
    store.db.run(
        "INSERT OR IGNORE INTO revision (branch_id, seq, state, origin, tree, created) VALUES (?, ?, "
        "'open', 'auto', ?, ?)",
        branch,
        seq,
        EMPTY,
        now,
    )
