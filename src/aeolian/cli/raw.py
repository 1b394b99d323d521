"""Records of repos, commits and files as pachctl's `--raw` writes them: protobuf's JSON with snake_case names.

64-bit numbers are texts, times RFC 3339, durations `0.050s`, enums upper case; what is empty or zero is left out.
Every function here is pure: a record in, a dictionary out. What a pachd told is printed as it told it.
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from aeolian.cli.output import Message
from aeolian.platform.records import Branch, Commit, File, Project, Repo
from aeolian.platform.specs.names import DEFAULT_PROJECT, split_name

PROJECT = DEFAULT_PROJECT


def make_message(**fields: object) -> Message:
    """Return the fields that are neither empty nor zero, as protobuf's JSON has them."""
    return {name: value for name, value in fields.items() if value not in (None, "", 0, False, "0", (), [], {})}


def write_time(seconds: float | None) -> str:
    """Return a moment in seconds since 1970 as RFC 3339, in UTC; "" for none."""
    if seconds is None:
        return ""
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.removesuffix("000").removesuffix(".000") + "Z"


def write_duration(seconds: float) -> str:
    """Return a duration as protobuf's JSON has it: `0.050s`, `2s`; "" for none at all."""
    text = f"{seconds:.6f}".removesuffix("000").removesuffix(".000")
    return "" if text == "0" else f"{text}s"


def make_repo(name: str) -> Message:
    """Return how messages name a repo."""
    project, own = split_name(name)
    return {"name": own, "type": "user", "project": {"name": project}}


def make_commit(repo: str, id_: str) -> Message:
    """Return how messages name a commit."""
    return {"repo": make_repo(repo), "id": id_}


def make_branch(repo: str, name: str) -> Message:
    """Return how messages name a branch."""
    return {"repo": make_repo(repo), "name": name}


def make_repo_info(repo: Repo, *, details: bool = False) -> Message:
    """Return a `RepoInfo`; `inspect` has the details too."""
    if repo.raw is not None:
        return dict(repo.raw)
    return make_message(
        repo=make_repo(repo.name),
        created=write_time(repo.created),
        size_bytes_upper_bound=str(repo.size),
        description=repo.description,
        branches=[make_branch(repo.name, branch) for branch in repo.branches],
        details={"size_bytes": str(repo.size)} if details else None,
    )


def make_project_info(project: Project) -> Message:
    """Return a `ProjectInfo`."""
    if project.raw is not None:
        return dict(project.raw)
    return make_message(
        project={"name": project.name}, description=project.description, created_at=write_time(project.created)
    )


def make_branch_info(branch: Branch) -> Message:
    """Return a `BranchInfo`."""
    if branch.raw is not None:
        return dict(branch.raw)
    rule = branch.trigger
    return make_message(
        branch=make_branch(branch.repo, branch.name),
        head=make_commit(branch.repo, branch.head) if branch.head else None,
        provenance=[make_branch(*each) for each in branch.provenance],
        subvenance=[make_branch(*each) for each in branch.subvenance],
        direct_provenance=[make_branch(*each) for each in branch.direct_provenance],
        trigger=rule
        and make_message(
            branch=rule.branch,
            all=rule.all,
            cron_spec=rule.cron_spec,
            size=rule.size,
            commits=str(rule.commits),
        ),
    )


def make_commit_info(commit: Commit) -> Message:
    """Return a `CommitInfo`."""
    if commit.raw is not None:
        return dict(commit.raw)
    return make_message(
        commit=make_commit(commit.repo, commit.id),
        origin={"kind": commit.origin.upper()},
        description=commit.description,
        parent_commit=make_commit(commit.repo, commit.parent) if commit.parent else None,
        started=write_time(commit.created),
        finishing=write_time(commit.finished),
        finished=write_time(commit.finished),
        error=commit.error,
        size_bytes_upper_bound=str(commit.size),
        details=make_message(size_bytes=str(commit.size)) if commit.finished else None,
    )


def make_commit_set_info(id_: str, commits: Sequence[Message]) -> Message:
    """Return a `CommitSetInfo` of the `CommitInfo`s under one id."""
    return {"commit_set": {"id": id_}, "commits": list(commits)}


def group_by_id(infos: Iterable[Message], kind: str) -> dict[str, list[Message]]:
    """Return `CommitInfo`s or `JobInfo`s by their id, in the order in which the ids come."""
    groups: dict[str, list[Message]] = {}
    for info in infos:
        groups.setdefault(info[kind]["id"], []).append(info)
    return groups


def make_file(repo: str, commit: str, path: str) -> Message:
    """Return how messages name a file; with the `datum` of what a user put, which a folder (`/a/`) has not."""
    return {"commit": make_commit(repo, commit), "path": path} | ({} if path.endswith("/") else {"datum": "default"})


def make_file_info(repo: str, commit: str, path: str, size: int, hash_: str, committed: float | None) -> Message:
    """Return a `FileInfo`; a folder's path ends in `/`. `hash_` is hexadecimal."""
    return make_message(
        file=make_file(repo, commit, path),
        file_type="DIR" if path.endswith("/") else "FILE",
        committed=write_time(committed),
        size_bytes=str(size),
        hash=base64.b64encode(bytes.fromhex(hash_)).decode(),
    )


def make_listed(file: File) -> Message:
    """Return a `FileInfo` of a file or folder that was looked at."""
    if file.raw is not None:
        return dict(file.raw)
    return make_file_info(file.repo, file.commit, file.path, file.size, file.hash, file.committed)
