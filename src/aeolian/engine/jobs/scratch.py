"""A datum's folder: its inputs laid out, and its output taken in, trusting nothing that the program left there."""

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from aeolian import names
from aeolian.engine.jobs.inputs import Datum
from aeolian.engine.jobs.spares import Spares
from aeolian.engine.programs.folders import overwrite
from aeolian.engine.programs.pfs import OUT, SCRATCH, real_folder
from aeolian.engine.programs.read_only import MOST_FILES, WORTH_BYTES
from aeolian.engine.storage.objects import Intake
from aeolian.engine.storage.store import Store
from aeolian.engine.storage.trees import Entry
from aeolian.errors import InputError

# A file that claims this much more than the disk holds for it is refused rather than read: hours of zeros.
MAX_HOLES_BYTES = 1 << 30

_Stamp = tuple[int, int, int, int]


@dataclass
class Layout:
    """Where a datum's files are: `/pfs` is `pfs`; what each input file looked like when it was laid out.

    Inputs and `out` are folders of /pfs/.scratch; the links to them that a program sees are its executor's to make.
    `lives_on`: its program goes on after the datum, and may still hold files open that it wrote. `linked` are inputs
    that are objects of the store: the program must not be able to change them.
    """

    folder: Path
    lives_on: bool = False
    placed: dict[Path, tuple[_Stamp, Entry]] = field(default_factory=dict)
    linked: list[Path] = field(default_factory=list)

    @cached_property
    def pfs(self) -> Path:
        """The folder that stands for /pfs."""
        return self.folder / "pfs"

    @cached_property
    def out(self) -> Path:
        """The folder that /pfs/out leads to."""
        return real_folder(self.pfs, OUT)

    def shown(self, path: Path) -> str:
        """How a program names a file of an input or of its output."""
        return f"/pfs/{path.relative_to(self.pfs / SCRATCH)}"


def lay_out(
    store: Store,
    datum: Datum,
    folder: Path,
    *,
    lives_on: bool = False,
    link: bool = False,
    bare: Collection[Path] = (),
    spares: Spares | None = None,
) -> Layout:
    """Makes `folder`, or fills its bare folders, with the inputs of a datum: private copies that cannot hurt the store.

    With `link`, what is large may be `linked` instead. The folders `bare` are there; `spares` are used up first.
    """
    layout = Layout(folder, lives_on)
    made = {folder.parent, *bare}

    def write(path: Path, content: bytes) -> None:
        if spares:
            spares.move_to(path)
        overwrite(path, content, 0o644)

    _make_folder(folder / "tmp", made)
    _make_folder(layout.out, made)
    for part in datum.inputs:
        root = real_folder(layout.pfs, part.input.name)
        _make_folder(root, made)
        for entry in part.entries:
            target = Path(f"{root}{entry.path}")
            if target in layout.placed:
                continue
            _make_folder(target.parent, made)
            if part.input.empty_files:
                target.touch()
            else:
                may_link = link and entry.size >= WORTH_BYTES and len(layout.linked) < MOST_FILES
                if store.objects.write_to(entry.object, entry.size, target, link=may_link, write=write):
                    layout.linked.append(target)
            layout.placed[target] = (_stamp(target.lstat()), entry)
    return layout


def _make_folder(folder: Path, made: set[Path]) -> None:
    if folder not in made:
        _make_folder(folder.parent, made)
        folder.mkdir(0o700, exist_ok=True)
        made.add(folder)


def refuse_changed_inputs(layout: Layout) -> None:
    """Raises `InputError` if the program wrote into a file of its inputs. The store's own copy is unharmed."""
    for path, (stamp, _) in layout.placed.items():
        try:
            now = _stamp(path.lstat())
        except FileNotFoundError:
            continue
        if now != stamp:
            raise InputError(
                f"the program changed its input {layout.shown(path)}",
                remedy="Inputs are read-only; write to /pfs/out.",
            )


def collect(layout: Layout, intake: Intake) -> list[Entry]:
    """Takes in every file of /pfs/out, by path. Raises `InputError` naming the first thing that cannot be an output."""
    by_inode = {(stamp[0], stamp[1]): (stamp, entry) for stamp, entry in layout.placed.values()}
    entries = []
    for name, path, status, linked in _outputs(layout):
        if reason := names.refusal(name):
            raise InputError(
                f"it wrote /pfs/out{name!a}: {reason}", remedy=f"A name that is accepted: {names.acceptable(name[1:])}"
            )
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"it wrote /pfs/out{name}, which is {_kind(status.st_mode)}; only files can be kept")
        _refuse_holes(status, name)
        stamp, known = by_inode.get((status.st_dev, status.st_ino), (None, None))
        # A link to a file of an input without contents (`empty_files`) is that file with its content.
        if known is not None and stamp == _stamp(status) and (linked or known.size == status.st_size):
            entries.append(Entry(name, known.object, known.size))
            continue
        try:
            entries.append(Entry(name, *intake.add(path, take=not linked and not layout.lives_on)))
        except PermissionError:
            raise InputError(f"it wrote /pfs/out{name}, which cannot be read") from None
    return sorted(entries)


def _outputs(layout: Layout) -> Iterator[tuple[str, Path, os.stat_result, bool]]:
    """What is in /pfs/out but folders and named pipes: name, the file itself, its status, whether a link led to it.

    Links come first: what they lead to may be taken away afterwards.
    """
    if layout.out.is_symlink() or layout.out.is_file():
        raise InputError("it put something else in the place of the folder /pfs/out")
    files = []
    for path, status in list(_walk(layout.out)) if layout.out.exists() else ():
        name = f"/{path.relative_to(layout.out)}"
        if stat.S_ISLNK(status.st_mode):
            yield from _linked(layout, path, name)
        else:
            files.append((name, path, status, False))
    yield from files


def _linked(layout: Layout, path: Path, name: str) -> Iterator[tuple[str, Path, os.stat_result, bool]]:
    """What a link in /pfs/out leads to: a file of /pfs, or the files of an input's folder. Any other is refused."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise InputError(f"it wrote /pfs/out{name}, a link that leads nowhere") from None
    pfs = layout.pfs.resolve()
    if not target.is_relative_to(pfs):
        raise InputError(f"it wrote /pfs/out{name}, a link that leaves /pfs", remedy="Copy the file instead.")
    if not target.is_dir():
        yield name, target, target.lstat(), True
        return
    real = pfs / SCRATCH
    if target == real or not target.is_relative_to(real) or target.is_relative_to(real / OUT):
        what = f"it wrote /pfs/out{name}, a link to a folder that is of no input"
        raise InputError(what, remedy="Copy its files instead.")
    for inner, status in _walk(target):
        yield f"{name}/{inner.relative_to(target)}", inner, status, True


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below `folder` but folders and named pipes, which nobody can keep; no link is followed."""
    folders = [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.path)
                elif not stat.S_ISFIFO((status := item.stat(follow_symlinks=False)).st_mode):
                    yield Path(item.path), status


def _refuse_holes(status: os.stat_result, name: str) -> None:
    if status.st_size - status.st_blocks * 512 > MAX_HOLES_BYTES:
        raise InputError(
            f"it wrote /pfs/out{name}, which claims {status.st_size:,} bytes but has {status.st_blocks * 512:,} on disk"
        )


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a link in a linked folder",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")
