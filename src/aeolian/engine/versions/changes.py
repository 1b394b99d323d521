"""The changes that a transaction can gather, by the names of their commands. Arguments are what JSON can keep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aeolian.engine.programs.secrets import Place
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import branches, commits, pipelines, references, repos
from aeolian.engine.versions.transactions import change
from aeolian.platform.addresses import Address
from aeolian.platform.records import BranchTrigger
from aeolian.platform.specs.spec import load


@change("create repo")
def create_repo(store: Store, *, repo: str, description: str) -> str:
    """Make a repo."""
    repos.create_repo(store, repo, description)
    return ""


@change("update repo")
def update_repo(store: Store, *, repo: str, description: str) -> str:
    """Change what a repo is for."""
    repos.update_repo(store, repo, description)
    return ""


@change("delete repo")
def delete_repo(store: Store, *, repo: str, force: bool) -> str:
    """Remove a repo."""
    repos.delete_repo(store, repo, force=force)
    return ""


@change("start commit")
def start_commit(store: Store, *, repo: str, branch: str, parent: str, description: str) -> str:
    """Open a commit; return its id."""
    before = references.resolve(store, Address(repo, parent)) if parent else None
    return commits.start_commit(store, repo, branch, description, before=before).id


@change("finish commit")
def finish_commit(store: Store, *, repo: str, reference: str, description: str) -> str:
    """Close a commit."""
    commits.finish_commit(store, repo, reference, description)
    return ""


@change("create branch")
def create_branch(
    store: Store,
    *,
    repo: str,
    branch: str,
    head: str,
    provenance: Sequence[Sequence[str]],
    trigger: dict[str, Any] | None,
) -> str:
    """Make or move a branch."""
    pairs = [(upstream, name) for upstream, name in provenance]
    rule = BranchTrigger(**trigger) if trigger else None
    branches.create_branch(store, repo, branch, at=head, provenance=pairs, rule=rule)
    return ""


@change("delete branch")
def delete_branch(store: Store, *, repo: str, branch: str, force: bool) -> str:
    """Remove a branch."""
    branches.delete_branch(store, repo, branch, force=force)
    return ""


@change("create pipeline")
def create_pipeline(
    store: Store,
    *,
    spec: str,
    source: str | None,
    arguments: Sequence[Sequence[str]],
    update: bool | None,
    reprocess: bool,
    secrets: Sequence[Sequence[str]],
) -> str:
    """Make or change a pipeline, whose `spec` is a text as the store keeps it."""
    parsed = load(spec)
    pipelines.create_pipelines(
        store,
        [parsed],
        source=Path(source) if source else None,
        arguments={parsed.name: tuple((flag, value) for flag, value in arguments)} if arguments else None,
        update=update,
        reprocess=reprocess,
        secrets=[Place(*place) for place in secrets],
    )
    return ""
