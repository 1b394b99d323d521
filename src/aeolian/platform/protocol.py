"""What is asked of an engine: the verbs of the command line, as methods that answer with `records`.

Names of repos and pipelines are full (`project/name` outside the project `default`). What cannot be done raises
`UsageError` with what is there instead.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from aeolian.platform.addresses import Address
from aeolian.platform.records import (
    Branch,
    BranchName,
    BranchTrigger,
    Commit,
    Datum,
    File,
    Job,
    LogLine,
    Pipeline,
    Project,
    Put,
    Repo,
)
from aeolian.platform.sources.selection import Item
from aeolian.platform.specs.spec import Spec

Report = Callable[[int, int, str], None]


class Done(NamedTuple):
    """What a change has to say, and whether it was done: in a transaction it is gathered, and done at its end."""

    said: str = ""
    done: bool = True


@dataclass(frozen=True)
class Wanted:
    """How pipelines are to be made or changed.

    `update` False refuses one that exists, True changes it, None leaves one alone that is as it should be. `arguments`
    are flags of the command of each. `source` is the folder that its program sees as /src, `secrets` where secrets are
    read: an engine of this machine wants those.
    """

    update: bool | None = None
    reprocess: bool = False
    make_repos: bool = False
    dry_run: bool = False
    arguments: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    source: Path | None = None
    secrets: tuple[Any, ...] = ()


@dataclass(frozen=True)
class LogQuery:
    """Which lines of logs: of a pipeline, or of the job `pipeline@id`; of it a datum, or what reads these `inputs`.

    `since_s`: not older. `follow`: go on as they come. `master`: of how the job goes, instead of its programs.
    """

    pipeline: str = ""
    job: str = ""
    datum: str = ""
    inputs: tuple[str, ...] = ()
    since_s: float | None = None
    follow: bool = False
    master: bool = False


@dataclass(frozen=True)
class Change:
    """What happened to one pipeline: `created`, `updated` or `unchanged`; repos that were made for it; its spec."""

    pipeline: str
    what: str
    spec: Spec
    new_repos: tuple[str, ...] = ()


class Repos(Protocol):
    """Projects, repos, branches and commits."""

    def create_project(self, project: str, description: str) -> None:
        """Make a project."""

    def update_project(self, project: str, description: str) -> None:
        """Change what a project is for."""

    def delete_project(self, project: str, *, force: bool) -> None:
        """Remove an empty project, or with `force` one with all that it holds."""

    def list_projects(self) -> list[Project]:
        """Return every project, `default` first."""

    def inspect_project(self, project: str) -> Project:
        """Return one project."""

    def create_repo(self, repo: str, description: str) -> Done:
        """Make an empty repo."""

    def update_repo(self, repo: str, description: str) -> Done:
        """Change what a repo is for."""

    def delete_repo(self, repo: str, *, force: bool) -> Done:
        """Remove a repo and its history."""

    def delete_repos(self, project: str | None) -> list[str]:
        """Remove all repos of a project, or of all, that are no pipeline's; return their names."""

    def list_repos(self, project: str | None) -> list[Repo]:
        """Return the repos of a project, or of all."""

    def inspect_repo(self, repo: str) -> Repo:
        """Return one repo."""

    def create_branch(
        self,
        branch: Address,
        *,
        head: str = "",
        provenance: Sequence[BranchName] = (),
        trigger: BranchTrigger | None = None,
    ) -> Done:
        """Make a branch, or change one that is there."""

    def list_branches(self, repo: str) -> list[Branch]:
        """Return the branches of a repo, the newest first."""

    def inspect_branch(self, branch: Address) -> Branch:
        """Return one branch."""

    def delete_branch(self, branch: Address, *, force: bool) -> Done:
        """Take a branch's name away."""

    def start_commit(self, branch: Address, *, parent: str = "", description: str = "") -> Done:
        """Open a commit; what it says is the commit's id."""

    def finish_commit(self, commit: Address, *, description: str = "") -> Done:
        """Close an open commit."""

    def list_commits(self, place: Address | None, *, whole_repo: bool = False, since: str = "") -> list[Commit]:
        """Return commits, newest first: of a branch with its ancestors (as far as `since`), of a repo, or all."""

    def find_set(self, text: str, project: str) -> list[Commit] | None:
        """Return the commits under an id; None where `text` is none, but may be a repo of `project`."""

    def inspect_commit(self, commit: Address) -> Commit:
        """Return one commit."""

    def wait_commit(self, commit: Address) -> Commit:
        """Return a commit when it is closed."""

    def subscribe_commits(self, branch: Address, *, since: str = "", new: bool = False) -> Iterator[Commit]:
        """Yield each commit of a branch when it is closed, those that are there (after `since`) first unless `new`."""

    def find_changes(self, path: Address, *, limit: int = 0) -> Iterator[tuple[str, bool]]:
        """Yield ids of commits back from one, and whether a file or folder changed there; `limit` ends it."""

    def jobs_of_commit(self, commit: Commit) -> list[Job]:
        """Return the jobs under a commit's id."""

    def squash_commit(self, text: str) -> str:
        """Remove a commit set whose content later commits have; return what is to be said."""

    def delete_commit(self, text: str) -> str:
        """Remove the newest commit set of its branches; return what is to be said."""


