"""Projects, repos, branches and commits of a store."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from aeolian.engine import history
from aeolian.engine.jobs import records
from aeolian.engine.local.records import make_branch, make_commit, make_job
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import (
    branches,
    changes,
    comparing,
    projects,
    references,
    repos,
    transactions,
)
from aeolian.platform.addresses import Address
from aeolian.platform.protocol import Done
from aeolian.platform.records import (
    Branch,
    BranchName,
    BranchTrigger,
    Commit,
    Job,
    Project,
    Repo,
)

_LOOK_S = 0.2


class LocalRepos:
    """What `platform.protocol.Repos` asks, of a store."""

    store: Store

    def create_project(self, project: str, description: str) -> None:
        """Make a project."""
        projects.create_project(self.store, project, description)

    def update_project(self, project: str, description: str) -> None:
        """Change what a project is for."""
        projects.update_project(self.store, project, description)

    def delete_project(self, project: str, *, force: bool) -> None:
        """Remove an empty project, or with `force` one with all that it holds."""
        projects.delete_project(self.store, project, force=force)

    def list_projects(self) -> list[Project]:
        """Return every project, `default` first."""
        return projects.list_projects(self.store)

    def inspect_project(self, project: str) -> Project:
        """Return one project."""
        return projects.inspect_project(self.store, project)

    def create_repo(self, repo: str, description: str) -> Done:
        """Make an empty repo."""
        return self._change("create repo", repo=repo, description=description)

    def update_repo(self, repo: str, description: str) -> Done:
        """Change what a repo is for."""
        return self._change("update repo", repo=repo, description=description)

    def delete_repo(self, repo: str, *, force: bool) -> Done:
        """Remove a repo and its history."""
        return self._change("delete repo", repo=repo, force=force)

    def delete_repos(self, project: str | None) -> list[str]:
        """Remove all repos of a project, or of all, that are no pipeline's; return their names."""
        return repos.delete_all_repos(self.store, project)

    def list_repos(self, project: str | None) -> list[Repo]:
        """Return the repos of a project, or of all."""
        return repos.list_repos(self.store, project)

    def inspect_repo(self, repo: str) -> Repo:
        """Return one repo."""
        return repos.inspect_repo(self.store, repo)

    def create_branch(
        self,
        branch: Address,
        *,
        head: str = "",
        provenance: Sequence[BranchName] = (),
        trigger: BranchTrigger | None = None,
    ) -> Done:
        """Make a branch, or change one that is there."""
        return self._change(
            "create branch",
            repo=branch.repo,
            branch=branch.reference,
            head=head,
            provenance=list(provenance),
            trigger=vars(trigger) if trigger else None,
        )

    def list_branches(self, repo: str) -> list[Branch]:
        """Return the branches of a repo, the newest first."""
        return [make_branch(each) for each in branches.list_branches(self.store, repo)]

    def inspect_branch(self, branch: Address) -> Branch:
        """Return one branch."""
        return make_branch(branches.inspect_branch(self.store, branch.repo, branch.reference))

    def delete_branch(self, branch: Address, *, force: bool) -> Done:
        """Take a branch's name away."""
        return self._change("delete branch", repo=branch.repo, branch=branch.reference, force=force)

    def start_commit(self, branch: Address, *, parent: str = "", description: str = "") -> Done:
        """Open a commit; what it says is the commit's id."""
        return self._change(
            "start commit", repo=branch.repo, branch=branch.reference, parent=parent, description=description
        )

    def finish_commit(self, commit: Address, *, description: str = "") -> Done:
        """Close an open commit."""
        return self._change("finish commit", repo=commit.repo, reference=commit.reference, description=description)

    def list_commits(self, place: Address | None, *, whole_repo: bool = False, since: str = "") -> list[Commit]:
        """Return commits, newest first: of a branch with its ancestors (as far as `since`), of a repo, or all."""
        store = self.store
        if place is None:
            found = references.list_commits(store)
        elif whole_repo:
            found = references.list_commits(store, place.repo)
        else:
            until = references.resolve(store, Address(place.repo, since)).row if since else None
            found = references.ancestors(store, references.resolve(store, place), until=until)
        return [make_commit(store, each) for each in found]

    def find_set(self, text: str, project: str) -> list[Commit] | None:
        """Return the commits under an id, or its start; None where `text` may be a repo of `project` instead."""
        if not references.is_id(self.store, text, project):
            return None
        found = references.set_commits(self.store, references.find_set(self.store, text))
        return [make_commit(self.store, each) for each in found]

    def inspect_commit(self, commit: Address) -> Commit:
        """Return one commit."""
        return make_commit(self.store, references.resolve(self.store, commit))

    def wait_commit(self, commit: Address) -> Commit:
        """Return a commit when it is closed."""
        found = references.find_coming(self.store, commit)
        while found.state == "open":
            time.sleep(_LOOK_S)
            found = references.find_commit(self.store, found.row)
        return make_commit(self.store, found)

    def subscribe_commits(self, branch: Address, *, since: str = "", new: bool = False) -> Iterator[Commit]:
        """Yield each commit of a branch when it is closed, those that are there (after `since`) first unless `new`."""
        store = self.store
        last = references.resolve(store, Address(branch.repo, since)).row if since else None
        if new and (head := references.closed_at(store, branch)) is not None:
            last = head.row
        while True:
            head = references.closed_at(store, branch)
            for commit in reversed(references.ancestors(store, head, until=last) if head else []):
                last = commit.row
                yield make_commit(store, commit)
            time.sleep(_LOOK_S)

    def find_changes(self, path: Address, *, limit: int = 0) -> Iterator[tuple[str, bool]]:
        """Yield ids of commits back from one, and whether a file or folder changed there; `limit` ends it."""
        found = 0
        for commit, changed in comparing.find_changes(self.store, path):
            yield commit.id, changed
            found += changed
            if found == limit != 0:
                return

    def jobs_of_commit(self, commit: Commit) -> list[Job]:
        """Return the jobs under a commit's id."""
        return [make_job(self.store, each) for each in records.list_jobs(self.store, commit=commit.id)]

    def squash_commit(self, text: str) -> str:
        """Remove a commit set whose content later commits have; return what is to be said."""
        return _say_removed(history.squash(self.store, text))

    def delete_commit(self, text: str) -> str:
        """Remove the newest commit set of its branches; return what is to be said."""
        return _say_removed(history.delete(self.store, text))

    def _change(self, name: str, **arguments: Any) -> Done:
        """Do a change, or gather it in the transaction that is active."""
        assert changes.__doc__  # loaded, its changes are known by their names
        return Done(*transactions.perform(self.store, name, **arguments))


def _say_removed(removed: history.Removed) -> str:
    return f"commit {removed.id}: removed from {', '.join(removed.commits)}, with {removed.jobs} jobs"
