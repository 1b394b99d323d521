"""The engine of this machine as a platform."""

from typing import Any, Self

from aeolian.engine.local.files import LocalFiles
from aeolian.engine.local.pipelines import LocalPipelines
from aeolian.engine.local.repos import LocalRepos
from aeolian.engine.storage.store import Store
from aeolian.platform.contexts import LOCAL
from aeolian.platform.specs.names import DEFAULT_PROJECT


class LocalPlatform(LocalRepos, LocalFiles, LocalPipelines):
    """The engine of this machine, in a `with` statement."""

    name = LOCAL
    project = DEFAULT_PROJECT

    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> Self:
        self.store.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.store.__exit__(*error)
