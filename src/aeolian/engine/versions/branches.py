"""Branches: names for commits that move, made from one another, or set off by one another."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import EMPTY
from aeolian.engine.versions.branch_triggers import check_trigger, write_trigger
from aeolian.engine.versions.catalog import pipelines
from aeolian.engine.versions.references import Commit, head, resolve
from aeolian.engine.versions.repos import branch_id, check_branch_name, repo_id, suggest
from aeolian.engine.versions.revisions import add_revision, has_revision, move_head, new_set, newest
from aeolian.engine.versions.triggers import Branch, branch_order, record_sources, trigger, user_provenance
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address
from aeolian.platform.records import BranchTrigger


@dataclass(frozen=True)
class BranchInfo:
    """A branch as it is listed. `provenance` is all that it is made from, `subvenance` all that is made from it."""

    repo: str
    name: str
    head: Commit | None
    created: float
    trigger: BranchTrigger | None
    direct_provenance: tuple[Branch, ...]
    provenance: tuple[Branch, ...]
    subvenance: tuple[Branch, ...]


def create_branch(
    store: Store,
    repo: str,
    name: str,
    *,
    at: str = "",
    provenance: Sequence[Branch] = (),
    rule: BranchTrigger | None = None,
) -> None:
    """Make a branch, or change one that is there: its head, what it is made from, what sets it off.

    `at` is a branch, an id or an ancestor of the same repo. A new branch without it gets a commit without files, as one
    with new `provenance` gets a commit for a user to fill. What follows is planned under an id of its own. Raises
    `UsageError` for names that cannot be, a head of another repo, and branches that feed themselves.
    """
    with store.db.transaction():
        check_branch_name(repo, name)
        target = resolve(store, Address(repo, at)) if at else None
        if rule is not None:
            check_trigger(store, repo, name, rule)
        if rule is not None and provenance:
            raise UsageError("A branch cannot have both provenance and a trigger.", remedy="Leave one of them out.")
        _refuse_ring(store, (repo, name), provenance)
        branch = branch_id(store, repo, name, create=True)
        assert branch is not None
        seq = _fill(store, provenance)
        changed = _write_provenance(store, branch, provenance)
        if rule is not None:
            store.db.run("UPDATE branch SET fires = ? WHERE id = ?", write_trigger(rule), branch)
        before = newest(store, branch)
        if target is not None and (before is None or before["row"] != target.row):
            _refuse_open(repo, name, before["state"] if before else "", target)
            seq = _own_set(store, branch, seq)
            move_head(store, branch, seq, target.row)
        elif before is None or (changed and provenance):
            seq = _own_set(store, branch, seq)
            state, tree = ("open" if provenance else "finished"), before["tree"] if before else EMPTY
            parent = before["row"] if before else None
            made = add_revision(store, branch, seq, tree, state, origin="auto", parent=parent)
            record_sources(store, made, provenance)
        else:
            return
        trigger(store, seq, [(repo, name)])


def _refuse_open(repo: str, name: str, state: str, target: Commit) -> None:
    if state == "open" or target.state == "open":
        raise UsageError(
            f"A commit that has not been finished is in the way of {repo}@{name}.",
            remedy=f"Finish it: aeolian finish commit {repo}@{name if state == 'open' else target.id}",
        )


def _own_set(store: Store, branch: int, seq: int) -> int:
    """Return the set for a branch's new head: `seq` if there is one, but never one in which it has a commit already."""
    seq = seq or new_set(store)
    return new_set(store, own=True) if has_revision(store, branch, seq) else seq


def _fill(store: Store, provenance: Sequence[Branch]) -> int:
    """Make those of the branches that are not there, each with a commit without files; return its set, 0 for none."""
    seq = 0
    for repo, name in provenance:
        check_branch_name(repo, name)
        if branch_id(store, repo, name) is None:
            seq = seq or new_set(store)
            branch = branch_id(store, repo, name, create=True)
            assert branch is not None
            add_revision(store, branch, seq, EMPTY, origin="auto")
    return seq


def _write_provenance(store: Store, branch: int, provenance: Sequence[Branch]) -> bool:
    """Let the branch be made from these; return whether that is new."""
    rows = store.db.all("SELECT upstream_id FROM provenance WHERE branch_id = ?", branch)
    wanted = {branch_id(store, *upstream) for upstream in provenance}
    if {row["upstream_id"] for row in rows} == wanted:
        return False
    store.db.run("DELETE FROM provenance WHERE branch_id = ?", branch)
    store.db.many("INSERT INTO provenance VALUES (?, ?)", [(branch, upstream) for upstream in wanted])
    return True


