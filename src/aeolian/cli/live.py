"""Progress on a terminal: a row a pipeline, and the last line that a running datum wrote."""

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aeolian.cli.common import duration_text
from aeolian.engine.jobs.events import DatumFinished, DatumStarted, Event, JobFinished, JobStarted, Listener, SetStarted
from aeolian.engine.jobs.records import last_lines

_STYLES = {
    "success": "green",
    "failure": "bold red",
    "unrunnable": "yellow",
    "killed": "yellow",
    "running": "cyan",
    "waiting": "dim",
}
_MARKS = {"success": "✔", "failure": "✘", "unrunnable": "–", "killed": "✘", "running": "▸", "waiting": "·"}
_TAIL_BYTES = 4096


@dataclass
class _Row:
    state: str = "waiting"
    total: int = 0
    skipped: int = 0
    processed: int = 0
    failed: int = 0
    recovered: int = 0
    started_s: float = 0.0
    seconds: float = 0.0
    running: dict[str, tuple[str, Path]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.skipped + self.processed + self.failed + self.recovered


class LiveProgress(AbstractContextManager[Listener]):
    """A table that changes in place on stderr."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], _Row] = {}  # by commit and pipeline
        self._console = Console(stderr=True)
        self._live = Live(get_renderable=self._draw, console=self._console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Listener:
        self._live.start()
        return self._hear

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def _hear(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, SetStarted):
                self._forget_finished_sets()
                for name in event.pipelines:
                    self._rows[event.commit, name] = _Row()
                return
            row = self._rows.setdefault((event.job, event.pipeline), _Row())
            if isinstance(event, JobStarted):
                row.state, row.total, row.skipped, row.started_s = (
                    "running",
                    event.total,
                    event.skipped,
                    time.monotonic(),
                )
            elif isinstance(event, DatumStarted):
                row.running[event.datum] = (event.label, event.log)
            elif isinstance(event, DatumFinished):
                row.running.pop(event.datum, None)
                row.processed += event.state == "success"
                row.failed += event.state == "failed"
                row.recovered += event.state == "recovered"
            elif isinstance(event, JobFinished):
                row.state, row.seconds = event.state, event.seconds
                row.processed, row.skipped, row.failed = event.processed, event.skipped, event.failed

    def _forget_finished_sets(self) -> None:
        """What went well under earlier commits makes room; what did not stays in sight."""
        at_work = {commit for (commit, _), row in self._rows.items() if row.state in ("waiting", "running")}
        for key, row in list(self._rows.items()):
            if key[0] not in at_work and row.state == "success":
                del self._rows[key]

    def _draw(self) -> RenderableType:
        with self._lock:
            table = Table.grid(padding=(0, 2))
            for (_, name), row in self._rows.items():
                style = _STYLES[row.state]
                bar = (
                    ProgressBar(total=max(row.total, 1), completed=row.done, width=24)
                    if row.state != "waiting"
                    else Text("")
                )
                table.add_row(Text(f"{_MARKS[row.state]} {name}", style=style), bar, self._counts(row), self._time(row))
            running = [where for row in self._rows.values() for where in list(row.running.values())[:1]]
        return Group(table, *(self._tail(*each) for each in running[:3]))

    def _counts(self, row: _Row) -> Text:
        if row.state == "waiting":
            return Text("waiting", style="dim")
        text = Text(f"{row.done}/{row.total}")
        for count, word, style in (
            (row.skipped, "skipped", "dim"),
            (row.failed, "failed", "red"),
            (row.recovered, "recovered", "yellow"),
        ):
            if count:
                text.append(f"  {count} {word}", style=style)
        return text

    def _time(self, row: _Row) -> Text:
        if row.state == "waiting":
            return Text("")
        if row.state != "running":
            return Text(duration_text(row.seconds), style="dim")
        elapsed = time.monotonic() - row.started_s
        ran = row.processed + row.failed + row.recovered
        if not ran:
            return Text(duration_text(elapsed), style="dim")
        rate = ran / max(elapsed, 1e-3)
        pace = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
        left = (row.total - row.done) / rate
        return Text(f"{duration_text(elapsed)}  {pace}  {duration_text(left)} left", style="dim")

    def _tail(self, label: str, log: Path) -> Text:
        lines = last_lines(log, 1, most_bytes=_TAIL_BYTES)
        text = Text(f"  {label}: {lines[0] if lines else '…'}", style="dim", overflow="ellipsis", no_wrap=True)
        return text
