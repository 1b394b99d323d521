"""One `.aeolian/` folder, opened: its database, trees, contents, logs and scratch folders."""

import os
from pathlib import Path

from aeolian.engine.storage.database import Database
from aeolian.engine.storage.objects import Objects
from aeolian.engine.storage.trees import DatumTrees, Trees
from aeolian.errors import StorageError

HOME_VARIABLE = "AEOLIAN_HOME"
FOLDER = ".aeolian"


def folder_name(pipeline: str) -> str:
    """The name of a pipeline, which may be `project/name`, as that of one folder: no name has a full stop."""
    return pipeline.replace("/", ".")


def default_home() -> Path:
    """`$AEOLIAN_HOME`, or `.aeolian` in the current folder."""
    return Path(os.environ.get(HOME_VARIABLE) or FOLDER).absolute()


class Store:
    """What every part of the engine works on. Close it, or use it in a `with` statement."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.set_id = ""  # the commit set that all changes of a transaction share, while it is being done
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self.scratch.mkdir(exist_ok=True)
            self.cache.mkdir(exist_ok=True)
        except OSError as error:
            remedy = f"Give a folder that can be written with {HOME_VARIABLE}."
            raise StorageError(f"{self.home} cannot be made: {error.strerror}.", remedy=remedy) from None
        self.db = Database(self.home / "store.db")
        self.trees = Trees(self.db)
        self.datum_trees = DatumTrees(self.db)
        self.objects = Objects(self.home / "objects", self.db)

    @property
    def scratch(self) -> Path:
        """Where datums run: a folder each, removed afterwards."""
        return self.home / "scratch"

    @property
    def cache(self) -> Path:
        """What programs' libraries keep for the next time: of use to them, and to nobody else."""
        return self.home / "cache"

    @property
    def lock(self) -> Path:
        """Held by the one process that runs jobs."""
        return self.home / "lock"

    def log(self, job: str, pipeline: str, datum: str) -> Path:
        """What a datum's program wrote in a job; `job` and `datum` are ids."""
        return self.home / "logs" / folder_name(pipeline) / job / f"{datum[:32]}.log"

    def close(self) -> None:
        """Closes the database."""
        self.db.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
