"""Transactions: changes that are gathered, and then all done under one id, or none of them.

What is gathered is tried at once, together with what came before, and undone: a mistake is told where it is made.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aeolian.engine.storage.store import Store
from aeolian.errors import UsageError

Change = Callable[..., str]  # of the store and the arguments of a request; returns what the command prints
_CHANGES: dict[str, Change] = {}


@dataclass(frozen=True)
class Request:
    """One change that was gathered: its name (`create repo`) and its arguments, as JSON has them."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Transaction:
    """A transaction that is not finished. `active` is true for the one that changes are gathered in."""

    id: str
    started: float
    active: bool
    requests: tuple[Request, ...]


class _Undo(Exception):
    """Raised to undo what was tried."""


def change(name: str) -> Callable[[Change], Change]:
    """Let a function be a change of this name, which a transaction can gather. Its arguments are what JSON can keep."""

    def register(function: Change) -> Change:
        _CHANGES[name] = function
        return function

    return register


def perform(store: Store, name: str, **arguments: Any) -> tuple[str, bool]:
    """Do a change, or gather it where a transaction is active; return what it has to print, and whether it was done.

    Raises what the change raises; then a transaction goes on without it.
    """
    with store.db.transaction():
        active = find_active(store)
        if active is None:
            return _CHANGES[name](store, **arguments), True
        requests = (*active.requests, Request(name, arguments))
        said = _try(store, active.id, requests)[-1]
        store.db.run("UPDATE planned SET requests = ? WHERE id = ?", _write(requests), active.id)
        return said, False


def start(store: Store) -> str:
    """Begin a transaction; return its id. Raises `UsageError` while another is active."""
    with store.db.transaction():
        active = find_active(store)
        if active is not None:
            raise UsageError(
                f"The transaction {active.id} is active.", remedy="Finish it, or stop it: aeolian stop transaction"
            )
        id_ = uuid.uuid4().hex
        store.db.run("INSERT INTO planned (id, started, active, requests) VALUES (?, ?, 1, '[]')", id_, time.time())
        return id_


def finish(store: Store, id_: str = "") -> tuple[Transaction, list[str]]:
    """Do all that the transaction gathered, under one id; return it and what each change has to print.

    Raises `UsageError` if there is none, and what a change raises; then nothing was done.
    """
    with store.db.transaction():
        found = inspect(store, id_)
        said = _do(store, found.id, found.requests)
        store.db.run("DELETE FROM planned WHERE id = ?", found.id)
        return found, said


def stop(store: Store) -> str:
    """Set the active transaction aside; return its id. Raises `UsageError` if none is active."""
    with store.db.transaction():
        found = inspect(store)
        store.db.run("UPDATE planned SET active = 0 WHERE id = ?", found.id)
        return found.id


def resume(store: Store, id_: str) -> str:
    """Make a transaction active again; return its id. Raises `UsageError` if it is not there or another is active."""
    with store.db.transaction():
        found, active = inspect(store, id_), find_active(store)
        if active is not None and active.id != found.id:
            raise UsageError(f"The transaction {active.id} is active.", remedy="Stop it: aeolian stop transaction")
        store.db.run("UPDATE planned SET active = 1 WHERE id = ?", found.id)
        return found.id


def delete(store: Store, id_: str = "") -> str:
    """Forget a transaction with all that it gathered; return its id. Raises `UsageError` if there is none."""
    with store.db.transaction():
        found = inspect(store, id_)
        store.db.run("DELETE FROM planned WHERE id = ?", found.id)
        return found.id


def list_transactions(store: Store) -> list[Transaction]:
    """Return the transactions that are not finished, the oldest first."""
    rows = store.db.all("SELECT id, started, active, requests FROM planned ORDER BY started, id")
    return [Transaction(row["id"], row["started"], bool(row["active"]), _read(row["requests"])) for row in rows]


def find_active(store: Store) -> Transaction | None:
    """Return the transaction in which changes are gathered, None if there is none."""
    return next((found for found in list_transactions(store) if found.active), None)


def inspect(store: Store, id_: str = "") -> Transaction:
    """Return a transaction by (the start of) its id, or the active one. Raises `UsageError` if there is none."""
    if not id_:
        active = find_active(store)
        if active is None:
            raise UsageError(
                "No transaction is active.", remedy="Start one, or name one of `aeolian list transaction`."
            )
        return active
    found = [each for each in list_transactions(store) if each.id.startswith(id_)]
    if len(found) != 1:
        raise UsageError(f"transaction {id_} not found.", remedy="See `aeolian list transaction`.")
    return found[0]


def _try(store: Store, id_: str, requests: tuple[Request, ...]) -> list[str]:
    """Return what the changes would print. Raises what one of them raises."""
    said: list[str] = []
    with contextlib.suppress(_Undo), store.db.savepoint():
        said = _do(store, id_, requests)
        raise _Undo
    return said


def _do(store: Store, id_: str, requests: tuple[Request, ...]) -> list[str]:
    with _sharing(store, id_):
        return [_CHANGES[request.name](store, **request.arguments) for request in requests]


@contextlib.contextmanager
def _sharing(store: Store, id_: str) -> Iterator[None]:
    """Let all changes of the block be of one commit set."""
    store.set_id = id_
    try:
        yield
    finally:
        store.set_id = ""


def _write(requests: tuple[Request, ...]) -> str:
    return json.dumps([[request.name, request.arguments] for request in requests])


def _read(text: str) -> tuple[Request, ...]:
    pairs: list[tuple[str, Mapping[str, Any]]] = json.loads(text)
    return tuple(Request(name, dict(arguments)) for name, arguments in pairs)
