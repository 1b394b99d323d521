"""Emptying and removing folders in which a program did as it liked."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path


def remove(folder: Path) -> None:
    """Removes a scratch folder, whatever permissions a program gave its parts."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder, onerror=_unlock)


def empty(folder: Path) -> None:
    """Removes all that is in a folder, whatever permissions a program gave it and its parts."""
    folder.chmod(0o755)
    for path in list(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            remove(path)
        else:
            path.unlink()


def _unlock(function: Callable[[str], object], path: str, error: object) -> None:
    with contextlib.suppress(FileNotFoundError):
        Path(path).parent.chmod(0o700)
        if Path(path).is_dir() and not Path(path).is_symlink():
            Path(path).chmod(0o700)
            shutil.rmtree(path)
        else:
            function(path)
