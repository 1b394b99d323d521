"""What a stage did with each input: a sentence on stderr for each one it could not use, and a JSON summary.

Run by hand, the summary is `report.json` in the output folder. Run as a datum of a pipeline (`PACH_DATUM_ID` is
set), files of all datums meet in one folder, where two files of one name are an error and any further file would
be an input of the next stage: there the summary is one line of JSON on stdout, kept in the datum's log.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aeolian import __version__
from aeolian.errors import AeolianError, InputError
from aeolian.names import printable

REPORT_NAME = "report.json"
log = logging.getLogger(__name__)


def in_worker() -> bool:
    """Whether this process is a pipeline's worker, seeing one datum of many (Pachyderm's or our engine's)."""
    return "PACH_DATUM_ID" in os.environ


@dataclass
class Entry:
    """One input: `ok` with its outputs, `failed` with a reason, or `skipped` with one."""

    input: str
    status: str
    outputs: list[str] = field(default_factory=list)
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


class StageReport:
    """Collects one `Entry` an input."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.entries: list[Entry] = []

    @contextmanager
    def entry(self, name: str) -> Iterator[Entry]:
        """The entry of one input. An `InputError` inside is recorded and told; the next input goes on."""
        entry = Entry(printable(name), "ok")
        try:
            yield entry
        except InputError as error:
            self.fail(name, str(error))
            return
        self.entries.append(entry)

    def fail(self, name: str, reason: str) -> None:
        """Records an input that cannot be used, and names it on stderr."""
        self.entries.append(Entry(printable(name), "failed", reason=reason))
        log.warning("%s: %s: %s", self.stage, printable(name), reason)

    def say_remarks(self, entry: Entry) -> None:
        """Says on stderr what a user should know of an input that went well: the `remarks` of its details."""
        for remark in entry.details.get("remarks", ()):
            log.warning("%s: %s: %s", self.stage, entry.input, remark)

    def skip(self, name: str, reason: str) -> None:
        """Records an input that is not this stage's business (a picture among the songs)."""
        self.entries.append(Entry(printable(name), "skipped", reason=reason))
        log.warning("%s: %s: skipped: %s", self.stage, printable(name), reason)

    def count(self, status: str) -> int:
        """How many entries have this status."""
        return sum(entry.status == status for entry in self.entries)

    def close(self, output: Path) -> None:
        """Writes the summary, tells the counts, and fails if a run by hand had no input that could be used."""
        summary = {
            "stage": self.stage,
            "version": __version__,
            "ok": self.count("ok"),
            "failed": self.count("failed"),
            "skipped": self.count("skipped"),
            "inputs": [asdict(entry) for entry in sorted(self.entries, key=lambda e: e.input)],
        }
        if in_worker():
            sys.stdout.write(json.dumps(summary, sort_keys=True) + "\n")
            sys.stdout.flush()
            return
        text = json.dumps(summary, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        (output / REPORT_NAME).write_text(text, encoding="utf-8", errors="backslashreplace")
        log.info(
            "%s: %d ok, %d failed, %d skipped; details in %s",
            self.stage,
            summary["ok"],
            summary["failed"],
            summary["skipped"],
            output / REPORT_NAME,
        )
        if summary["failed"] and not summary["ok"]:
            raise AeolianError(
                f"{self.stage}: none of the {summary['failed']} inputs could be used.",
                remedy=f"{REPORT_NAME} gives the reason for each.",
            )
        if not summary["ok"]:
            raise AeolianError(f"{self.stage}: no input was found.", remedy="Name the folder that holds the files.")
