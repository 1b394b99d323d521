"""Repos, and the rows of their branches."""

import difflib
import re
import time

from aeolian.engine.storage.store import Store
from aeolian.engine.versions.catalog import pipelines
from aeolian.engine.versions.projects import has_project
from aeolian.errors import UsageError
from aeolian.platform.records import Repo
from aeolian.platform.specs.names import DEFAULT_PROJECT, RULES, split_name

_COMMIT_ID = re.compile(r"[0-9a-f]{32}")


def create_repo(store: Store, name: str, description: str = "") -> None:
    """Make a new, empty repo of the full `name`. Raises `UsageError` if that is taken, cannot be, or has no project."""
    project, own = split_name(name)
    check_name("repo", own)
    with store.db.transaction():
        if not has_project(store, project):
            raise UsageError(f"project {project!r} not found.", remedy=f"Make it: aeolian create project {project}")
        if store.db.one("SELECT 1 FROM repo WHERE name = ?", name):
            raise UsageError(
                f"repo {name} already exists.", remedy=f"Its files are in `aeolian list file {name}@master`."
            )
        store.db.run("INSERT INTO repo (name, description, created) VALUES (?, ?, ?)", name, description, time.time())


def ensure_repo(store: Store, name: str, description: str = "") -> bool:
    """Make the repo if it is missing; return whether it was."""
    with store.db.transaction():
        if store.db.one("SELECT 1 FROM repo WHERE name = ?", name):
            return False
        create_repo(store, name, description)
        return True


def update_repo(store: Store, name: str, description: str) -> None:
    """Change what a repo is for; one that is not there is made."""
    with store.db.transaction():
        ensure_repo(store, name)
        store.db.run("UPDATE repo SET description = ? WHERE id = ?", description, repo_id(store, name))


def check_name(kind: str, name: str) -> None:
    """Raise `UsageError` unless `name` may name a repo or a branch."""
    if not RULES[kind].allows(name):
        raise UsageError(f"{name!r} cannot name a {kind}.", remedy=f"A name has {RULES[kind].words}.")


def check_branch_name(repo: str, name: str) -> None:
    """Raise `UsageError` unless `name` may name a branch: an id, or an ancestor, never does."""
    if re.search(r"[\^~.]", name) or _COMMIT_ID.fullmatch(name):
        raise UsageError(f"{repo}@{name} is a commit, and cannot be a branch.", remedy="Give the branch a name.")
    check_name("branch", name)


def delete_repo(store: Store, name: str, *, force: bool = False) -> None:
    """Remove the repo and its history.

    Raises `UsageError` for a pipeline's output, and without `force` while something is made from it.
    """
    with store.db.transaction():
        repo = repo_id(store, name)
        if store.db.one("SELECT 1 FROM pipeline WHERE name = ?", name):
            raise UsageError(
                f"{name} holds what the pipeline {name} makes.", remedy=f"Use `aeolian delete pipeline {name}`."
            )
        readers = [p.name for p in pipelines(store) if any(part.repo == name for part in p.spec.inputs())]
        if readers and not force:
            raise UsageError(
                f"{name} is in the direct provenance of the pipeline {', '.join(sorted(readers))}, which reads it.",
                remedy="Delete the pipeline first, or use --force: it is left without its input.",
            )
        made = store.db.all(
            "SELECT DISTINCT dr.name AS repo, d.name FROM provenance v JOIN branch d ON d.id = v.branch_id"
            " JOIN repo dr ON dr.id = d.repo_id JOIN branch u ON u.id = v.upstream_id WHERE u.repo_id = ?"
            " ORDER BY 1, 2",
            repo,
        )
        if made and not force:
            names = ", ".join(f"{row['repo']}@{row['name']}" for row in made)
            raise UsageError(
                f"{name} is in the direct provenance of {names}.", remedy="Delete that first, or use --force."
            )
        store.db.run("DELETE FROM repo WHERE id = ?", repo)


def delete_all_repos(store: Store, project: str | None = DEFAULT_PROJECT) -> list[str]:
    """Remove all repos of a project, or of all projects, that are no pipeline's; return their names.

    Raises `UsageError` while a pipeline reads one of them.
    """
    with store.db.transaction():
        names = [repo.name for repo in list_repos(store, project) if not repo.pipeline]
        readers = sorted({p.name for p in pipelines(store) for part in p.spec.inputs() if part.repo in names})
        if readers:
            raise UsageError(
                f"The pipeline {', '.join(readers)} reads some of them.",
                remedy="Delete pipelines first: aeolian delete pipeline --all",
            )
        for name in names:
            delete_repo(store, name, force=True)
        return names


def list_repos(store: Store, project: str | None = None) -> list[Repo]:
    """Return every repo, or those of a project, by name."""
    names = [row["name"] for row in store.db.all("SELECT name FROM repo ORDER BY name")]
    return [_repo(store, name) for name in names if project in (None, split_name(name)[0])]


def inspect_repo(store: Store, name: str) -> Repo:
    """Return one repo. Raises `UsageError` if there is none of that name."""
    repo_id(store, name)
    return _repo(store, name)


def _repo(store: Store, name: str) -> Repo:
    row = store.db.one("SELECT * FROM repo WHERE name = ?", name)
    assert row is not None
    branches = store.db.all("SELECT name FROM branch WHERE repo_id = ? AND name IS NOT NULL ORDER BY name", row["id"])
    head = store.db.one(
        "SELECT tree FROM branch_head WHERE repo_id = ? AND branch = 'master' AND state != 'open'"
        " ORDER BY seq DESC LIMIT 1",
        row["id"],
    )
    files, size = store.trees.totals(head["tree"]) if head else (0, 0)
    output = store.db.one("SELECT 1 FROM pipeline WHERE name = ?", name) is not None
    named = tuple(branch["name"] for branch in branches)
    return Repo(name, row["description"], row["created"], named, files, size, output)


def repo_id(store: Store, name: str) -> int:
    """Return the row of a repo. Raises `UsageError`, with the nearest name, if there is none."""
    row = store.db.one("SELECT id FROM repo WHERE name = ?", name)
    if row is not None:
        return int(row["id"])
    names = [row["name"] for row in store.db.all("SELECT name FROM repo ORDER BY name")]
    raise UsageError(
        f"repo {name!r} not found.", remedy=suggest(name, names, f"Make it with `aeolian create repo {name}`.")
    )


def suggest(name: str, names: list[str], otherwise: str) -> str:
    """Return `Did you mean …?`, or the other sentence where nothing is near."""
    near = difflib.get_close_matches(name, names, 1, 0.6)
    return f"Did you mean {near[0]}?" if near else otherwise


def branch_id(store: Store, repo: str, branch: str, *, create: bool = False) -> int | None:
    """Return the row of a branch; made if need be with `create`, else None where there is none."""
    owner = repo_id(store, repo)
    row = store.db.one("SELECT id FROM branch WHERE repo_id = ? AND name = ?", owner, branch)
    if row is not None:
        return int(row["id"])
    if not create:
        return None
    check_branch_name(repo, branch)
    return store.db.run("INSERT INTO branch (repo_id, name, created) VALUES (?, ?, ?)", owner, branch, time.time())