def _refuse_ring(store: Store, branch: Branch, provenance: Sequence[Branch]) -> None:
    for repo, name in provenance:
        repo_id(store, repo)
        if repo == branch[0]:
            raise UsageError(
                f"{branch[0]} cannot be in the provenance of its own branch {branch[1]}.",
                remedy=f"Follow {name} with --trigger.",
            )
    graph = _direct(store)
    graph[branch] = set(provenance)
    branch_order(graph)


def delete_branch(store: Store, repo: str, name: str, *, force: bool = False) -> None:
    """Take a branch's name away; its commits are still there under their ids.

    Raises `UsageError` for an output branch, and without `force` while another branch is made from it.
    """
    with store.db.transaction():
        info = inspect_branch(store, repo, name)
        pipeline = next((p for p in pipelines(store) if (p.name, p.spec.output_branch) == (repo, name)), None)
        if pipeline is not None:
            raise UsageError(
                f"{repo}@{name} is written by the pipeline {repo}.", remedy=f"Use `aeolian delete pipeline {repo}`."
            )
        direct = [branch for branch, upstream in _direct(store).items() if (repo, name) in upstream]
        if direct and not force:
            names = ", ".join(sorted("@".join(branch) for branch in direct))
            raise UsageError(
                f"{repo}@{name} is in the direct provenance of {names}.",
                remedy="Delete that first, or use --force: it is left without its input.",
            )
        branch = branch_id(store, info.repo, info.name)
        store.db.run("DELETE FROM revision WHERE branch_id = ? AND target IS NOT NULL", branch)
        store.db.run("DELETE FROM provenance WHERE branch_id = ?1 OR upstream_id = ?1", branch)
        store.db.run("UPDATE branch SET name = NULL, fires = '' WHERE id = ?", branch)


def list_branches(store: Store, repo: str) -> list[BranchInfo]:
    """Return the branches of a repo, the newest first."""
    rows = store.db.all(
        "SELECT name FROM branch WHERE repo_id = ? AND name IS NOT NULL ORDER BY id DESC", repo_id(store, repo)
    )
    graph = _direct(store)
    return [_info(store, repo, row["name"], graph) for row in rows]


def inspect_branch(store: Store, repo: str, name: str) -> BranchInfo:
    """Return one branch. Raises `UsageError`, with the nearest name, if there is none."""
    if branch_id(store, repo, name) is None:
        rows = store.db.all("SELECT name FROM branch WHERE repo_id = ? AND name IS NOT NULL", repo_id(store, repo))
        remedy = suggest(name, [row["name"] for row in rows], f"See `aeolian list branch {repo}`.")
        raise UsageError(f"branch {repo}@{name} not found.", remedy=remedy)
    return _info(store, repo, name, _direct(store))


def _info(store: Store, repo: str, name: str, graph: dict[Branch, set[Branch]]) -> BranchInfo:
    branch = branch_id(store, repo, name)
    row = store.db.one("SELECT created, fires FROM branch WHERE id = ?", branch)
    assert branch is not None
    assert row is not None
    back = {upstream: {other for other in graph if upstream in graph[other]} for upstream in _all(graph)}
    return BranchInfo(
        repo,
        name,
        head(store, branch),
        row["created"],
        BranchTrigger(**json.loads(row["fires"])) if row["fires"] else None,
        tuple(sorted(graph.get((repo, name), ()))),
        tuple(sorted(_reach(graph, (repo, name)))),
        tuple(sorted(_reach(back, (repo, name)))),
    )


def _direct(store: Store) -> dict[Branch, set[Branch]]:
    """Return what each branch is made from, as pipelines' specs and users say."""
    graph: dict[Branch, set[Branch]] = {
        (p.name, p.spec.output_branch): {(part.repo, part.branch) for part in p.spec.inputs()} for p in pipelines(store)
    }
    for branch, upstream in user_provenance(store):
        graph.setdefault(branch, set()).add(upstream)
    return graph


def _all(graph: dict[Branch, set[Branch]]) -> set[Branch]:
    return set(graph).union(*graph.values())


def _reach(graph: dict[Branch, set[Branch]], start: Branch) -> set[Branch]:
    """Return all that can be reached from `start`, without it."""
    found, waiting = set[Branch](), [start]
    while waiting:
        for branch in graph.get(waiting.pop(), ()):
            if branch not in found:
                found.add(branch)
                waiting.append(branch)
    return found
