"""What a program sees as /pfs: a symbolic link for each input and for `out`, as on a cluster.

The folders themselves are in /pfs/.scratch. So `find /pfs/in -type f` finds nothing and `cp -r /pfs/in X` copies a
link, here as there, while `/pfs/in/*`, `find /pfs/in/` and `os.walk` see the files.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from aeolian.engine.programs.folders import overwrite

SCRATCH, OUT, DOTENV = ".scratch", "out", ".env"
_PLAIN = re.compile(r"[\w./:@%+=,~-]*", re.ASCII)


def real_folder(pfs: Path, name: str) -> Path:
    """The folder to which /pfs/`name` is a link, where `pfs` stands for /pfs."""
    return pfs / SCRATCH / name


def link_folders(pfs: Path, inputs: Iterable[str], seen_as: Path, *, anew: bool = False) -> None:
    """Makes the links in `pfs`, which its program sees as `seen_as`; `anew` also where there is one already."""
    target = f"{seen_as}/{SCRATCH}"
    for name in (*inputs, OUT):
        path = pfs / name
        if anew:
            with contextlib.suppress(OSError):
                path.unlink()
        # What the program itself has put there, or made unwritable, stays.
        with contextlib.suppress(FileExistsError, PermissionError):
            path.symlink_to(f"{target}/{name}")


def relink_outputs(pfs: Path) -> None:
    """Absolute links into /pfs, which is elsewhere on this machine, become links to there; no link is followed."""
    for folder, folders, files in os.walk(real_folder(pfs, OUT)):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink() and (target := str(path.readlink())).startswith("/pfs/"):
                with contextlib.suppress(PermissionError):
                    path.unlink()
                    path.symlink_to(f"{pfs}{target.removeprefix('/pfs')}")


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_dotenv(pfs: Path, environment: Mapping[str, str]) -> None:
    """The environment as /pfs/.env: lines of `NAME=value`, in quotes what a reader would not take as it stands."""
    text = "".join(f"{name}={_quoted(value)}\n" for name, value in environment.items())
    overwrite(pfs / DOTENV, text.encode("utf-8", "surrogateescape"), 0o644)
