"""A pachd as a platform."""

from typing import Self

from aeolian.cluster.connection import Connection
from aeolian.cluster.files import ClusterFiles
from aeolian.cluster.pipelines import ClusterPipelines
from aeolian.cluster.repos import ClusterRepos
from aeolian.platform.contexts import Context


class ClusterPlatform(ClusterRepos, ClusterFiles, ClusterPipelines):
    """A pachd, in a `with` statement. Raises `AeolianError` where none answers."""

    def __init__(self, context: Context) -> None:
        self.name, self.project = context.name, context.project
        self._pachd = Connection(context)

    def __enter__(self) -> Self:
        self._pachd.wait_until_ready()
        return self

    def __exit__(self, *error: object) -> None:
        self._pachd.close()
