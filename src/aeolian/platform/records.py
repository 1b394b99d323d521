"""What an engine answers with: one record for each kind of thing, the same wherever it runs.

Times are seconds since 1970, sizes bytes. Names of repos and pipelines are full: `project/name` outside the project
`default`. `raw`, where an engine has it, is the message from which the record was made, as `pachctl --raw` prints it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Project:
    """A project as it is listed."""

    name: str
    description: str
    created: float | None
    raw: Message | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Repo:
    """A repo as it is listed; `size` and `files` are those of its `master`. `pipeline` is true for an output repo.

    `files` is None where an engine would have to count them.
    """

    name: str
    description: str
    created: float | None
    branches: tuple[str, ...]
    files: int | None
    size: int
    pipeline: bool
    raw: Message | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class BranchTrigger:
    """When a branch's head moves to that of `branch`: `size` is in bytes and their thousands (`100M`)."""

    branch: str
    size: str = ""
    commits: int = 0
    cron_spec: str = ""
    all: bool = False
    rate_limit_spec: str = ""

    def __str__(self) -> str:
        terms = [f"size {self.size}"] * bool(self.size) + [f"commits {self.commits}"] * bool(self.commits)
        terms += [f"rate limit {self.rate_limit_spec}"] * bool(self.rate_limit_spec)
        terms += [f"cron {self.cron_spec}"] * bool(self.cron_spec)
        joined = (" and " if self.all else " or ").join(terms)
        return f"{self.branch} on {joined}" if terms else self.branch


BranchName = tuple[str, str]  # of a repo, and of a branch of it


@dataclass(frozen=True)
class Branch:
    """A branch as it is listed. `provenance` is all that it is made from, `subvenance` all that is made from it."""

    repo: str
    name: str
    head: str | None
    created: float | None
    trigger: BranchTrigger | None
    direct_provenance: tuple[BranchName, ...]
    provenance: tuple[BranchName, ...]
    subvenance: tuple[BranchName, ...]
    raw: Message | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Commit:
    """A commit. state: open, finished, failed (`error` says why). origin: user, auto.

    `parent` is the id of the commit before, "" for none. `files` is None where an engine would have to count them.
    """

    repo: str
    branch: str
    id: str
    state: str
    origin: str
    description: str
    created: float
    finished: float | None
    parent: str
    files: int | None
    size: int
    error: str = ""
    raw: Message | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class File:
    """A file, or a folder (its path ends in `/`) with all below it. `hash` is hexadecimal.

    `commit` is the id of the commit in which it was looked at. `files` is None where an engine would have to count
    them. `original` is the name that it had outside, "" where that is its path.
    """

    repo: str
    commit: str
    path: str
    size: int
    files: int | None
    hash: str
    committed: float | None
    original: str = ""
    raw: Message | None = field(default=None, compare=False, repr=False)

    @property
    def type(self) -> str:
        """`file` or `dir`."""
        return "dir" if self.path.endswith("/") else "file"


@dataclass(frozen=True)
class Effort:
    """What running took: seconds of each phase (download, process, upload), bytes of inputs and of outputs."""

    seconds: Mapping[str, float]
    read_bytes: int
    written_bytes: int


@dataclass(frozen=True)
class Job:
    """A pipeline's work under one commit id.

    state: created, starting, running, egressing, finishing, success, failure, unrunnable, killed. `spec` is that of the
    pipeline in the job's version, where it was asked for. `code` is the hash of the program, where an engine knows it.
    """

    id: str
    pipeline: str
    version: int
    state: str
    reason: str
    total: int
    processed: int
    skipped: int
    failed: int
    recovered: int
    created: float | None
    started: float | None
    finished: float | None
    code: str = ""
    effort: Effort | None = None
    spec: Message | None = None
    raw: Message | None = field(default=None, compare=False, repr=False)

    @property
    def outstanding(self) -> bool:
        """Whether it is still to be done, or at work."""
        return self.state not in ("success", "failure", "unrunnable", "killed")


@dataclass(frozen=True)
class Datum:
    """One datum of one job. state: success, skipped, failed, recovered, starting, running.

    Each of `inputs` has `repo`, `commit`, `path`, `size`, `hash` and `is_file`.
    """

    id: str
    job: str
    pipeline: str
    state: str
    reason: str
    inputs: tuple[Message, ...]
    effort: Effort
    tries: int = 0
    raw: Message | None = field(default=None, compare=False, repr=False)

    @property
    def label(self) -> str:
        """What a person calls it: `songs:/a.mp3`."""
        return " × ".join(f"{part['repo']}:{part['path']}" for part in self.inputs)


@dataclass(frozen=True)
class Pipeline:
    """A pipeline. state: starting, running, restarting, failure, paused, standby, crashing (`reason` says why).

    `spec` is what was asked for; `last_job` its newest job. An engine of this machine tells its program's folder
    (`source`), the flags that were set, and where its secrets are read.
    """

    name: str
    version: int
    description: str
    created: float | None
    state: str
    reason: str
    stopped: bool
    spec: Message
    inputs: str
    output_branch: str
    last_job: Job | None = None
    spec_commit: str = ""
    source: Path | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    secrets: tuple[Any, ...] = ()
    raw: Message | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Put:
    """What a put did: the commit, and (original, stored) of each name that had to change.

    `left_out` has what a folder held that could not be read, with the reason.
    """

    repo: str
    commit: str
    files: int
    size: int
    renamed: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LogLine:
    """A line of a log. `datum` is the id of the datum, "" where it is of none; `user` is false for the engine's own."""

    pipeline: str
    job: str
    datum: str
    text: str
    moment: float | None
    user: bool = True
    raw: Message | None = field(default=None, compare=False, repr=False)
