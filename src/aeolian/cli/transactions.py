"""`aeolian start|finish|stop|resume|list|inspect|delete transaction`, and how other commands are gathered in one."""

from typing import Any

import click

from aeolian.cli.common import age, command, no_run_option, open_store, warn
from aeolian.cli.output import Message, Output, output_option, print_facts, print_table
from aeolian.cli.raw import write_time
from aeolian.cli.running import run_outstanding
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import changes, transactions
from aeolian.engine.versions.transactions import Transaction
from aeolian.platform.protocol import Done


def do_or_gather(store: Store, name: str, **arguments: Any) -> bool:
    """Do a change, or gather it in the transaction that is active; return whether it was done."""
    assert changes.__doc__  # loaded, its changes are known by their names
    return tell(Done(*transactions.perform(store, name, **arguments)))


def tell(change: Done) -> bool:
    """Print what a change has to say, an id, and whether it was only gathered; return whether it was done."""
    if change.said:
        click.echo(change.said)
    if not change.done:
        warn("gathered: `aeolian finish transaction` does it")
    return change.done


id_argument = click.argument("transaction", required=False, default="", metavar="[ID]")


@command(example="aeolian start transaction")
def start_transaction() -> None:
    """Begin to gather changes, which `finish transaction` does under one id, all or none. Prints its id.

    Gathered are: create, update, delete repo; start, finish commit; create, delete branch; create, update pipeline.
    """
    with open_store(make=True) as store:
        click.echo(transactions.start(store))


@command(example="aeolian finish transaction")
@id_argument
@no_run_option
def finish_transaction(transaction: str, no_run: bool) -> None:
    """Do all that the transaction gathered, and run what follows."""
    with open_store() as store:
        found, _ = transactions.finish(store, transaction)
        click.echo(f"Completed transaction with {len(found.requests)} requests")
        run_outstanding(store, no_run=no_run)


@command(example="aeolian stop transaction")
def stop_transaction() -> None:
    """Set the active transaction aside: commands are done at once again."""
    with open_store() as store:
        click.echo(f"Cleared active transaction: {transactions.stop(store)}")


@command(example="aeolian resume transaction 3f2a9c1e")
@click.argument("transaction", metavar="ID")
def resume_transaction(transaction: str) -> None:
    """Make a transaction active again."""
    with open_store() as store:
        click.echo(f"Resuming existing transaction with ID: {transactions.resume(store, transaction)}")


@command(example="aeolian delete transaction")
@id_argument
def delete_transaction(transaction: str) -> None:
    """Forget a transaction with all that it gathered."""
    with open_store() as store:
        warn(f"transaction {transactions.delete(store, transaction)}: deleted")


@command(example="aeolian list transaction")
@output_option
def list_transaction(output: Output) -> None:
    """List the transactions that are not finished."""
    with open_store() as store:
        found = transactions.list_transactions(store)
    if not output.prints(found, map(_info, found)):
        rows = [(each.id, age(each.started), str(len(each.requests)), "*" if each.active else "") for each in found]
        print_table(("TRANSACTION", "STARTED", "REQUESTS", "ACTIVE"), rows)


@command(example="aeolian inspect transaction")
@id_argument
@output_option
def inspect_transaction(transaction: str, output: Output) -> None:
    """Tell what a transaction gathered."""
    with open_store() as store:
        found = transactions.inspect(store, transaction)
    if output.prints(found, [_info(found)]):
        return
    said = "\n  ".join(["", *map(_words, found.requests)])
    print_facts([("ID", found.id), ("Started", age(found.started)), ("Requests", said)])


def _words(request: transactions.Request) -> str:
    return " ".join([request.name, *(f"{name}={value}" for name, value in request.arguments.items() if value)])


def _info(found: Transaction) -> Message:
    """Return a `TransactionInfo`."""
    requests = [{request.name.replace(" ", "_"): request.arguments} for request in found.requests]
    return {"transaction": {"id": found.id}, "requests": requests, "started": write_time(found.started)}
