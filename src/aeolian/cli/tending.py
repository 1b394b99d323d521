"""`aeolian tend`: does what is to be done as it comes, until it is told to stop."""

import time
from collections.abc import Callable

import click

from aeolian.cli.common import command, executor_option, open_store, warn
from aeolian.cli.running import run_outstanding, stop_on_termination
from aeolian.engine.jobs.records import outstanding
from aeolian.engine.storage.store import Store
from aeolian.engine.ticks import Now, Ticks, utc_now


@command(example="aeolian tend")
@click.option("--interval", default=1.0, show_default=True, help="Seconds between two looks.")
@executor_option
def tend(interval: float) -> None:
    """Do what is outstanding as it comes, whoever commits it, and make cron inputs tick. Ends with Ctrl-C or SIGTERM.

    What is not done by then is done by the next `aeolian tend` or `aeolian wait`.
    """
    with open_store() as store:
        tend_store(store, interval)


def tend_store(
    store: Store,
    interval_s: float,
    look: Callable[[], None] = lambda: None,
    *,
    what: str = "tending",
    now: Now = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Looks, ticks and runs, again and again, until Ctrl-C or SIGTERM; a failed job is told and does not end it.

    `what` is what it says that it does.
    """
    stop_on_termination()
    ticks = Ticks(store, now)
    try:
        warn(f"{what}; Ctrl-C ends it")
        while True:
            look()
            for pipeline, moment in ticks.make_due():
                warn(f"{pipeline}: tick of {moment}")
            if outstanding(store):
                # Where another process is at it, waiting says so less often than looking again.
                run_outstanding(store, go_on=True, wait=True)
            sleep(interval_s)
    except KeyboardInterrupt:
        warn("stopped" + ("; `aeolian wait` does what is outstanding" if outstanding(store) else ""))
