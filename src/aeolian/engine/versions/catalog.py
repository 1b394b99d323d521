"""The pipelines that a store has, each in its current version."""

import json
from dataclasses import dataclass
from pathlib import Path

from aeolian.engine.programs.secrets import Place
from aeolian.engine.storage.store import Store
from aeolian.platform.specs.spec import Spec, load

_SELECT = (
    "SELECT p.id, p.name, v.version, v.spec, v.source, v.arguments, v.spec_commit, v.created, v.code, v.secrets,"
    " p.stopped FROM pipeline p JOIN pipeline_version v ON v.pipeline_id = p.id"
)


@dataclass(frozen=True)
class Pipeline:
    """One version of a pipeline.

    `source` is the folder that its program sees as /src; `code` is what else counts as its program; `secrets` tells
    where they are read. While it is `stopped`, it gets no jobs.
    """

    row: int
    version: int
    spec: Spec
    source: Path | None
    arguments: tuple[tuple[str, str], ...]
    spec_commit: str
    created: float
    code: tuple[Path, ...] = ()
    secrets: tuple[Place, ...] = ()
    stopped: bool = False

    @property
    def name(self) -> str:
        """The pipeline's name, and that of its output repo."""
        return self.spec.name


def pipelines(store: Store) -> list[Pipeline]:
    """Every pipeline, by name."""
    rows = store.db.all(f"{_SELECT} AND v.version = p.version ORDER BY p.name")
    return [_pipeline(tuple(row)) for row in rows]


def find(store: Store, name: str) -> Pipeline | None:
    """The pipeline of this name, or None."""
    row = store.db.one(f"{_SELECT} AND v.version = p.version WHERE p.name = ?", name)
    return _pipeline(tuple(row)) if row else None


def version(store: Store, pipeline: int, number: int) -> Pipeline:
    """An earlier, or the current, version of the pipeline in row `pipeline`."""
    found = find_version(store, pipeline, number)
    assert found is not None
    return found


def find_version(store: Store, pipeline: int, number: int) -> Pipeline | None:
    """The same, or None if the pipeline was deleted."""
    row = store.db.one(f"{_SELECT} WHERE p.id = ? AND v.version = ?", pipeline, number)
    return _pipeline(tuple(row)) if row else None


def _pipeline(row: tuple[int, str, int, str, str | None, str, str, float, str, str, int]) -> Pipeline:
    row_id, _, number, spec, source, arguments, spec_commit, created, code, secrets, stopped = row
    given = tuple((flag, value) for flag, value in json.loads(arguments))
    folder, further = Path(source) if source else None, tuple(Path(path) for path in json.loads(code))
    places = tuple(Place(*place) for place in json.loads(secrets))
    return Pipeline(row_id, number, load(spec), folder, given, spec_commit, created, further, places, bool(stopped))
