"""The engine's SQLite database: one connection, one writer at a time, every change in a transaction.

Write-ahead logging makes a kill at any moment harmless: the next `Database` sees the last whole transaction.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from aeolian.engine.storage.disk import told_if_full
from aeolian.errors import AeolianError, StorageError

VERSION = 8
BUSY_TIMEOUT_MS = 120_000

Row = sqlite3.Row


class Database:
    """A connection that threads share: each statement or transaction holds the lock of this object."""

    def __init__(self, path: Path) -> None:
        self._place, self._name = path.parent, path.name
        self._lock = threading.RLock()
        self._depth = 0
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            try:
                with told_if_full(path.parent):
                    self._prepare(path)
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.DatabaseError as error:
            raise StorageError(f"{path} cannot be used: {error}.", remedy=_remedy(path)) from error

    def _prepare(self, path: Path) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        if self._version() == VERSION:
            return
        with self.transaction():
            found = self._version()
            if found == 0:
                for statement in _statements(resources.files(__package__).joinpath("schema.sql").read_text()):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
                return
            if found != VERSION:
                raise AeolianError(
                    f"{path} was written by another version of Aeolian (layout {found}, this one reads {VERSION}).",
                    remedy="Use that version, or set AEOLIAN_HOME to a new folder.",
                )

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing of it. A transaction inside another is part of the outer one."""
        with self._lock, told_if_full(self._place):
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that is undone, and it alone, if the block raises."""
        with self.transaction():
            self._connection.execute("SAVEPOINT trial")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK TO trial")
                raise
            finally:
                self._connection.execute("RELEASE trial")

    def make_durable(self) -> None:
        """Sees to it that what was committed outlives a loss of power too, not only the end of this process."""
        with contextlib.suppress(FileNotFoundError):
            log = os.open(self._place / f"{self._name}-wal", os.O_RDONLY)
            try:
                os.fsync(log)
            finally:
                os.close(log)

    def run(self, sql: str, *values: Any) -> int:
        """Executes one statement; returns the row id of an insertion."""
        with self._lock, told_if_full(self._place):
            return self._connection.execute(sql, values).lastrowid or 0

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Executes one statement for every row."""
        with self._lock, told_if_full(self._place):
            self._connection.executemany(sql, rows)

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Every row of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query, or None."""
        with self._lock:
            row: Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._connection.close()


def _remedy(path: Path) -> str:
    """What to do where a database cannot be used."""
    for place in (path.parent, path):
        if place.exists() and not os.access(
            place, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids
        ):
            return f"Make {place} one that you can write to, or set AEOLIAN_HOME to another folder."
    return "Move the folder away or set AEOLIAN_HOME to another."


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
