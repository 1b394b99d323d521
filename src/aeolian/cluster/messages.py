"""Pachyderm's messages, as protobuf's JSON with snake_case names has them, made into `platform`'s records.

Every function is pure: a dictionary in, a record out. What is empty or zero is not in a message.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aeolian.platform.records import (
    Branch,
    BranchTrigger,
    Commit,
    Datum,
    Effort,
    File,
    Job,
    LogLine,
    Pipeline,
    Project,
    Repo,
)
from aeolian.platform.specs.names import full_name

_FRACTION = re.compile(r"\.(\d+)")


def read_time(text: str | None) -> float | None:
    """Return a moment of RFC 3339 as seconds since 1970; None for none."""
    if not text:
        return None
    # Python 3.11 reads six digits of a second at most.
    short = _FRACTION.sub(lambda found: f".{found[1][:6]}", text.replace("Z", "+00:00"))
    return datetime.fromisoformat(short).timestamp()


def read_duration(text: str | None) -> float:
    """Return a duration of protobuf's JSON (`1.5s`) in seconds."""
    return float(str(text).removesuffix("s")) if text else 0.0


def name_of(message: Mapping[str, Any]) -> str:
    """Return the full name of a repo or pipeline."""
    return full_name(message["name"], message.get("project", {}).get("name", ""))


def make_project(message: Mapping[str, Any]) -> Project:
    """Return the project of a `ProjectInfo`."""
    created = read_time(message.get("created_at"))
    return Project(message["project"]["name"], message.get("description", ""), created, message)


def make_repo(message: Mapping[str, Any], *, pipeline: bool) -> Repo:
    """Return the repo of a `RepoInfo`; `pipeline`: whether one writes it."""
    size = message.get("details", {}).get("size_bytes") or message.get("size_bytes_upper_bound", 0)
    branches = tuple(sorted(branch["name"] for branch in message.get("branches", ())))
    created = read_time(message.get("created"))
    return Repo(
        name_of(message["repo"]), message.get("description", ""), created, branches, None, int(size), pipeline, message
    )


def make_branch(message: Mapping[str, Any]) -> Branch:
    """Return the branch of a `BranchInfo`."""

    def names(key: str) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((name_of(each["repo"]), each["name"]) for each in message.get(key, ())))

    head = message.get("head")
    return Branch(
        name_of(message["branch"]["repo"]),
        message["branch"]["name"],
        head["id"] if head else None,
        read_time(message.get("created_at")),
        _make_trigger(message.get("trigger")),
        names("direct_provenance"),
        names("provenance"),
        names("subvenance"),
        message,
    )


def _make_trigger(message: Mapping[str, Any] | None) -> BranchTrigger | None:
    if not message:
        return None
    return BranchTrigger(
        message.get("branch", ""),
        message.get("size", ""),
        int(message.get("commits", 0)),
        message.get("cron_spec", ""),
        bool(message.get("all", False)),
        message.get("rate_limit_spec", ""),
    )


def make_commit(message: Mapping[str, Any]) -> Commit:
    """Return the commit of a `CommitInfo`."""
    commit, finished = message["commit"], read_time(message.get("finished"))
    error = message.get("error", "")
    size = message.get("details", {}).get("size_bytes") or message.get("size_bytes_upper_bound", 0)
    return Commit(
        name_of(commit["repo"]),
        (commit.get("branch") or {}).get("name", ""),
        commit["id"],
        "open" if finished is None else "failed" if error else "finished",
        message.get("origin", {}).get("kind", "user").lower(),
        message.get("description", ""),
        read_time(message.get("started")) or 0.0,
        finished,
        (message.get("parent_commit") or {}).get("id", ""),
        None,
        int(size),
        error,
        message,
    )


def make_file(message: Mapping[str, Any]) -> File:
    """Return the file of a `FileInfo`."""
    file = message["file"]
    return File(
        name_of(file["commit"]["repo"]),
        file["commit"].get("id", ""),
        file.get("path") or "/",
        int(message.get("size_bytes", 0)),
        None,
        _read_hash(message.get("hash", "")),
        read_time(message.get("committed")),
        "",
        message,
    )


