"""A datum's folder: its inputs laid out, and its output taken in, trusting nothing that the program left there."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aeolian import names
from aeolian.engine.jobs.inputs import Datum
from aeolian.engine.programs.read_only import MOST_FILES, WORTH_BYTES
from aeolian.engine.storage.objects import Intake
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import Entry
from aeolian.errors import InputError

OUT = "out"
# A file that claims this much more than the disk holds for it is refused rather than read: hours of zeros.
MAX_HOLES_BYTES = 1 << 30

_Stamp = tuple[int, int, int, int]


@dataclass
class Layout:
    """Where a datum's files are: `/pfs` is `pfs`; what each input file looked like when it was laid out.

    `lives_on`: its program goes on after the datum, and may still hold files open that it wrote. `linked` are inputs
    that are objects of the store: the program must not be able to change them.
    """

    folder: Path
    lives_on: bool = False
    placed: dict[Path, tuple[_Stamp, Entry]] = field(default_factory=dict)
    linked: list[Path] = field(default_factory=list)

    @property
    def pfs(self) -> Path:
        """The folder that stands for /pfs."""
        return self.folder / "pfs"

    @property
    def out(self) -> Path:
        """The folder that stands for /pfs/out."""
        return self.pfs / OUT


def place_datum(store: Store, pipeline: str, datum: str) -> Path:
    """Where a datum of a pipeline runs that has a process of its own; `datum` is its id."""
    return store.scratch / f"{pipeline}-{datum[:24]}"


def lay_out(store: Store, datum: Datum, folder: Path, *, lives_on: bool = False, link: bool = False) -> Layout:
    """Makes `folder` with the inputs of a datum, each file a private copy that cannot hurt the store.

    With `link`, what is large may be `linked` instead.
    """
    layout = Layout(folder, lives_on)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    layout.out.mkdir(parents=True)
    made = {layout.out}
    for part in datum.inputs:
        root = layout.pfs / part.input.name
        for entry in part.entries:
            target = Path(f"{root}{entry.path}")
            if target in layout.placed:
                continue
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            if part.input.empty_files:
                target.touch(0o444)
            else:
                may_link = link and entry.size >= WORTH_BYTES and len(layout.linked) < MOST_FILES
                if store.objects.write_to(entry.object, entry.size, target, link=may_link):
                    layout.linked.append(target)
            layout.placed[target] = (_stamp(target.lstat()), entry)
        if root not in made:
            root.mkdir(exist_ok=True)
    return layout


def refuse_changed_inputs(layout: Layout) -> None:
    """Raises `InputError` if the program wrote into a file of its inputs. The store's own copy is unharmed."""
    for path, (stamp, _) in layout.placed.items():
        try:
            now = _stamp(path.lstat())
        except FileNotFoundError:
            continue
        if now != stamp:
            raise InputError(
                f"the program changed its input /pfs/{path.relative_to(layout.pfs)}",
                remedy="Inputs are read-only; write to /pfs/out.",
            )


def collect(layout: Layout, intake: Intake) -> list[Entry]:
    """Takes in every file of /pfs/out, by path. Raises `InputError` naming the first thing that cannot be an output."""
    by_inode = {(stamp[0], stamp[1]): (stamp, entry) for stamp, entry in layout.placed.values()}
    entries = []
    for path, status in _walk(layout.out):
        name = "/" + str(path.relative_to(layout.out))
        if reason := names.refusal(name):
            raise InputError(
                f"it wrote /pfs/out{name!a}: {reason}", remedy=f"A name that is accepted: {names.acceptable(name[1:])}"
            )
        source, status = _resolved(layout, path, status, name)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"it wrote /pfs/out{name}, which is {_kind(status.st_mode)}; only files can be kept")
        _refuse_holes(status, name)
        stamp, known = by_inode.get((status.st_dev, status.st_ino), (None, None))
        if known is not None and stamp == _stamp(status) and known.size == status.st_size:
            entries.append(Entry(name, known.object, known.size))
            continue
        try:
            entries.append(Entry(name, *intake.add(source, take=source == path and not layout.lives_on)))
        except PermissionError:
            raise InputError(f"it wrote /pfs/out{name}, which cannot be read") from None
    return sorted(entries)


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below `folder` but folders; no link is followed."""
    folders = [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.path)
                else:
                    yield Path(item.path), item.stat(follow_symlinks=False)


def _resolved(layout: Layout, path: Path, status: os.stat_result, name: str) -> tuple[Path, os.stat_result]:
    """The file itself. A link to a file of the datum's own /pfs is that file; any other link is refused."""
    if not stat.S_ISLNK(status.st_mode):
        return path, status
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise InputError(f"it wrote /pfs/out{name}, a link that leads nowhere") from None
    if not target.is_relative_to(layout.pfs.resolve()):
        raise InputError(f"it wrote /pfs/out{name}, a link that leaves /pfs", remedy="Copy the file instead.")
    if target.is_dir():
        raise InputError(f"it wrote /pfs/out{name}, a link to a folder", remedy="Copy or link its files instead.")
    return target, target.lstat()


def _refuse_holes(status: os.stat_result, name: str) -> None:
    if status.st_size - status.st_blocks * 512 > MAX_HOLES_BYTES:
        raise InputError(
            f"it wrote /pfs/out{name}, which claims {status.st_size:,} bytes but has {status.st_blocks * 512:,} on disk"
        )


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")
