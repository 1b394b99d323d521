"""The folders a stage reads and writes: listed safely, in a fixed order, written whole or not at all."""

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aeolian.errors import UsageError
from aeolian.stages.report import REPORT_NAME, StageReport


def input_files(folder: Path, report: StageReport) -> list[Path]:
    """List every regular file below `folder`, folder by folder in order of name, without hidden files and our reports.

    `report` names what is passed over. As failed: a folder or file that cannot be read. As skipped: a link to a folder
    (it may go in circles), a link that leads nowhere, a device, a pipe. Nothing of it ends the stage.
    Raises `UsageError` if `folder` itself is not there or cannot be read.
    """
    try:
        if stat.S_ISREG(folder.stat().st_mode):
            return [folder]
        os.scandir(folder).close()
    except OSError as error:
        raise _unusable(folder, error) from error
    found = []

    def fail(error: OSError) -> None:
        name = os.path.relpath(os.fsdecode(error.filename), folder)
        report.fail(Path(name).as_posix(), f"cannot be read: {error.strerror}")

    for directory, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = sorted(name for name in files if not name.startswith(".") and name != REPORT_NAME)
        for path in (Path(directory, name) for name in (*names, *folders)):
            try:
                reason = _reason_to_skip(path)
            except OSError as error:
                fail(error)
                folders[:] = [name for name in folders if name != path.name]
                continue
            if reason:
                report.skip(path.relative_to(folder).as_posix(), reason)
            elif not path.is_dir():
                found.append(path)
    return found


def _reason_to_skip(path: Path) -> str:
    """Say why `path` is neither a folder to walk nor a file to read; empty if it is one. Raises `OSError`."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink() and error.errno in (errno.ENOENT, errno.ENOTDIR):
            return "a link that leads nowhere"
        if error.errno == errno.ELOOP:
            return "a link that leads to itself"
        raise
    if stat.S_ISDIR(mode):
        return "a link to a folder, which is not followed: it may go in circles" if path.is_symlink() else ""
    return "" if stat.S_ISREG(mode) else "no file (a device, a pipe or a socket)"


def _unusable(folder: Path, error: OSError) -> UsageError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return UsageError(f"The input folder {folder} does not exist.", remedy="Give a folder that holds the files.")
    return UsageError(
        f"The input folder {folder} cannot be read: {error.strerror}.", remedy="Check who may read it (ls -ld)."
    )


def output_folder(folder: Path) -> Path:
    """`folder`, made if need be. Raises `UsageError` if a file has its name, `OSError` if it cannot be written to."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"The output folder {folder} is a file.", remedy="Give another name or remove the file.")
    folder.mkdir(parents=True, exist_ok=True)
    # Better now than after the work.
    with tempfile.TemporaryFile(dir=folder):
        return folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not."""
    partial = path.parent / f".partial-{secrets.token_hex(8)}{path.suffix}"
    # Made with the mode of any new file: to ask for the umask is to change it, for all threads, for a moment.
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
