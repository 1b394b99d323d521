"""The local engine as a platform: its store, behind the verbs that every engine answers to."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from aeolian.engine import history, ticks
from aeolian.engine.jobs import queries, records
from aeolian.engine.programs.executors import Executor
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import (
    branches,
    catalog,
    changes,
    comparing,
    files,
    getting,
    listing,
    pausing,
    pipelines,
    projects,
    references,
    repos,
    transactions,
)
from aeolian.engine.versions.endings import kill_job
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address
from aeolian.platform.contexts import LOCAL
from aeolian.platform.protocol import Change, Done, Report, Wanted
from aeolian.platform.records import (
    Branch,
    BranchName,
    BranchTrigger,
    Commit,
    Datum,
    Effort,
    File,
    Job,
    LogLine,
    Pipeline,
    Project,
    Put,
    Repo,
)
from aeolian.platform.sources.selection import Item
from aeolian.platform.specs.names import DEFAULT_PROJECT
from aeolian.platform.specs.order import pipeline_order
from aeolian.platform.specs.spec import Spec

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
        return [_branch(each) for each in branches.list_branches(self.store, repo)]

    def inspect_branch(self, branch: Address) -> Branch:
        """Return one branch."""
        return _branch(branches.inspect_branch(self.store, branch.repo, branch.reference))

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


class LocalFiles:
    """What `platform.protocol.Files` asks, of a store."""

    store: Store

    def put_files(
        self,
        place: Address,
        items: Sequence[Item],
        *,
        strict: bool = False,
        whole: bool = False,
        append: bool = False,
        description: str = "",
        report: Report,
    ) -> Put:
        """Put files in one commit, or into the open commit at `place`: all of them or none."""
        done = files.put_files(
            self.store,
            place.repo,
            place.reference,
            items,
            strict=strict,
            whole=whole,
            append=append,
            description=description,
            report=report,
        )
        return Put(done.commit.repo, done.commit.id, done.files, done.size, done.renamed, done.left_out)

    def read_file(self, file: Address, offset: int = 0) -> Iterator[bytes]:
        """Yield the content of one file from a byte on, in blocks. The path may be a glob that matches one."""
        return getting.read_file(self.store, file, offset)

    def get_file(self, file: Address, target: Path, offset: int = 0) -> None:
        """Write one file to `target`, whole or not at all."""
        getting.get_file(self.store, file, target, offset)

    def get_folder(self, folder: Address, target: Path) -> int:
        """Write every file below `folder` below `target`; return how many."""
        return getting.get_folder(self.store, folder, target)

    def list_files(self, folder: Address) -> list[File]:
        """Return what is directly in a folder."""
        commit, found = listing.list_files(self.store, folder)
        return [_file(commit, each) for each in found]

    def glob_files(self, glob: Address) -> list[File]:
        """Return the files and folders that the path matches."""
        commit, found = listing.glob_files(self.store, glob)
        return [_file(commit, each) for each in found]

    def inspect_file(self, file: Address) -> File:
        """Return a file or folder."""
        commit, found = listing.inspect_path(self.store, file)
        return _file(commit, found, files.original_name(self.store, file.repo, found.path) or "")

    def delete_file(self, file: Address, *, recursive: bool) -> Put:
        """Remove a file, or a folder with all below it."""
        commit, count = files.delete_path(self.store, file, recursive=recursive)
        return Put(commit.repo, commit.id, count, 0)

    def copy_file(self, source: Address, target: Address, *, append: bool) -> Put:
        """Put a file or folder at another place."""
        commit, count = files.copy_path(self.store, source, target, append=append)
        return Put(commit.repo, commit.id, count, 0)


class LocalPipelines:
    """What `platform.protocol.Pipelines` asks, of a store. `executor` is how programs will run."""

    store: Store
    executor: Executor | None = None

    def create_pipelines(self, specs: Sequence[Spec], wanted: Wanted) -> list[Change]:
        """Make or change pipelines, upstream first, all of them or none."""
        return pipelines.create_pipelines(
            self.store,
            specs,
            source=wanted.source,
            arguments=dict(wanted.arguments),
            update=wanted.update,
            make_repos=wanted.make_repos,
            reprocess=wanted.reprocess,
            secrets=wanted.secrets,
            dry_run=wanted.dry_run,
            executor=self.executor,
        )

    def list_pipelines(self, names: Iterable[str] | None = None, *, history: int = 0) -> list[Pipeline]:
        """Return the pipelines, or those of these names, upstream first, with so many earlier versions of each."""
        if names is not None:
            found = [pipelines.inspect_pipeline(self.store, name) for name in names]
        else:
            by_name = {each.name: each for each in catalog.pipelines(self.store)}
            inputs = {name: {part.repo for part in each.spec.inputs()} for name, each in by_name.items()}
            found = [by_name[name] for name in pipeline_order(inputs)]
        return [
            make_pipeline(version, self._last_job(each.name))
            for each in found
            for version in (each, *self._earlier(each, history))
        ]

    def _earlier(self, pipeline: catalog.Pipeline, history: int) -> Iterator[catalog.Pipeline]:
        oldest = 0 if history < 0 else max(pipeline.version - 1 - history, 0)
        for number in range(pipeline.version - 1, oldest, -1):
            yield catalog.version(self.store, pipeline.row, number)

    def _last_job(self, pipeline: str) -> Job | None:
        return next(
            (make_job(self.store, each) for each in records.list_jobs(self.store, pipeline=pipeline, limit=1)), None
        )

    def inspect_pipeline(self, pipeline: str) -> Pipeline:
        """Return one pipeline."""
        return self.list_pipelines([pipeline])[0]

    def delete_pipeline(self, pipeline: str, *, force: bool, keep_repo: bool) -> None:
        """Remove a pipeline, its jobs and what it made."""
        pipelines.delete_pipeline(self.store, pipeline, keep_repo=keep_repo, force=force)

    def delete_pipelines(self, *, keep_repo: bool) -> list[str]:
        """Remove every pipeline; return their names."""
        return list(pipelines.delete_all_pipelines(self.store, keep_repo=keep_repo))

    def run_pipeline(self, pipeline: str) -> None:
        """Run a pipeline on its inputs as they are."""
        pipelines.run_pipeline(self.store, pipeline)

    def rerun_pipeline(self, pipeline: str, *, reprocess: bool) -> None:
        """Run a pipeline as a new version of the same spec."""
        pipelines.rerun_pipeline(self.store, pipeline, reprocess=reprocess)

    def stop_pipeline(self, pipeline: str) -> int:
        """End a pipeline's jobs, and let it have none; return how many were ended."""
        return pausing.stop_pipeline(self.store, pipeline)

    def start_pipeline(self, pipeline: str) -> bool:
        """Let a stopped pipeline run; return whether it was stopped."""
        return pausing.start_pipeline(self.store, pipeline)

    def run_cron(self, pipeline: str) -> None:
        """Make the cron inputs of a pipeline tick."""
        found = [part for part in pipelines.inspect_pipeline(self.store, pipeline).spec.inputs() if part.is_cron]
        if not found:
            raise UsageError(f"The pipeline {pipeline} has no cron input.")
        for part in found:
            ticks.tick(self.store, part, ticks.utc_now())

    def list_jobs(
        self,
        *,
        pipeline: str | None = None,
        commit: str | None = None,
        inputs: Sequence[Address] = (),
        states: Sequence[str] = (),
        history: int = 0,
        limit: int = -1,
        details: bool = False,
    ) -> list[Job]:
        """Return jobs, newest first; with `details` each has its spec."""
        found = queries.find_jobs(
            self.store,
            pipeline=pipeline,
            commit=commit,
            inputs=inputs,
            states=states,
            history=history,
            limit=limit,
        )
        return [make_job(self.store, each, details=details) for each in found]

    def find_jobs(self, text: str) -> list[Job]:
        """Return the job `pipeline@id`, or all of an id."""
        return [make_job(self.store, each) for each in queries.find_one_or_set(self.store, text)]

    def inspect_job(self, job: str) -> Job:
        """Return the job `pipeline@id`, or the last of a pipeline, with its spec."""
        return make_job(self.store, records.find_job(self.store, job), details=True)

    def stop_job(self, text: str) -> list[Job]:
        """End the job `pipeline@id`, or all of an id; return those that had not ended."""
        found = queries.find_one_or_set(self.store, text)
        return [make_job(self.store, each) for each in found if kill_job(self.store, each.row, "job stopped")]

    def delete_job(self, job: str) -> None:
        """Take a job off the list, with its logs; one that runs is ended first."""
        found = records.find_job(self.store, job, exact=True)
        kill_job(self.store, found.row, "job deleted")
        history.delete_job(self.store, records.find_job(self.store, f"{found.pipeline}@{found.id}"))

    def wait_for_jobs(self, commit: str = "") -> Iterator[list[Job]]:
        """Yield the jobs under an id, or all that are outstanding, until another process has ended them."""
        of_id = commit or None
        rows = {each.row for each in records.list_jobs(self.store, commit=of_id) if commit or each.outstanding}
        while True:
            found = [each for each in records.list_jobs(self.store, commit=of_id) if each.row in rows]
            yield [make_job(self.store, each) for each in found]
            if not any(each.outstanding for each in found):
                return
            time.sleep(_LOOK_S)

    def list_datums(self, job: str) -> list[Datum]:
        """Return the datums of the job `pipeline@id`."""
        return [_datum(each) for each in records.list_datums(self.store, records.find_job(self.store, job))]

    def plan_datums(self, spec: Spec) -> list[Datum]:
        """Return the datums that a spec would have."""
        return [_datum(each) for each in queries.plan_datums(self.store, spec)]

    def inspect_datum(self, job: str, datum: str) -> Datum:
        """Return one datum of a job, by (the start of) its id."""
        return _datum(records.find_datum(self.store, records.find_job(self.store, job), datum))

    def find_log(self, datum: Datum) -> Path:
        """Return the file in which what the program wrote for a datum is kept."""
        return self.store.log(datum.job, datum.pipeline, datum.id)

    def restart_datum(self, job: str, paths: Sequence[str]) -> list[str]:
        """Begin the datum of a running job again that reads all these paths; return what it is called."""
        return queries.restart_datums(self.store, records.find_job(self.store, job, exact=True), list(paths))

    def read_logs(self, query: Mapping[str, Any]) -> Iterator[LogLine]:
        """Yield what programs wrote, datum by datum."""
        job = records.find_job(self.store, str(query.get("job") or query["pipeline"]))
        for each in records.list_datums(self.store, job):
            if str(query.get("datum") or "") not in ("", each.id):
                continue
            with contextlib.suppress(FileNotFoundError), each.log.open("rb") as log:
                for line in log:
                    text = line.decode("utf-8", "replace").rstrip("\r\n")
                    user = not text.startswith("--- ")
                    yield LogLine(each.pipeline, each.job, each.id, text, each.started or None, user)


