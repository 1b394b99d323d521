"""Progress where there is no terminal: a line when a job starts and ends, and what goes on now and then between."""

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import click

from aeolian.cli.common import duration_text
from aeolian.engine.jobs.events import DatumFinished, DatumStarted, Event, JobFinished, JobStarted, Listener
from aeolian.engine.jobs.records import last_lines

SECONDS_BETWEEN_LINES = 5.0
_TAIL_BYTES = 4096


@dataclass
class _Job:
    total: int
    done: int
    running: dict[str, tuple[str, Path]] = field(default_factory=dict)
    said: str = ""


class LineProgress(AbstractContextManager[Listener]):
    """Plain lines on stderr; every few seconds, for each job, the count and the last line that a long datum wrote."""

    def __init__(self, seconds: float = SECONDS_BETWEEN_LINES) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._jobs: dict[tuple[str, str], _Job] = {}

    def __enter__(self) -> Listener:
        threading.Thread(target=self._tell_now_and_then, daemon=True).start()
        return self._hear

    def __exit__(self, *error: object) -> None:
        self._ended.set()

    def _hear(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, JobStarted):
                self._jobs[event.job, event.pipeline] = _Job(event.total, event.skipped)
                to_do = event.total - event.skipped
                self._say(f"{event.pipeline}: {event.total} datums, {event.skipped} skipped, {to_do} to do")
            elif isinstance(event, DatumStarted):
                self._jobs[event.job, event.pipeline].running[event.datum] = (event.label, event.log)
            elif isinstance(event, DatumFinished):
                job = self._jobs[event.job, event.pipeline]
                job.running.pop(event.datum, None)
                job.done += 1
                if event.state != "success":
                    self._say(f"{event.pipeline}: {event.label}: {event.state}: {event.reason}")
            elif isinstance(event, JobFinished):
                self._jobs.pop((event.job, event.pipeline), None)
                self._say(self._summary(event))

    def _summary(self, event: JobFinished) -> str:
        counts = [f"{event.processed} processed", f"{event.skipped} skipped"]
        counts += [f"{event.failed} failed"] if event.failed else []
        counts += [f"{event.recovered} recovered"] if event.recovered else []
        reason = f": {event.reason}" if event.reason else ""
        return f"{event.pipeline}: {event.state}, {', '.join(counts)}, {duration_text(event.seconds)}{reason}"

    def _tell_now_and_then(self) -> None:
        started_s = time.monotonic()
        while not self._ended.wait(self._seconds):
            with self._lock:
                self._tell(time.monotonic() - started_s)

    def _tell(self, elapsed_s: float) -> None:
        for (_, pipeline), job in self._jobs.items():
            for label, log in list(job.running.values())[:1]:
                last = "".join(last_lines(log, 1, most_bytes=_TAIL_BYTES))
                text = f"{pipeline}: {job.done}/{job.total}, {label}{f': {last}' if last else ''}"
                if text != job.said:
                    job.said = text
                    self._say(f"{text}  [{duration_text(elapsed_s)}]")

    def _say(self, text: str) -> None:
        click.echo(text, err=True)
