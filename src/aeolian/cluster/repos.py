"""Projects, repos, branches and commits of a pachd."""

from collections.abc import Iterator, Sequence
from typing import Any

from pachyderm_sdk.api import pfs, pps

from aeolian.cluster import messages
from aeolian.cluster.connection import Connection
from aeolian.cluster.naming import as_message, branch_of, commit_of, project_of, repo_of
from aeolian.errors import UsageError
from aeolian.platform.addresses import ID, ID_LENGTH, Address
from aeolian.platform.protocol import Done
from aeolian.platform.records import Branch, BranchName, BranchTrigger, Commit, Job, Project, Repo
from aeolian.platform.specs.names import full_name


class ClusterRepos:
    """What `platform.protocol.Repos` asks, of a pachd."""

    _pachd: Connection
    project: str

    def create_project(self, project: str, description: str) -> None:
        """Make a project."""
        self._pachd.call(self._pachd.pfs.create_project, project=project_of(project), description=description)

    def update_project(self, project: str, description: str) -> None:
        """Change what a project is for."""
        self.inspect_project(project)
        self._pachd.call(
            self._pachd.pfs.create_project, project=project_of(project), description=description, update=True
        )

    def delete_project(self, project: str, *, force: bool) -> None:
        """Remove an empty project, or with `force` one with all that it holds."""
        self.inspect_project(project)
        if force:
            self._pachd.call(self._pachd.pps.delete_pipelines, projects=[project_of(project)], force=True)
            self._pachd.call(self._pachd.pfs.delete_repos, projects=[project_of(project)], force=True)
        self._pachd.call(self._pachd.pfs.delete_project, project=project_of(project), force=force)

    def list_projects(self) -> list[Project]:
        """Return every project, `default` first."""
        found = [messages.make_project(as_message(each)) for each in self._pachd.stream(self._pachd.pfs.list_project)]
        return sorted(found, key=lambda each: (each.name != "default", each.name))

    def inspect_project(self, project: str) -> Project:
        """Return one project."""
        answer = self._pachd.call(self._pachd.pfs.inspect_project, project=project_of(project))
        return messages.make_project(as_message(answer))

    def create_repo(self, repo: str, description: str) -> Done:
        """Make an empty repo."""
        self._pachd.call(self._pachd.pfs.create_repo, repo=repo_of(repo), description=description)
        return Done()

    def update_repo(self, repo: str, description: str) -> Done:
        """Change what a repo is for."""
        self._pachd.call(self._pachd.pfs.create_repo, repo=repo_of(repo), description=description, update=True)
        return Done()

    def delete_repo(self, repo: str, *, force: bool) -> Done:
        """Remove a repo and its history."""
        self.inspect_repo(repo)
        self._pachd.call(self._pachd.pfs.delete_repo, repo=repo_of(repo), force=force)
        return Done()

    def delete_repos(self, project: str | None) -> list[str]:
        """Remove all repos of a project, or of all, that are no pipeline's; return their names."""
        where: dict[str, Any] = {"all": True} if project is None else {"projects": [project_of(project)]}
        answer = self._pachd.call(self._pachd.pfs.delete_repos, **where)
        return [messages.name_of(as_message(each)) for each in answer.repos]

    def list_repos(self, project: str | None) -> list[Repo]:
        """Return the repos of a project, or of all."""
        projects = [] if project is None else [project_of(project)]
        written = {
            messages.name_of(as_message(each)["pipeline"])
            for each in self._pachd.stream(self._pachd.pps.list_pipeline, projects=projects)
        }
        found = map(as_message, self._pachd.stream(self._pachd.pfs.list_repo, type="user", projects=projects))
        repos = [messages.make_repo(each, pipeline=messages.name_of(each["repo"]) in written) for each in found]
        return sorted(repos, key=lambda each: each.name)

    def inspect_repo(self, repo: str) -> Repo:
        """Return one repo."""
        message = as_message(self._pachd.call(self._pachd.pfs.inspect_repo, repo=repo_of(repo)))
        written = any(
            messages.name_of(as_message(each)["pipeline"]) == repo
            for each in self._pachd.stream(
                self._pachd.pps.list_pipeline, projects=[project_of(message["repo"]["project"]["name"])]
            )
        )
        return messages.make_repo(message, pipeline=written)

    def create_branch(
        self,
        branch: Address,
        *,
        head: str = "",
        provenance: Sequence[BranchName] = (),
        trigger: BranchTrigger | None = None,
    ) -> Done:
        """Make a branch, or change one that is there."""
        fields: dict[str, Any] = {}
        if head:
            fields["head"] = commit_of(Address(branch.repo, head))
        if trigger is not None:
            fields["trigger"] = pfs.Trigger(
                branch=trigger.branch,
                all=trigger.all,
                size=trigger.size,
                commits=trigger.commits,
                cron_spec=trigger.cron_spec,
                rate_limit_spec=trigger.rate_limit_spec,
            )
        upstream = [branch_of(Address(repo, name)) for repo, name in provenance]
        self._pachd.call(
            self._pachd.pfs.create_branch,
            branch=branch_of(branch),
            provenance=upstream,
            new_commit_set=True,
            **fields,
        )
        return Done()

    def list_branches(self, repo: str) -> list[Branch]:
        """Return the branches of a repo, the newest first."""
        self._pachd.call(self._pachd.pfs.inspect_repo, repo=repo_of(repo))
        answers = self._pachd.stream(self._pachd.pfs.list_branch, repo=repo_of(repo))
        return [messages.make_branch(as_message(each)) for each in answers]

    def inspect_branch(self, branch: Address) -> Branch:
        """Return one branch."""
        answer = self._pachd.call(self._pachd.pfs.inspect_branch, branch=branch_of(branch))
        return messages.make_branch(as_message(answer))

    def delete_branch(self, branch: Address, *, force: bool) -> Done:
        """Take a branch's name away."""
        self._pachd.call(self._pachd.pfs.delete_branch, branch=branch_of(branch), force=force)
        return Done()

    def start_commit(self, branch: Address, *, parent: str = "", description: str = "") -> Done:
        """Open a commit; what it says is the commit's id."""
        fields = {"parent": commit_of(Address(branch.repo, parent))} if parent else {}
        answer = self._pachd.call(
            self._pachd.pfs.start_commit, branch=branch_of(branch), description=description, **fields
        )
        return Done(str(answer.id))

    def finish_commit(self, commit: Address, *, description: str = "") -> Done:
        """Close an open commit."""
        self._pachd.call(self._pachd.pfs.finish_commit, commit=commit_of(commit), description=description)
        return Done()

    def list_commits(self, place: Address | None, *, whole_repo: bool = False, since: str = "") -> list[Commit]:
        """Return commits, newest first: of a branch with its ancestors (as far as `since`), of a repo, or all."""
        if place is None:
            sets = self._pachd.stream(self._pachd.pfs.list_commit_set, project=project_of(self.project))
            found: Iterator[Any] = (commit for each in sets for commit in each.commits)
        else:
            fields: dict[str, Any] = {"repo": repo_of(place.repo), "all": True}
            if not whole_repo:
                fields["to"] = commit_of(place)
            if since:
                fields["from_"] = commit_of(Address(place.repo, since))
            self._pachd.call(self._pachd.pfs.inspect_repo, repo=repo_of(place.repo))
            found = self._pachd.stream(self._pachd.pfs.list_commit, **fields)
        return [
            messages.make_commit(each) for each in map(as_message, found) if each["commit"]["repo"]["type"] == "user"
        ]

    def find_set(self, text: str, project: str) -> list[Commit] | None:
        """Return the commits under an id; None where `text` is none, but may be a repo of `project`."""
        if len(text) != ID_LENGTH or not ID.fullmatch(text):
            return None
        answers = self._pachd.stream(self._pachd.pfs.inspect_commit_set, commit_set=pfs.CommitSet(id=text))
        found = [messages.make_commit(as_message(each)) for each in answers]
        if not found:
            raise UsageError(f"commit {text} not found.", remedy="See `aeolian list commit`.")
        return found

    def inspect_commit(self, commit: Address) -> Commit:
        """Return one commit."""
        answer = self._pachd.call(
            self._pachd.pfs.inspect_commit, commit=commit_of(commit), wait=pfs.CommitState.STARTED
        )
        return messages.make_commit(as_message(answer))

    def wait_commit(self, commit: Address) -> Commit:
        """Return a commit when it is finished."""
        answer = self._pachd.call(
            self._pachd.pfs.inspect_commit, commit=commit_of(commit), wait=pfs.CommitState.FINISHED
        )
        return messages.make_commit(as_message(answer))

    def subscribe_commits(self, branch: Address, *, since: str = "", new: bool = False) -> Iterator[Commit]:
        """Yield each commit of a branch when it is closed, those that are there (after `since`) first unless `new`."""
        if new:
            since = self.inspect_commit(branch).id
        fields = {"from_": commit_of(Address(branch.repo, since))} if since else {}
        answers = self._pachd.stream(
            self._pachd.pfs.subscribe_commit,
            repo=repo_of(branch.repo),
            branch=branch.reference,
            state=pfs.CommitState.FINISHED,
            **fields,
        )
        return (messages.make_commit(as_message(each)) for each in answers)

    def find_changes(self, path: Address, *, limit: int = 0) -> Iterator[tuple[str, bool]]:
        """Yield ids of commits back from one, and whether a file or folder changed there; `limit` ends it."""
        answers = self._pachd.stream(
            self._pachd.pfs.find_commits, start=commit_of(path), file_path=path.path, limit=limit
        )
        for message in map(as_message, answers):
            if found := message.get("found_commit"):
                yield found["id"], True
            if last := message.get("last_searched_commit"):
                yield last["id"], False

    def jobs_of_commit(self, commit: Commit) -> list[Job]:
        """Return the jobs under a commit's id."""
        answers = self._pachd.stream(self._pachd.pps.inspect_job_set, job_set=pps.JobSet(id=commit.id))
        return [messages.make_job(as_message(each)) for each in answers]

    def squash_commit(self, text: str) -> str:
        """Remove a commit set whose content later commits have; return what is to be said."""
        return self._remove(text, self._pachd.pfs.squash_commit_set)

    def delete_commit(self, text: str) -> str:
        """Remove the newest commit set of its branches; return what is to be said."""
        return self._remove(text, self._pachd.pfs.drop_commit_set)

    def _remove(self, text: str, call: Any) -> str:
        repo, _, id_ = text.rpartition("@")
        if repo:
            id_ = self.inspect_commit(Address(full_name(repo, self.project), id_)).id
        found = self.find_set(id_, "")
        if found is None:
            raise UsageError(f"{id_!r} is no commit's id.", remedy="Write it whole; see `aeolian list commit`.")
        self._pachd.call(call, commit_set=pfs.CommitSet(id=id_))
        return f"commit {id_}: removed from {', '.join(each.repo for each in found)}"