def _read_hash(text: str) -> str:
    try:
        return base64.b64decode(text).hex()
    except binascii.Error:
        return ""


def make_job(message: Mapping[str, Any]) -> Job:
    """Return the job of a `JobInfo`."""
    job = message["job"]
    processed, skipped, total, failed, recovered = (
        int(message.get(f"data_{which}", 0)) for which in ("processed", "skipped", "total", "failed", "recovered")
    )
    return Job(
        job["id"],
        name_of(job["pipeline"]),
        int(message.get("pipeline_version", 0)),
        message.get("state", "JOB_STATE_UNKNOWN").removeprefix("JOB_").lower(),
        message.get("reason", ""),
        total,
        processed,
        skipped,
        failed,
        recovered,
        read_time(message.get("created")),
        read_time(message.get("started")),
        read_time(message.get("finished")),
        effort=make_effort(message.get("stats", {})),
        spec=message.get("details"),
        raw=message,
    )


def make_effort(stats: Mapping[str, Any]) -> Effort:
    """Return what running took, of `ProcessStats`."""
    seconds = {phase: read_duration(stats.get(f"{phase}_time")) for phase in ("download", "process", "upload")}
    return Effort(seconds, int(stats.get("download_bytes", 0)), int(stats.get("upload_bytes", 0)))


def make_datum(message: Mapping[str, Any]) -> Datum:
    """Return the datum of a `DatumInfo`; one of a plan has no job."""
    datum = message.get("datum", {})
    job = datum.get("job") or {}
    return Datum(
        datum.get("id", ""),
        job.get("id", ""),
        name_of(job["pipeline"]) if job.get("pipeline") else "",
        message.get("state", "UNKNOWN").lower(),
        "",
        tuple(_make_input(each) for each in message.get("data", ())),
        make_effort(message.get("stats", {})),
        raw=message,
    )


def _make_input(message: Mapping[str, Any]) -> dict[str, Any]:
    file = make_file(message)
    return {
        "repo": file.repo,
        "commit": file.commit,
        "path": file.path,
        "size": file.size,
        "hash": file.hash,
        "is_file": file.type == "file",
    }


def make_pipeline(message: Mapping[str, Any], last: Job | None = None) -> Pipeline:
    """Return the pipeline of a `PipelineInfo`; `last` is its newest job."""
    details = message.get("details", {})
    written = json.loads(message.get("user_spec_json") or "{}")
    return Pipeline(
        name_of(message["pipeline"]),
        int(message.get("version", 0)),
        details.get("description", ""),
        read_time(details.get("created_at")),
        message.get("state", "").removeprefix("PIPELINE_").lower(),
        message.get("reason", ""),
        bool(message.get("stopped", False)),
        written or {"pipeline": message["pipeline"], **details},
        write_input(details.get("input", {})),
        details.get("output_branch", "master"),
        last,
        raw=message,
    )


def write_input(message: Mapping[str, Any]) -> str:
    """Return what a pipeline reads, as a person writes it: `songs@master:/*, seeds@master:/`."""
    return ", ".join(
        f"{part['repo']}@{part.get('branch', 'master')}:{part.get('glob', '')}" for part in list_inputs(message)
    )


def list_inputs(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the `pfs` and `cron` inputs of an `Input`, in order; `repo` is a full name."""
    for kind in ("cross", "join", "group", "union"):
        if message.get(kind):
            return [part for each in message[kind] for part in list_inputs(each)]
    if cron := message.get("cron"):
        return [{**cron, "repo": full_name(cron.get("repo", ""), cron.get("project", "")), "glob": "/"}]
    part = message.get("pfs")
    return [{**part, "repo": full_name(part.get("repo", ""), part.get("project", ""))}] if part else []


def make_log_line(message: Mapping[str, Any]) -> LogLine:
    """Return the line of a `LogMessage`."""
    return LogLine(
        full_name(message.get("pipeline_name", ""), message.get("project_name", "")),
        message.get("job_id", ""),
        message.get("datum_id", ""),
        str(message.get("message", "")).rstrip("\n"),
        read_time(message.get("ts")),
        bool(message.get("user", False)),
        message,
    )
