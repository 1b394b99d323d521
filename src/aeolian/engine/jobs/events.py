"""What happens while jobs run, for whoever draws it. Events come from several threads, also at once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SetStarted:
    """Jobs under one commit id are about to run, these pipelines' in this order; jobs of other commits may go on."""

    commit: str
    pipelines: tuple[str, ...]


@dataclass(frozen=True)
class JobStarted:
    """A job knows its datums: how many in all, and how many of them need no run."""

    pipeline: str
    job: str
    total: int
    skipped: int


@dataclass(frozen=True)
class DatumStarted:
    """A datum's program starts; `log` grows while it runs."""

    pipeline: str
    job: str
    datum: str
    label: str
    log: Path


@dataclass(frozen=True)
class DatumFinished:
    """A datum is done. state: success, failed, recovered; `outputs` is the number of files that it wrote."""

    pipeline: str
    job: str
    datum: str
    label: str
    state: str
    reason: str
    seconds: float
    outputs: int
    log: Path


@dataclass(frozen=True)
class JobFinished:
    """A job is done. state: success, failure, unrunnable, killed."""

    pipeline: str
    job: str
    state: str
    reason: str
    processed: int
    skipped: int
    failed: int
    recovered: int
    seconds: float


Event = SetStarted | JobStarted | DatumStarted | DatumFinished | JobFinished
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """The `Listener` of callers who do not want to hear."""
