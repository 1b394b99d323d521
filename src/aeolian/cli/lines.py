"""Progress where there is no terminal: a line when a job starts and ends, and one now and then between."""

import threading
import time

import click

from aeolian.cli.common import duration_text
from aeolian.cli.running import Progress
from aeolian.engine.events import DatumFinished, Event, JobFinished, JobStarted, Listener

SECONDS_BETWEEN_LINES = 5.0


class LineProgress(Progress):
    """Plain lines on stderr."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = self._done = 0
        self._last_s = 0.0

    def __enter__(self) -> Listener:
        return self._hear

    def __exit__(self, *error: object) -> None:
        """Nothing to put away."""

    def _hear(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, JobStarted):
                self._total, self._done = event.total, event.skipped
                self._last_s = time.monotonic()
                self._say(
                    f"{event.pipeline}: {event.total} datums, {event.skipped} skipped, {event.total - event.skipped} "
                    f"to do"
                )
            elif isinstance(event, DatumFinished):
                self._datum(event)
            elif isinstance(event, JobFinished):
                counts = [f"{event.processed} processed", f"{event.skipped} skipped"]
                counts += [f"{event.failed} failed"] if event.failed else []
                counts += [f"{event.recovered} recovered"] if event.recovered else []
                reason = f": {event.reason}" if event.reason else ""
                self._say(
                    f"{event.pipeline}: {event.state}, {', '.join(counts)}, {duration_text(event.seconds)}{reason}"
                )

    def _datum(self, event: DatumFinished) -> None:
        self._done += 1
        if event.state != "success":
            self._say(f"{event.pipeline}: {event.label}: {event.state}: {event.reason}")
        now_s = time.monotonic()
        if now_s - self._last_s >= SECONDS_BETWEEN_LINES:
            self._last_s = now_s
            self._say(f"{event.pipeline}: {self._done}/{self._total}")

    def _say(self, text: str) -> None:
        click.echo(text, err=True)
