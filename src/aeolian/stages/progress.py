"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere (a log, a pipe, a pod)."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

from aeolian.names import printable

SECONDS_BETWEEN_LINES = 5.0
BAR = "{desc} |{bar:32}| {n_fmt}/{total_fmt}{postfix} [{elapsed}<{remaining}]"


class Report(Protocol):
    """What a library function calls as it advances: `done` of `total` units, and a few words to show beside."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Tells how far the work is."""


@contextmanager
def progress(label: str) -> Iterator[Report]:
    """A `Report` that draws: `generating |########        | 182/2048`."""
    if sys.stderr.isatty():
        # Some terminals (`docker run -t`) say that they have no columns and no lines, where tqdm would draw nothing.
        size = shutil.get_terminal_size()
        with tqdm(
            desc=label, bar_format=BAR, ascii=" #", file=sys.stderr, total=1, ncols=size.columns, nrows=size.lines
        ) as bar:

            def draw(done: int, total: int, note: str = "") -> None:
                bar.total = total
                bar.set_postfix_str(printable(note), refresh=False)
                bar.update(done - bar.n)

            yield draw
        return

    last_line_s = -SECONDS_BETWEEN_LINES

    def line(done: int, total: int, note: str = "") -> None:
        nonlocal last_line_s
        now_s = time.monotonic()
        if done < total and now_s - last_line_s < SECONDS_BETWEEN_LINES:
            return
        last_line_s = now_s
        sys.stderr.write(f"{label} {done}/{total}{' ' + printable(note) if note else ''}\n")
        sys.stderr.flush()

    yield line
