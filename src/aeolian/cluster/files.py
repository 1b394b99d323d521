"""Files into and out of a pachd."""

import contextlib
import os
import secrets
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from pachyderm_sdk.api import pfs

from aeolian import names
from aeolian.cluster import messages
from aeolian.cluster.connection import Connection, NotThere
from aeolian.cluster.naming import as_message, branch_of, commit_of, file_of
from aeolian.errors import UsageError
from aeolian.platform.addresses import ID, ID_LENGTH, Address
from aeolian.platform.protocol import Report
from aeolian.platform.records import File, Put
from aeolian.platform.sources.opening import accept, open_item
from aeolian.platform.sources.selection import Item
from aeolian.platform.sources.streams import as_file

_BLOCK_BYTES = 1 << 20
_GLOB_SIGNS = frozenset("*?[]{}!()@+^")


class ClusterFiles:
    """What `platform.protocol.Files` asks, of a pachd."""

    _pachd: Connection

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
        """Put files in one commit, or into the open commit at `place`: all of them or none.

        They go as one stream, which a pachd takes whole or not at all. Without a description the commit that is told is
        the branch's head after it, which another put may have moved on.
        """
        stream = _Stream(items, strict=strict, whole=whole, append=append, report=report)
        opened = description and not self._is_open(place)
        commit = commit_of(place)
        if opened:
            commit = self._pachd.call(self._pachd.pfs.start_commit, branch=branch_of(place), description=description)
        try:
            # Standard input and the like can be read once.
            again = all(isinstance(item.source, str | Path) or callable(item.source) for item in items)
            tries = {} if again else {"tries": 1}
            self._pachd.call(lambda: self._pachd.pfs.modify_file(stream.requests(commit)), **tries)
        except BaseException:
            if opened:
                with contextlib.suppress(Exception):
                    self._pachd.call(self._pachd.pfs.drop_commit_set, commit_set=pfs.CommitSet(id=commit.id))
            # What went wrong with a file is more to the point than that its stream broke off.
            if stream.error is not None:
                raise stream.error from None
            raise
        if opened:
            self._pachd.call(self._pachd.pfs.finish_commit, commit=commit)
        return Put(
            place.repo, self._id(place), stream.files, stream.size, tuple(stream.renamed), tuple(stream.left_out)
        )

    def _is_open(self, place: Address) -> bool:
        try:
            found = self._pachd.call(self._pachd.pfs.inspect_commit, commit=commit_of(place))
        except NotThere:
            return False
        return "finishing" not in as_message(found)

    def _id(self, place: Address) -> str:
        if len(place.reference) == ID_LENGTH and ID.fullmatch(place.reference):
            return place.reference
        return str(self._pachd.call(self._pachd.pfs.inspect_commit, commit=commit_of(place)).commit.id)

    def read_file(self, file: Address, offset: int = 0) -> Iterator[bytes]:
        """Yield the content of one file from a byte on, in blocks. The path may be a glob that matches one."""
        found = self._find_one(file)
        for block in self._pachd.stream(self._pachd.pfs.get_file, file=file_of(found), offset=offset):
            yield block.value

    def _find_one(self, address: Address) -> Address:
        if not _GLOB_SIGNS & set(address.path):
            if address.path == "/" or self.inspect_file(address).type == "dir":
                raise UsageError(f"{address} is a folder.", remedy="Use -r, or name a file in it.")
            return address
        found = self.glob_files(address)
        if len(found) != 1:
            if found:
                raise UsageError(f"{address} matched multiple files.", remedy="Name one, or get their folder with -r.")
            where = f"{address.repo}@{address.reference}"
            raise UsageError(f"file {address.path} not found in {where}.", remedy=f"See `aeolian list file {where}`.")
        return self._find_one(Address(address.repo, address.reference, found[0].path.rstrip("/") or "/"))

    def get_file(self, file: Address, target: Path, offset: int = 0) -> None:
        """Write one file to `target`, whole or not at all."""
        if target.is_dir():
            raise UsageError(f"{target} is a folder.", remedy=f"Name the file: {target / Path(file.path).name}")
        _write(self.read_file(file, offset), target)

    def get_folder(self, folder: Address, target: Path) -> int:
        """Write every file below `folder` below `target`, or one file to `target`; return how many."""
        walked = self._pachd.stream(self._pachd.pfs.walk_file, file=file_of(folder))
        found = [each for each in map(messages.make_file, map(as_message, walked)) if each.type == "file"]
        if len(found) == 1 and found[0].path == folder.path:
            self.get_file(folder, target)
            return 1
        wanted = {each.path: each.size for each in found}
        target.mkdir(parents=True, exist_ok=True)
        # Of the commit that was walked, should the branch have moved on: all files as one stream.
        place = Address(folder.repo, found[0].commit, folder.path) if found else folder
        for path, content in self._read_folder(place) if found else ():
            if path in wanted:
                _write(content, _place_in(target, path, folder.path), size=wanted.pop(path))
        if wanted:
            raise UsageError(f"{len(wanted)} files did not come, {next(iter(wanted))} first.", remedy="Get it again.")
        return len(found)

    def _read_folder(self, folder: Address) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield path and content of every file below a folder; the content is to be read before the next."""
        answers = self._pachd.stream(self._pachd.pfs.get_file_tar, file=file_of(folder))
        with tarfile.open(fileobj=as_file(each.value for each in answers), mode="r|") as tar:
            for member in tar:
                if member.isfile() and (file := tar.extractfile(member)) is not None:
                    yield f"/{member.name.lstrip('/')}", iter(partial(file.read, _BLOCK_BYTES), b"")

    def list_files(self, folder: Address) -> list[File]:
        """Return what is directly in a folder."""
        answers = self._pachd.stream(self._pachd.pfs.list_file, file=file_of(folder))
        return [messages.make_file(as_message(each)) for each in answers]

    def glob_files(self, glob: Address) -> list[File]:
        """Return the files and folders that the path matches."""
        answers = self._pachd.stream(self._pachd.pfs.glob_file, commit=commit_of(glob), pattern=glob.path)
        return [messages.make_file(as_message(each)) for each in answers]

    def inspect_file(self, file: Address) -> File:
        """Return a file or folder."""
        return messages.make_file(as_message(self._pachd.call(self._pachd.pfs.inspect_file, file=file_of(file))))

    def delete_file(self, file: Address, *, recursive: bool) -> Put:
        """Remove a file, or a folder with all below it."""
        if _GLOB_SIGNS & set(file.path):
            raise UsageError(f"{file.path} has signs of globs in it.", remedy="Name one file, or a folder with -r.")
        try:
            found = self.inspect_file(file)
        except NotThere:  # no mistake: the commit is made all the same
            path, files = file.path, 0
        else:
            if found.type == "dir" and not recursive:
                raise UsageError(f"{file} is a folder.", remedy="Remove it with all below it with -r.")
            path, files = found.path, 1 if found.type == "file" else self._count(file)
        self._modify(file, pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path=path)))
        return Put(file.repo, self._id(file), files, 0)

    def _count(self, folder: Address) -> int:
        walked = self._pachd.stream(self._pachd.pfs.walk_file, file=file_of(folder))
        return sum(1 for each in walked if each.file_type == pfs.FileType.FILE)

    def copy_file(self, source: Address, target: Address, *, append: bool) -> Put:
        """Put a file or folder at another place."""
        found = self.inspect_file(source)
        files = 1 if found.type == "file" else self._count(source)
        copy = pfs.CopyFile(src=file_of(source), dst=target.path, append=append)
        self._modify(target, pfs.ModifyFileRequest(copy_file=copy))
        return Put(target.repo, self._id(target), files, found.size)

    def _modify(self, place: Address, request: Any) -> None:
        requests = [pfs.ModifyFileRequest(set_commit=commit_of(place)), request]
        self._pachd.call(lambda: self._pachd.pfs.modify_file(iter(requests)))


def _place_in(target: Path, path: str, folder: str) -> Path:
    """Return where a file of `folder` goes below `target`, in a folder that is there. Raises `UsageError` outside."""
    place = target / path[len(folder.rstrip("/")) + 1 :]
    if not place.resolve().is_relative_to(target.resolve()):
        raise UsageError(f"{path} would leave {target}.", remedy="It was not written.")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


class _Stream:
    """The messages of one put, and what came of it."""

    def __init__(self, items: Sequence[Item], *, strict: bool, whole: bool, append: bool, report: Report) -> None:
        self._items, self._strict, self._whole, self._append, self._report = items, strict, whole, append, report
        self.files = self.size = 0
        self.renamed: list[tuple[str, str]] = []
        self.left_out: list[tuple[str, str]] = []
        self.error: BaseException | None = None

    def requests(self, commit: Any) -> Iterator[Any]:
        """Yield the messages, from the beginning. What goes wrong is kept in `error`: the stream only breaks off."""
        self.files, self.size, self.renamed, self.left_out, self.error = 0, 0, [], [], None
        try:
            yield pfs.ModifyFileRequest(set_commit=commit)
            for done, item in enumerate(self._items):
                self._report(done, len(self._items), item.path)
                yield from self._add(item)
            self._report(len(self._items), len(self._items), "")
        except BaseException as error:
            self.error = error
            raise

    def _add(self, item: Item) -> Iterator[Any]:
        try:
            for wanted, source in open_item(item, self.left_out):
                path = accept(wanted, strict=self._strict)
                with contextlib.ExitStack() as opened:
                    file = opened.enter_context(Path(source).open("rb")) if isinstance(source, str | Path) else source
                    yield from self._blocks(path, file)
                if path != wanted:
                    self.renamed.append((names.printable(wanted), path))
        except OSError as error:
            if self._whole or not item.found:
                raise UsageError(
                    f"{item.source} cannot be read: {error.strerror}.", remedy="Nothing was put."
                ) from None
            self.left_out.append((str(item.source), f"a file that cannot be read ({error.strerror})"))

    def _blocks(self, path: str, file: BinaryIO) -> Iterator[Any]:
        block = file.read(_BLOCK_BYTES)
        if not self._append:
            yield pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path=path))
        self.files += 1
        while True:
            self.size += len(block)
            yield pfs.ModifyFileRequest(add_file=pfs.AddFile(path=path, raw=block))
            block = file.read(_BLOCK_BYTES)
            if not block:
                return


def _write(blocks: Iterator[bytes], target: Path, *, size: int | None = None) -> None:
    """Write a file, whole or not at all. Raises `UsageError` if it has not `size` bytes."""
    partial = target.parent / f".partial-{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            for block in blocks:
                file.write(block)
            if size is not None and file.tell() != size:
                raise UsageError(f"{target} has {file.tell()} bytes instead of {size}.", remedy="Get it again.")
        partial.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
