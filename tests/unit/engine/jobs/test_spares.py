"""Files that one datum left and the next begins with: never with anything of the datum before."""

import os
import stat

import pytest

from aeolian.engine.jobs.places import Places
from aeolian.engine.jobs.spares import Spares
from aeolian.engine.programs.folders import overwrite


def shell(script):
    return ["sh", "-c", script]


@pytest.fixture
def spares(tmp_path):
    found = Spares(tmp_path / "spare")
    yield found
    found.remove()
    assert not (tmp_path / "spare").exists()


def made(path, content=b"old", mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return str(path), path.lstat()


def test_a_spare_is_written_over(tmp_path, spares):
    assert spares.keep(*made(tmp_path / "was", b"longer than what comes", 0o400))
    spares.move_to(tmp_path / "is")
    overwrite(tmp_path / "is", b"new", 0o644)
    assert (tmp_path / "is").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "is").stat().st_mode) == 0o644


def test_without_a_spare_nothing_is_moved(tmp_path, spares):
    spares.move_to(tmp_path / "is")
    assert not (tmp_path / "is").exists()


def test_what_has_another_name_is_large_or_no_file_is_not_kept(tmp_path, spares):
    linked = made(tmp_path / "linked")[0]
    (tmp_path / "second").hardlink_to(linked)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("linked", "pipe", "link"):
        assert not spares.keep(str(tmp_path / name), (tmp_path / name).lstat())
    assert not spares.keep(*made(tmp_path / "large", b"x" * 70_000))


def test_a_file_is_not_written_through_a_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "hard").hardlink_to(target)
    for name in ("link", "hard"):
        with pytest.raises(OSError):
            overwrite(tmp_path / name, b"lost", 0o644)
    assert target.read_text() == "kept"


def test_a_place_is_bare_after_a_datum_and_made_anew_where_that_cannot_be(tmp_path):
    with Places(tmp_path, "p", lasting=True) as places:
        place = places.mine()
        place.make_ready(("in",))
        assert not place.bare
        for folder in ("tmp", "pfs/.scratch/in", "pfs/.scratch/out"):
            (place.folder / folder).mkdir(mode=0o700, parents=True)
        for folder in (place.folder, place.folder / "pfs", place.folder / "pfs/.scratch"):
            folder.chmod(0o700)
        (place.folder / "pfs/in").symlink_to(place.folder / "pfs/.scratch/in")
        (place.folder / "pfs/out").symlink_to(place.folder / "pfs/.scratch/out")
        (place.folder / "pfs/.scratch/out/f").write_text("1")
        place.clear()
        assert place.folder / "pfs/.scratch/out" in place.bare
        assert all(
            folder.is_dir() and not any(f.is_file() for f in folder.iterdir()) for folder in place.bare - {place.folder}
        )
        (place.folder / "pfs/.scratch/out").rmdir()
        place.clear()
        assert not place.bare
        assert not place.folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_no_datum_sees_anything_of_another(bench):
    """Names, contents, lengths and modes differ from datum to datum; each gets its own, and says what it saw."""
    bench.repo("in")
    bench.put("in", {f"{n:02d}": "x" * (n * 37 % 1000) for n in range(40)})
    script = (
        "stat -c '%a %s' $in > /pfs/out/$(basename $in); wc -c < $in >> /pfs/out/$(basename $in); chmod 400 /pfs/out/*"
    )
    bench.pipeline("p", shell(f"{script}; echo said of $(basename $in)"), "in")
    assert not bench.run(cores=2).failed
    sizes = {f"{n:02d}": n * 37 % 1000 for n in range(40)}
    assert bench.contents("p") == {name: f"644 {size}\n{size}\n" for name, size in sizes.items()}
    logs = {path.read_text() for path in (bench.store.home / "logs").rglob("*.log")}
    assert logs == {f"said of {name}\n" for name in sizes}
    assert list(bench.store.scratch.iterdir()) == []
