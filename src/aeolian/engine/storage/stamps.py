"""Files outside the store as they were when they were last read, so that an unchanged one costs a `stat`.

Size, times and inode tell a change, but not one in the very tick of the clock in which a file was read: what changed
that recently is not remembered, and read again the next time.
"""

import itertools
import os
import time

from aeolian.engine.storage.store import Store

_UNSETTLED_NS = 2_000_000_000


class Stamps:
    """What is known of the files whose absolute paths start with `prefix`."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        prefix = "".join(itertools.takewhile(str.isprintable, prefix))
        rows = store.db.all("SELECT * FROM code_file WHERE path >= ? AND path < ?", prefix, f"{prefix}\U0010ffff")
        self._known = {row["path"]: (row["stamp"], row["hash"]) for row in rows}
        self._fresh: list[tuple[str, str, str]] = []
        self._now_ns = time.time_ns()

    def content(self, path: str, status: os.stat_result) -> str | None:
        """The hash of the file's content, if it is known and the file has not changed since."""
        stamp, content = self._known.get(path, ("", None))
        return content if stamp == _stamp(status) else None

    def learn(self, path: str, status: os.stat_result, content: str) -> None:
        """The file, whose `status` was taken before it was read, has this content."""
        if max(status.st_mtime_ns, status.st_ctime_ns) < self._now_ns - _UNSETTLED_NS:
            self._fresh.append((path, _stamp(status), content))

    def save(self) -> None:
        """Keeps what was learnt. A path that is no text is not kept."""
        rows = [row for row in self._fresh if row[0].isprintable()]
        if rows:
            with self._store.db.transaction():
                self._store.db.many("INSERT OR REPLACE INTO code_file VALUES (?, ?, ?)", rows)
            self._fresh = []


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
