"""The files in a tar archive, read as it comes: no link in it is followed, and no name leaves the repo."""

import contextlib
import io
import posixpath
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Self, cast

from aeolian.errors import UsageError

_SUFFIXES: dict[str, Any] = {".tar": "r|", ".tar.gz": "r|gz", ".tgz": "r|gz"}
LeftOut = list[tuple[str, str]]


def archive_mode(name: str) -> Any:
    """Return how tarfile reads an archive of this name, None if it is none."""
    return next((mode for suffix, mode in _SUFFIXES.items() if name.endswith(suffix)), None)


class _Header(tarfile.TarInfo):
    """A header of an archive. tarfile takes one that is broken for the end of the archive; here it is an error."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except (_Truncated, _Invalid) as error:
            raise UsageError(f"The archive is broken: {error}.", remedy="Nothing was put.") from None


_Truncated: type[Exception] = tarfile.TruncatedHeaderError  # type: ignore[attr-defined]
_Invalid: type[Exception] = tarfile.InvalidHeaderError  # type: ignore[attr-defined]


def read_members(stream: BinaryIO, name: str, left_out: LeftOut) -> Iterator[tuple[str, BinaryIO]]:
    """Yield path and content of each file in an archive. The content is to be read before the next file is asked for.

    What is no file is added to `left_out`, with the reason. Raises `UsageError` for a broken archive, and for a name
    with `..` in it.
    """
    mode = archive_mode(name)
    assert mode is not None
    with _told_if_broken(name):
        archive = tarfile.open(name=None, mode=mode, fileobj=stream, tarinfo=_Header)  # noqa: SIM115
    with contextlib.closing(archive):
        while True:
            with _told_if_broken(name):
                member = archive.next()
            if member is None:
                return
            vars(archive)["members"].clear()  # or it would keep every header
            if ".." in member.name.split("/"):
                raise UsageError(f"{name} has the file {member.name!r}, outside of it.", remedy="Nothing was put.")
            if member.isfile():
                content = archive.extractfile(member)
                assert content is not None
                yield _clean(member.name), cast(BinaryIO, _Member(content, name))
            elif not member.isdir():
                left_out.append((f"{name}:{member.name}", "a link" if member.islnk() or member.issym() else "no file"))


def _clean(name: str) -> str:
    return posixpath.normpath(f"/{name}").replace("//", "/")


class _Member(io.BufferedIOBase):
    """The content of a member. Reading it raises `UsageError` where the archive is broken."""

    def __init__(self, content: object, name: str) -> None:
        self._content, self._name = cast(BinaryIO, content), name

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        with _told_if_broken(self._name):
            return self._content.read(-1 if size is None else size)


@contextlib.contextmanager
def _told_if_broken(name: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UsageError(f"{name} is no whole archive: {error}.", remedy="Nothing was put.") from None
    except Exception as error:
        # zlib has an error of its own, which is no OSError.
        if type(error).__module__ == "zlib":
            raise UsageError(f"{name} is no whole archive: {error}.", remedy="Nothing was put.") from None
        raise
