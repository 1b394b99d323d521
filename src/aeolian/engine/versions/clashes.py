"""A path cannot be a file and a folder at once."""

from collections.abc import Collection, Iterator

from aeolian.engine.storage.trees import Trees

# Above so many questions, reading the whole tree once is cheaper than looking into it each time.
_MANY = 256


class Lookup:
    """Answers `count` questions about a tree: is there a file, is there a folder."""

    def __init__(self, trees: Trees, tree: str, count: int) -> None:
        self._trees, self._tree = trees, tree
        self._files: set[str] | None = None
        if count > _MANY:
            self._files = {entry.path for entry in trees.entries(tree)}
            self._folders = {folder for path in self._files for folder in folders_of(path)}

    def file(self, path: str) -> bool:
        """Whether the tree has a file at `path`."""
        return path in self._files if self._files is not None else self._trees.get(self._tree, path) is not None

    def folder(self, path: str) -> bool:
        """Whether the tree has files below `path`."""
        return path in self._folders if self._files is not None else self._trees.has_folder(self._tree, path)


def clash(trees: Trees, tree: str, added: Collection[str]) -> str | None:
    """

    path that is both a file and a folder in `tree`, into which the files `added` have just been put; None if none.
    """
    folders = {folder for path in added for folder in folders_of(path)}
    there = Lookup(trees, tree, len(added) + len(folders))
    return next((folder for folder in sorted(folders) if there.file(folder)), None) or next(
        (path for path in sorted(added) if there.folder(path)), None
    )


def folders_of(path: str) -> Iterator[str]:
    """The folders that hold `path`, the nearest first, without the root."""
    parent = path.rpartition("/")[0]
    while parent:
        yield parent
        parent = parent.rpartition("/")[0]
