"""Cron inputs on one machine: a tick is a commit with one empty file, named by its time, in the input's own repo."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog, files
from aeolian.engine.versions.branch_triggers import fire_due
from aeolian.engine.versions.commits import head_tree
from aeolian.engine.versions.repos import branch_id
from aeolian.platform.sources.selection import Item
from aeolian.platform.specs.cron import moment_text, parse_moment, parse_schedule
from aeolian.platform.specs.spec import Pfs

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


class Ticks:
    """Makes the cron inputs of a store tick when `make_due` is called at or after their time."""

    def __init__(self, store: Store, now: Now = utc_now) -> None:
        self._store, self._now = store, now
        # What is due next, of each version of a pipeline and each of its inputs, so that a look costs one query.
        self._next: dict[tuple[int, int, str], datetime | None] = {}

    def make_due(self) -> list[tuple[str, str]]:
        """Ticks every input whose time has come: (pipeline, time). Of several missed, the last alone is made.

        Branches whose schedule has come move, too; the pipelines that run for that are among those returned.
        """
        made = []
        for pipeline, part in _crons(self._store):
            key, now = (pipeline.row, pipeline.version, part.name), self._now()
            schedule = parse_schedule(part.schedule)
            if key not in self._next:
                self._next[key] = schedule.next(self._since(pipeline, part))
            due = self._next[key]
            if due is None or due > now:
                continue
            # Another process may have made it by now, or a user by hand.
            last = schedule.last(self._since(pipeline, part), now)
            if last is not None:
                tick(self._store, part, last)
                made.append((pipeline.name, moment_text(last)))
            self._next[key] = schedule.next(self._since(pipeline, part))
        now = self._now()
        return made + [(name, moment_text(now)) for name in fire_due(self._store, now)]

    def _since(self, pipeline: catalog.Pipeline, part: Pfs) -> datetime:
        """The moment after which the next tick comes: the last tick, or `start`, or when the pipeline was made."""
        branch = branch_id(self._store, part.repo, part.branch)
        ticks = self._store.trees.entries(head_tree(self._store, branch)) if branch is not None else ()
        moments = [moment for entry in ticks if (moment := _moment(entry.path[1:])) is not None]
        begin = parse_moment(part.start) if part.start else datetime.fromtimestamp(pipeline.created, UTC)
        return max([*moments, begin])


def tick(store: Store, part: Pfs, moment: datetime) -> None:
    """Makes a cron input tick: its file is added or, with `overwrite`, takes the place of all before."""
    item = Item(io.BytesIO(), f"/{moment_text(moment)}")
    files.put_files(store, part.repo, part.branch, [item], clear=part.overwrite)


def _crons(store: Store) -> Iterator[tuple[catalog.Pipeline, Pfs]]:
    for pipeline in catalog.pipelines(store):
        for part in pipeline.spec.inputs():
            if part.is_cron:
                yield pipeline, part


def _moment(text: str) -> datetime | None:
    try:
        return parse_moment(text)
    except ValueError:
        return None