class Files(Protocol):
    """What commits hold."""

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
        """Put files in one commit, or into the open commit at `place`: all of them or none.

        With `append` a file goes behind what its path has; `strict` refuses names that would be changed; with `whole`
        a file that was found and cannot be read stops the put.
        """

    def read_file(self, file: Address, offset: int = 0) -> Iterator[bytes]:
        """Yield the content of one file from a byte on, in blocks. The path may be a glob that matches one."""

    def get_file(self, file: Address, target: Path, offset: int = 0) -> None:
        """Write one file to `target`, whole or not at all."""

    def get_folder(self, folder: Address, target: Path) -> int:
        """Write every file below `folder` below `target`; return how many."""

    def list_files(self, folder: Address) -> list[File]:
        """Return what is directly in a folder."""

    def glob_files(self, glob: Address) -> list[File]:
        """Return the files and folders that the path matches."""

    def inspect_file(self, file: Address) -> File:
        """Return a file or folder."""

    def delete_file(self, file: Address, *, recursive: bool) -> Put:
        """Remove a file, or a folder with all below it."""

    def copy_file(self, source: Address, target: Address, *, append: bool) -> Put:
        """Put a file or folder at another place."""


class Pipelines(Protocol):
    """What is run on what commits hold."""

    def create_pipelines(self, specs: Sequence[Spec], wanted: Wanted) -> list[Change]:
        """Make or change pipelines, upstream first."""

    def list_pipelines(self, names: Iterable[str] | None = None, *, history: int = 0) -> list[Pipeline]:
        """Return the pipelines, or those of these names, with so many earlier versions of each (-1: all)."""

    def inspect_pipeline(self, pipeline: str) -> Pipeline:
        """Return one pipeline."""

    def delete_pipeline(self, pipeline: str, *, force: bool, keep_repo: bool) -> None:
        """Remove a pipeline, its jobs and what it made."""

    def delete_pipelines(self, *, keep_repo: bool) -> list[str]:
        """Remove every pipeline; return their names."""

    def run_pipeline(self, pipeline: str) -> None:
        """Run a pipeline on its inputs as they are."""

    def rerun_pipeline(self, pipeline: str, *, reprocess: bool) -> None:
        """Run a pipeline as a new version of the same spec."""

    def stop_pipeline(self, pipeline: str) -> int:
        """End a pipeline's jobs, and let it have none; return how many were ended."""

    def start_pipeline(self, pipeline: str) -> bool:
        """Let a stopped pipeline run; return whether it was stopped."""

    def run_cron(self, pipeline: str) -> None:
        """Make the cron inputs of a pipeline tick."""

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

    def find_jobs(self, text: str) -> list[Job]:
        """Return the job `pipeline@id`, or all of an id."""

    def inspect_job(self, job: str) -> Job:
        """Return the job `pipeline@id`, or the last of a pipeline, with its spec."""

    def stop_job(self, text: str) -> list[Job]:
        """End the job `pipeline@id`, or all of an id; return those that had not ended."""

    def delete_job(self, job: str) -> None:
        """Take a job off the list."""

    def wait_for_jobs(self, commit: str = "") -> Iterator[list[Job]]:
        """Yield the jobs under an id, or all that are outstanding, again and again until they have ended."""

    def list_datums(self, job: str) -> list[Datum]:
        """Return the datums of the job `pipeline@id`."""

    def plan_datums(self, spec: Spec) -> list[Datum]:
        """Return the datums that a spec would have."""

    def inspect_datum(self, job: str, datum: str) -> Datum:
        """Return one datum of a job, by (the start of) its id."""

    def restart_datum(self, job: str, paths: Sequence[str]) -> list[str]:
        """Begin the datum of a running job again that reads all these paths; return what it is called."""

    def read_logs(self, query: LogQuery) -> Iterator[LogLine]:
        """Yield what programs wrote."""


class Platform(Repos, Files, Pipelines, Protocol):
    """An engine, in a `with` statement. `name` is that of its context, `project` the one of names without any."""

    name: str
    project: str

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        """End."""