class LocalPlatform(LocalRepos, LocalFiles, LocalPipelines):
    """The engine of this machine, in a `with` statement."""

    name = LOCAL
    project = DEFAULT_PROJECT

    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> Self:
        self.store.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.store.__exit__(*error)


def _branch(found: branches.BranchInfo) -> Branch:
    return Branch(
        found.repo,
        found.name,
        found.head.id if found.head else None,
        found.created,
        found.trigger,
        found.direct_provenance,
        found.provenance,
        found.subvenance,
    )


def make_commit(store: Store, commit: references.Commit) -> Commit:
    """Return the record of a commit of the store."""
    files_, size = store.trees.totals(commit.tree)
    before = references.parent(store, commit)
    failed = commit.state == "failed"
    jobs = records.list_jobs(store, pipeline=commit.repo, commit=commit.id) if failed else []
    return Commit(
        commit.repo,
        commit.branch,
        commit.id,
        commit.state,
        commit.origin,
        commit.description,
        commit.created,
        commit.finished,
        before.id if before else "",
        files_,
        size,
        jobs[0].reason if jobs else "",
    )


def _file(commit: references.Commit, found: listing.Listed, original: str = "") -> File:
    return File(commit.repo, commit.id, found.path, found.size, found.files, found.hash, commit.finished, original)


