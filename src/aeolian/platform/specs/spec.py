"""A pipeline spec as the engine uses it: frozen, checked, with defaults filled in."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from aeolian.platform.specs.check import check
from aeolian.platform.specs.documents import Document
from aeolian.platform.specs.durations import seconds
from aeolian.platform.specs.names import DEFAULT_PROJECT, full_name
from aeolian.platform.specs.problems import Problems
from aeolian.platform.specs.triggers import Trigger, read_trigger

DEFAULT_BRANCH = "master"
DEFAULT_TRIES = 3
Kind = Literal["cross", "join", "group", "union"]


@dataclass(frozen=True)
class Pfs:
    """Files of one branch, cut into datums by a glob. A cron input is one of these too, on its own repo.

    `repo` is a full name (`project/name` but in the project `default`). `schedule`, `start` (RFC 3339, "" for when the
    pipeline is made) and `overwrite` are a cron input's. A `trigger` says when `branch` moves to the head of its own.
    """

    name: str
    repo: str
    branch: str
    glob: str
    join_on: str = ""
    outer_join: bool = False
    group_by: str = ""
    empty_files: bool = False
    reference: bool = False
    triggers: bool = True
    is_cron: bool = False
    schedule: str = ""
    start: str = ""
    overwrite: bool = False
    trigger: Trigger | None = None


@dataclass(frozen=True)
class Many:
    """Inputs put together."""

    kind: Kind
    inputs: "tuple[Pfs | Many, ...]"


Input = Pfs | Many


@dataclass(frozen=True)
class Secret:
    """A secret of the cluster, wanted as the variable `env_var`, as files below `mount_path`, or both."""

    name: str
    key: str = ""
    mount_path: str = ""
    env_var: str = ""


@dataclass(frozen=True)
class Transform:
    """The program and its surroundings."""

    image: str = ""
    cmd: tuple[str, ...] = ()
    err_cmd: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    stdin: tuple[str, ...] = ()
    err_stdin: tuple[str, ...] = ()
    accept_return_code: tuple[int, ...] = ()
    working_dir: str = ""
    secrets: tuple[Secret, ...] = ()
    user: str = ""


@dataclass(frozen=True)
class DatumSetSpec:
    """How many datums, bytes of inputs, or sets for each worker; 0 where that is not said."""

    number: int = 0
    size_bytes: int = 0
    per_worker: int = 0


@dataclass(frozen=True)
class Spec:
    """One pipeline. Times in seconds, None where there is no limit; `parallelism` 0 is for the engine to choose.

    `name` is the full name: with its project in front, but in the project `default`.
    """

    name: str
    transform: Transform
    input: Input | None
    document: dict[str, Any] = field(repr=False, compare=False)
    description: str = ""
    output_branch: str = DEFAULT_BRANCH
    parallelism: int = 0
    gpus: int = 0
    datum_sets: DatumSetSpec = DatumSetSpec()
    datum_timeout_s: float | None = None
    job_timeout_s: float | None = None
    datum_tries: int = DEFAULT_TRIES
    salt: str = ""
    batching: bool = False
    every_job: bool = False
    reprocess: bool = False
    runs: bool = True
    not_applied: tuple[str, ...] = ()
    file: Path | None = None
    project: str = DEFAULT_PROJECT

    def inputs(self) -> list[Pfs]:
        """Every pfs input, in the order of the spec."""
        return list(_walk(self.input)) if self.input else []


def parse(document: Document) -> Spec:
    """The spec that a document describes. Raises `UsageError` with file, line, place and remedy of each fault."""
    problems = Problems(document)
    data = check(document.data, problems)
    problems.raise_if_any()
    return build(data, problems.not_applied(), Path(document.file))


def build(data: dict[str, Any], not_applied: tuple[str, ...] = (), file: Path | None = None) -> Spec:
    """The spec of checked data with snake_case names."""
    transform = data["transform"]
    name, project = data["pipeline"]["name"], data["pipeline"].get("project", {}).get("name") or DEFAULT_PROJECT
    return Spec(
        name=full_name(name, project),
        project=project,
        transform=Transform(
            image=transform.get("image", ""),
            cmd=tuple(transform.get("cmd", ())),
            err_cmd=tuple(transform.get("err_cmd", ())),
            env=tuple(sorted(transform.get("env", {}).items())),
            stdin=tuple(transform.get("stdin", ())),
            err_stdin=tuple(transform.get("err_stdin", ())),
            accept_return_code=tuple(transform.get("accept_return_code", ())),
            working_dir=transform.get("working_dir", ""),
            secrets=tuple(Secret(**secret) for secret in transform.get("secrets", ())),
            user=transform.get("user", ""),
        ),
        input=InputReader(name, project).read(data["input"]) if "input" in data else None,
        document=data,
        description=data.get("description", ""),
        output_branch=data.get("output_branch") or DEFAULT_BRANCH,
        parallelism=int(data.get("parallelism_spec", {}).get("constant", 0)),
        gpus=max(
            int(data.get(kind, {}).get("gpu", {}).get("number", 0)) for kind in ("resource_requests", "resource_limits")
        ),
        datum_sets=DatumSetSpec(**{name: int(value) for name, value in data.get("datum_set_spec", {}).items()}),
        datum_timeout_s=_datum_timeout(data.get("datum_timeout")),
        job_timeout_s=max(seconds(data["job_timeout"]), 0.0) if "job_timeout" in data else None,
        datum_tries=int(data.get("datum_tries") or DEFAULT_TRIES),
        salt=data.get("salt", ""),
        batching=bool(transform.get("datum_batching")),
        every_job=data.get("reprocess_spec") == "every_job",
        reprocess=bool(data.get("reprocess")),
        runs="spout" not in data and "service" not in data,
        not_applied=not_applied,
        file=file,
    )


def load(text: str) -> Spec:
    """The spec that `store_text` wrote."""
    return build(json.loads(text))


def store_text(spec: Spec) -> str:
    """The checked document as JSON: the same text for the same spec."""
    return json.dumps(spec.document, ensure_ascii=False, sort_keys=True)


def _datum_timeout(text: str | None) -> float | None:
    """Seconds; none at all, as on a cluster, for a time that is zero or negative."""
    value = seconds(text) if text else 0.0
    return value if value > 0 else None


@dataclass
class InputReader:
    """Reads the checked inputs of one pipeline."""

    pipeline: str
    project: str
    _made: "Counter[str]" = field(default_factory=Counter)  # branches made for triggers, by repo

    def read(self, data: dict[str, Any]) -> Input:
        """An input. Those of a cross, join, group or union stand in the order of their given names, as on a cluster."""
        ((kind, value),) = data.items()
        if kind == "pfs":
            return self._pfs(value)
        if kind == "cron":
            return self._cron(value)
        return Many(cast(Kind, kind), tuple(self.read(part) for part in sorted(value, key=_given_name)))

    def _pfs(self, value: dict[str, Any]) -> Pfs:
        trigger = read_trigger(value["trigger"]) if "trigger" in value else None
        return Pfs(
            name=value.get("name") or value["repo"],
            repo=full_name(value["repo"], value.get("project") or self.project),
            branch=value.get("branch") or (self._make_branch(value["repo"]) if trigger else DEFAULT_BRANCH),
            glob=value["glob"],
            join_on=value.get("join_on", ""),
            outer_join=value.get("outer_join", False),
            group_by=value.get("group_by", ""),
            empty_files=value.get("empty_files", False),
            reference=value.get("reference", False),
            triggers=not value.get("propagation_spec", {}).get("never", False),
            trigger=trigger,
        )

    def _make_branch(self, repo: str) -> str:
        """The branch that an input with a trigger reads, if it names none: one of its own, that the trigger moves."""
        self._made[repo] += 1
        return f"{self.pipeline}-trigger-{self._made[repo]}"

    def _cron(self, value: dict[str, Any]) -> Pfs:
        return Pfs(
            name=value["name"],
            repo=full_name(value.get("repo") or f"{self.pipeline}_{value['name']}", self.project),
            branch=DEFAULT_BRANCH,
            glob="/*",
            is_cron=True,
            schedule=value["spec"],
            start=value.get("start", ""),
            overwrite=value.get("overwrite", False),
        )


def _given_name(node: dict[str, Any]) -> str:
    """The name that an input is sorted by: its own, or that of the first within it; "" where none is given."""
    ((kind, value),) = node.items()
    if kind == "pfs":
        return str(value.get("name", ""))
    return "" if kind == "cron" else _given_name(min(value, key=_given_name))


def _walk(node: Input) -> Iterator[Pfs]:
    if isinstance(node, Pfs):
        yield node
    else:
        for part in node.inputs:
            yield from _walk(part)
