"""Files into and out of a store."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from aeolian.engine.local.records import make_file
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import (
    files,
    getting,
    listing,
)
from aeolian.platform.addresses import Address
from aeolian.platform.protocol import Report
from aeolian.platform.records import (
    File,
    Put,
)
from aeolian.platform.sources.selection import Item


class LocalFiles:
    """What `platform.protocol.Files` asks, of a store."""

    store: Store

    def put_files(
        self,
        place: Address,
        items: Sequence[Item],
        *,
        strict: bool = False,
        whole: bool = False,
        append: bool = False,
        description: str = "",
        report: Report,
    ) -> Put:
        """Put files in one commit, or into the open commit at `place`: all of them or none."""
        done = files.put_files(
            self.store,
            place.repo,
            place.reference,
            items,
            strict=strict,
            whole=whole,
            append=append,
            description=description,
            report=report,
        )
        return Put(done.commit.repo, done.commit.id, done.files, done.size, done.renamed, done.left_out)

    def read_file(self, file: Address, offset: int = 0) -> Iterator[bytes]:
        """Yield the content of one file from a byte on, in blocks. The path may be a glob that matches one."""
        return getting.read_file(self.store, file, offset)

    def get_file(self, file: Address, target: Path, offset: int = 0) -> None:
        """Write one file to `target`, whole or not at all."""
        getting.get_file(self.store, file, target, offset)

    def get_folder(self, folder: Address, target: Path) -> int:
        """Write every file below `folder` below `target`; return how many."""
        return getting.get_folder(self.store, folder, target)

    def list_files(self, folder: Address) -> list[File]:
        """Return what is directly in a folder."""
        commit, found = listing.list_files(self.store, folder)
        return [make_file(commit, each) for each in found]

    def glob_files(self, glob: Address) -> list[File]:
        """Return the files and folders that the path matches."""
        commit, found = listing.glob_files(self.store, glob)
        return [make_file(commit, each) for each in found]

    def inspect_file(self, file: Address) -> File:
        """Return a file or folder."""
        commit, found = listing.inspect_path(self.store, file)
        return make_file(commit, found, files.original_name(self.store, file.repo, found.path) or "")

    def delete_file(self, file: Address, *, recursive: bool) -> Put:
        """Remove a file, or a folder with all below it."""
        commit, count = files.delete_path(self.store, file, recursive=recursive)
        return Put(commit.repo, commit.id, count, 0)

    def copy_file(self, source: Address, target: Address, *, append: bool) -> Put:
        """Put a file or folder at another place."""
        commit, count = files.copy_path(self.store, source, target, append=append)
        return Put(commit.repo, commit.id, count, 0)