def make_job(store: Store, job: records.Job, *, details: bool = False) -> Job:
    """Return the record of a job of the store, with `details` with its spec."""
    spec = catalog.version(store, job.pipeline_row, job.version).spec.document if details else None
    return Job(
        job.id,
        job.pipeline,
        job.version,
        job.state,
        job.reason,
        job.total,
        job.processed,
        job.skipped,
        job.failed,
        job.recovered,
        job.created,
        job.started,
        job.finished,
        job.code,
        records.sum_effort(store, job),
        spec,
    )


def _datum(found: records.DatumRecord) -> Datum:
    effort = Effort(found.seconds, found.read_bytes, found.written_bytes)
    return Datum(found.id, found.job, found.pipeline, found.state, found.reason, found.inputs, effort, found.tries)


def make_pipeline(pipeline: catalog.Pipeline, last: Job | None) -> Pipeline:
    """Return the record of a pipeline of the store; `last` is its newest job."""
    return Pipeline(
        pipeline.name,
        pipeline.version,
        pipeline.spec.description,
        pipeline.created,
        find_state(pipeline, last),
        "",
        pipeline.stopped,
        pipeline.spec.document,
        ", ".join(f"{part.repo}@{part.branch}:{part.glob}" for part in pipeline.spec.inputs()),
        pipeline.spec.output_branch,
        last,
        pipeline.spec_commit,
        pipeline.source,
        pipeline.arguments,
        pipeline.secrets,
    )


def find_state(pipeline: catalog.Pipeline, last: Job | None) -> str:
    """Return the state as a pachd would name it: with `autoscaling` a pipeline without work stands by."""
    if pipeline.stopped:
        return "paused"
    busy = last is not None and last.outstanding
    return "standby" if pipeline.spec.document.get("autoscaling") and not busy else "running"


def _say_removed(removed: history.Removed) -> str:
    return f"commit {removed.id}: removed from {', '.join(removed.commits)}, with {removed.jobs} jobs"
