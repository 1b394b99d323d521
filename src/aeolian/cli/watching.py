"""`aeolian watch`: a folder's changes into a repo, as they come."""

from pathlib import Path

import click

from aeolian.cli.common import command, executor_option, open_store, warn
from aeolian.cli.tending import tend_store
from aeolian.engine.watch import Watcher
from aeolian.platform.addresses import parse_address

_SHORTEST_S = 0.1


@command(example="aeolian watch my-songs/ audio-unprocessed@master")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("place", metavar="REPO@BRANCH[:/PATH]")
@click.option(
    "--interval",
    type=click.FloatRange(min=_SHORTEST_S),
    default=2.0,
    show_default=True,
    help="Seconds between two looks at the folder.",
)
@click.option(
    "--allow-empty",
    is_flag=True,
    help="Take a folder that is emptied or gone for a deletion of all that it held, instead of keeping that.",
)
@executor_option
def watch(folder: Path, place: str, interval: float, allow_empty: bool) -> None:
    """Put a folder's changes into a repo as they come, and run what follows. Ends with Ctrl-C.

    Files that come together are one commit; a file that is still growing waits. A file that is deleted goes from the
    repo too. Cron inputs tick meanwhile.
    """
    with open_store() as store:
        watcher = Watcher(store, folder, parse_address(place), allow_empty=allow_empty, tell=warn)

        def look() -> None:
            if count := watcher.step():
                warn(f"{count} files changed")

        tend_store(store, interval, look, what=f"watching {folder}")
