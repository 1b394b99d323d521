"""The folders a stage reads and writes: listed safely, in a fixed order, written whole or not at all."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aeolian.errors import UsageError
from aeolian.stages.report import REPORT_NAME


def input_files(folder: Path) -> list[Path]:
    """Every regular file below `folder`, sorted by relative path, without hidden files and our own reports.

    Devices, pipes and dangling links are left out; links to folders are not followed, since they may go in
    circles. Raises `UsageError` if `folder` is no folder that can be read.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise UsageError(f"The input folder {folder} does not exist.", remedy="Give a folder that holds the files.")
    found = []
    for directory, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            path = Path(directory, name)
            if name.startswith(".") or name == REPORT_NAME or not path.is_file():
                continue
            found.append(path)
    return found


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
