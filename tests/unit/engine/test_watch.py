"""A watched folder: what goes into the repo, what goes from it, and what never does."""

import errno
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from capabilities import permissions_count

from aeolian.engine import looks, watch
from aeolian.engine.storage.objects import Intake
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions.commits import list_commits
from aeolian.engine.watch import MOST_LOOKS_WAITED, Watcher
from aeolian.platform.addresses import parse_address


class Watched:
    """A folder, the repo `songs` that mirrors it, and what was told."""

    def __init__(self, bench):
        bench.repo("songs")
        self.bench, self.folder, self.told = bench, bench.folder / "watched", []
        self.folder.mkdir()
        self.start()

    def start(self, **options):
        self.watcher = Watcher(
            self.bench.store, self.folder, parse_address("songs@master"), tell=self.told.append, **options
        )
        self.settle()

    def write(self, **contents):
        for name, text in contents.items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def settle(self):
        """Two looks, after which what was there is in the repo; what was told meanwhile."""
        before = len(self.told)
        self.watcher.step()
        self.watcher.step()
        return self.told[before:]

    @property
    def contents(self):
        return self.bench.contents("songs") if list_commits(self.bench.store, "songs") else {}

    @property
    def commits(self):
        return len(list_commits(self.bench.store, "songs"))


@pytest.fixture
def watched(bench):
    return Watched(bench)


@pytest.fixture
def album(watched):
    """Songs at the top, in a folder, and in one below that."""
    watched.write(top="t", sub__a="a", sub__b="b", sub__deep__c="c")
    assert watched.settle() == []
    watched.away = watched.bench.folder / "away"
    watched.all = {"top": "t", "sub/a": "a", "sub/b": "b", "sub/deep/c": "c"}
    assert watched.contents == watched.all
    return watched


def test_a_watched_folder_becomes_commits_of_whole_files(watched):
    step, folder = watched.watcher.step, watched.folder
    (folder / "a.mp3").write_text("half")
    (folder / "Ä.mp3").write_text("umlaut")
    (folder / ".hidden").write_text("x")
    (folder / "b.mp3.part").write_text("x")
    assert step() == 0, "seen once: it may still grow"
    (folder / "a.mp3").write_text("the whole")
    assert step() == 0
    assert step() == 2
    assert sorted(watched.contents.values()) == ["the whole", "umlaut"]
    assert step() == 0
    (folder / "a.mp3").unlink()
    assert (step(), step()) == (0, 1)
    assert list(watched.contents.values()) == ["umlaut"]


def test_a_file_that_never_stops_growing_does_not_hold_up_the_others(watched):
    watched.write(whole="w")
    for n in range(MOST_LOOKS_WAITED + 2):
        watched.write(growing="g" * n)
        watched.watcher.step()
    assert watched.contents == {"whole": "w"}
    watched.settle()
    assert watched.contents == {"whole": "w", "growing": "g" * (MOST_LOOKS_WAITED + 1)}
    assert watched.commits == 2


def test_watch_started_again_reads_nothing_again_and_deletes_nothing_that_it_does_not_know(album, monkeypatch):
    album.bench.put("songs", {"of others": "o"})
    for folder, _, names in os.walk(album.folder):
        for name in names:
            os.utime(Path(folder, name), (1e9, 1e9))
    monkeypatch.setattr("aeolian.engine.storage.stamps._UNSETTLED_NS", 0)
    album.start()
    (album.folder / "sub" / "a").unlink()
    read, add = [], Intake.add

    def note(self, path, **options):
        read.append(path)
        return add(self, path, **options)

    monkeypatch.setattr(Intake, "add", note)
    commits = album.commits
    album.start()
    assert read == []
    assert album.commits == commits
    assert album.contents == album.all | {"of others": "o"}, "nobody saw it go"


def test_a_change_in_place_that_keeps_size_and_time_is_seen(album):
    path = album.folder / "top"
    before = path.stat()
    path.write_text("T")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    album.settle()
    assert album.contents["top"] == "T"


def test_a_file_put_in_anothers_place_with_its_size_and_time_is_seen(album):
    before = (album.folder / "top").stat()
    album.write(other="O")
    os.utime(album.folder / "other", ns=(before.st_atime_ns, before.st_mtime_ns))
    (album.folder / "other").rename(album.folder / "top")
    album.settle()
    assert album.contents == album.all | {"top": "O"}


def test_an_unreadable_file_is_told_once_and_the_others_go_in(album):
    album.write(top="secret", sub__a="A", new="n")
    (album.folder / "top").chmod(0)
    (album.folder / "new").chmod(0)
    with permissions_count():
        told = album.settle()
        assert [text.partition(": ")[0].rpartition("/")[2] for text in told] == ["new is not taken", "top is not taken"]
        assert all("Permission denied" in text for text in told)
        assert album.settle() == []
    assert album.contents == album.all | {"sub/a": "A"}
    album.settle()
    assert album.contents == album.all | {"sub/a": "A", "top": "secret", "new": "n"}


def test_a_file_that_vanishes_between_look_and_read_does_not_end_watch(album, monkeypatch):
    album.write(new="n", newer="N")
    album.watcher.step()
    stat_of = os.stat

    def vanish(path, **options):
        if str(path).endswith("/new"):
            (album.folder / "new").unlink(missing_ok=True)
        return stat_of(path, **options)

    monkeypatch.setattr(watch.os, "stat", vanish)
    assert album.watcher.step() == 1
    assert album.contents == album.all | {"newer": "N"}


def test_a_file_that_is_written_to_while_it_is_read_waits(album, monkeypatch):
    album.write(new="first")
    album.watcher.step()
    add = Intake.add

    def add_and_write(self, path, **options):
        added = add(self, path, **options)
        album.write(new="second")
        return added

    monkeypatch.setattr(Intake, "add", add_and_write)
    assert album.watcher.step() == 0
    monkeypatch.undo()
    album.settle()
    assert album.contents["new"] == "second"


def test_what_is_no_file_is_told_once_and_left_out(album, monkeypatch):
    (album.folder / "nowhere").symlink_to("nothing")
    (album.folder / "circle").symlink_to("circle")
    (album.folder / "sub" / "up").symlink_to("..")
    os.mkfifo(album.folder / "pipe")
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(album.folder)
    server.bind("socket")
    assert sorted(text[len(str(album.folder)) + 1 :] for text in album.settle()) == [
        "circle is left out: it is a link that leads in a circle",
        "nowhere is left out: it is a link that leads nowhere",
        "pipe is left out: it is a pipe, socket or device",
        "socket is left out: it is a pipe, socket or device",
        "sub/up is left out: it is a link to a folder",
    ]
    assert album.settle() == []
    assert album.contents == album.all


def test_a_pipe_that_takes_a_files_place_is_not_waited_for(album):
    path = album.folder / "new"
    os.mkfifo(path)
    with album.bench.store.objects.intake() as intake, pytest.raises(OSError, match="no regular file"):
        intake.add(path)


def test_a_link_to_a_file_is_that_file_also_after_it_is_turned(album):
    (album.folder / "link").symlink_to("sub/a")
    album.settle()
    assert album.contents["link"] == "a"
    (album.folder / "link").unlink()
    (album.folder / "link").symlink_to("sub/b")
    album.settle()
    assert album.contents["link"] == "b"


def test_deleted_files_go_while_their_folder_has_others(album):
    (album.folder / "sub" / "a").unlink()
    assert album.settle() == []
    assert album.contents == {"top": "t", "sub/b": "b", "sub/deep/c": "c"}


def test_a_folder_that_is_moved_within_takes_its_files_along(album):
    (album.folder / "sub").rename(album.folder / "moved")
    assert album.settle() == []
    assert album.contents == {"top": "t", "moved/a": "a", "moved/b": "b", "moved/deep/c": "c"}
    (album.folder / "moved" / "a").unlink()
    album.settle()
    assert album.contents == {"top": "t", "moved/b": "b", "moved/deep/c": "c"}


def test_files_that_are_moved_out_of_a_folder_within_leave_it(album):
    (album.folder / "sub" / "deep" / "c").rename(album.folder / "c")
    assert album.settle() == []
    assert album.contents == {"top": "t", "sub/a": "a", "sub/b": "b", "c": "c"}


GONE = {
    "moved away": lambda path, away: path.rename(away),
    "deleted": lambda path, away: shutil.rmtree(path),
    "emptied": lambda path, away: [shutil.rmtree(p) if p.is_dir() else p.unlink() for p in list(path.iterdir())],
    "unreadable": lambda path, away: path.chmod(0),
    "not to be entered": lambda path, away: path.chmod(0o444),
    "replaced": lambda path, away: [path.rename(away), path.mkdir(), (path / "new").write_text("n")],
    "a file now": lambda path, away: [path.rename(away), path.write_text("f")],
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("where", ["", "sub", "sub/deep"])
def test_what_goes_with_its_whole_folder_stays_in_the_repo_and_is_told_once(album, what, where):
    GONE[what](album.folder / where, album.away)
    with permissions_count():
        told = album.settle()
        assert told
        assert album.settle() == []
    lost = {path for path in album.all if path.startswith(where)}
    assert album.all.items() <= album.contents.items()
    assert set(album.contents) - set(album.all) == ({f"{where}/new".lstrip("/")} if what == "replaced" else set())
    assert sum(int(n) for text in told for n in re.findall(r"of it, (\d+) file", text)) == len(lost), told


@pytest.mark.parametrize("what", ["moved away", "unreadable", "emptied"])
def test_a_folder_that_is_back_is_as_before(album, what):
    folder, aside = album.folder / "sub", album.bench.folder / "aside"
    shutil.copytree(folder, aside)
    GONE[what](folder, album.away)
    with permissions_count():
        album.settle()
    if what == "moved away":
        album.away.rename(folder)
    elif what == "unreadable":
        folder.chmod(0o755)
    else:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
    assert album.settle() == []
    assert album.contents == album.all
    (folder / "a").unlink()
    album.settle()
    assert album.contents == {path: text for path, text in album.all.items() if path != "sub/a"}


def test_what_stays_for_an_emptied_folder_stays_also_when_a_file_comes_into_it(album):
    GONE["emptied"](album.folder / "sub" / "deep", album.away)
    album.settle()
    album.write(sub__deep__new="n")
    album.settle()
    assert album.contents == album.all | {"sub/deep/new": "n"}


@pytest.mark.parametrize("what", ["moved away", "deleted", "emptied"])
@pytest.mark.parametrize("where", ["sub", "sub/deep"])
def test_with_allow_empty_it_goes_from_the_repo(album, what, where):
    album.start(allow_empty=True)
    GONE[what](album.folder / where, album.away)
    assert album.settle() == []
    assert album.contents == {path: text for path, text in album.all.items() if not path.startswith(where)}


def test_with_allow_empty_an_emptied_folder_empties_the_repo_but_one_that_is_gone_does_not(album):
    album.start(allow_empty=True)
    album.folder.rename(album.away)
    assert "4 files stay" in album.settle()[0]
    assert album.contents == album.all
    (album.away).rename(album.folder)
    for path in list(album.folder.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert album.settle() == []
    assert album.contents == {}


def test_another_file_system_in_the_folders_place_deletes_nothing_even_with_allow_empty(album, monkeypatch):
    """What `umount` and `mount` do to a folder: the device is another. Here `fstat` says so."""
    album.start(allow_empty=True)
    shutil.rmtree(album.folder / "sub")
    (album.folder / "sub").mkdir()
    fstat, inode = os.fstat, (album.folder / "sub").stat().st_ino

    def elsewhere(handle):
        status = fstat(handle)
        return os.stat_result((*status[:2], status.st_dev + 1, *status[3:])) if status.st_ino == inode else status

    monkeypatch.setattr(looks.os, "fstat", elsewhere)
    assert "another folder than before" in album.settle()[0]
    assert album.contents == album.all


def test_a_folder_whose_listing_breaks_off_deletes_nothing(album, monkeypatch):
    scandir, inode = os.scandir, (album.folder / "sub").stat().st_ino

    class Breaking:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def __iter__(self):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(
        looks.os, "scandir", lambda handle: Breaking() if os.fstat(handle).st_ino == inode else scandir(handle)
    )
    (told,) = album.settle()
    assert told == f"{album.folder}/sub cannot be read (Input/output error); of it, 3 files stay in songs@master"
    assert album.contents == album.all


def test_names_that_differ_in_case_or_composition_are_files_of_their_own(watched):
    names = ["Song", "song", "Für", "Fu\u0308r", b"\xff".decode("utf-8", "surrogateescape")]
    for n, name in enumerate(names):
        (watched.folder / name).write_text(str(n))
    assert watched.settle() == []
    assert sorted(watched.contents.values()) == list("01234")
    (watched.folder / "Für").unlink()
    watched.settle()
    assert sorted(watched.contents.values()) == list("0134")


def test_of_two_files_with_one_name_in_the_repo_the_one_that_is_named_so_counts(watched):
    (watched.folder / "ü").write_text("umlaut")
    watched.settle()
    (stored,) = watched.contents
    watched.write(**{stored: "its namesake"})
    (told,) = watched.settle() + watched.settle()
    assert told.endswith(f"/ü is not taken: {watched.folder}/{stored} has the name under which it would be stored")
    assert watched.contents == {stored: "its namesake"}
    (watched.folder / stored).unlink()
    watched.settle()
    assert watched.contents == {stored: "umlaut"}


def test_a_file_where_the_repo_has_a_folder_is_told_and_the_others_go_in(album):
    album.bench.put("songs", {"new/x": "of others"})
    album.write(new="n", newer="N")
    (told,) = album.settle()
    assert told.endswith("/new is not taken: songs@master:/new cannot be a file and a folder")
    assert album.settle() == []
    album.bench.delete("songs", "/new")
    album.settle()
    assert album.contents == album.all | {"new": "n", "newer": "N"}


def test_a_folder_in_a_files_place_and_the_other_way_round(album):
    (album.folder / "top").unlink()
    album.write(top__x="x")
    album.settle()
    assert "top" not in album.contents
    assert album.contents["top/x"] == "x"


def test_a_full_disk_is_told_and_tried_again(album, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Intake, "add", full)
    album.write(new="n")
    (told,) = album.settle()
    assert told.startswith("No space left")
    assert album.settle() == []
    monkeypatch.undo()
    album.settle()
    assert album.contents == album.all | {"new": "n"}


def test_watch_beside_gc_loses_nothing(album):
    for n in range(5):
        album.write(top=f"{n}" * 70_000)
        album.settle()
        collect_garbage(album.bench.store)
    assert album.contents == album.all | {"top": "4" * 70_000}
    assert list(check(album.bench.store)) == []


@pytest.mark.parametrize("after", [0, 50, 400])
def test_ctrl_c_in_the_middle_is_a_whole_commit_or_none(watched, after):
    for n in range(500):
        (watched.folder / f"{n}").write_text(f"{n}" * 30_000)
    code = (
        "import signal, sys; from aeolian.cli.main import main\n"
        "from aeolian.engine.storage.objects import Intake\n"
        # A shell that starts the tests in the background has it ignored, and children inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "add, left = Intake.add, [int(sys.argv.pop(1))]\n"
        "def count(self, path, **options):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0: signal.raise_signal(signal.SIGINT)\n"
        "    return add(self, path, **options)\n"
        "Intake.add = count; main()"
    )
    argv = [sys.executable, "-c", code, str(after), "watch", "--interval", "0.1", str(watched.folder), "songs@master"]
    environment = {**os.environ, "AEOLIAN_HOME": str(watched.bench.store.home)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "stopped")
    assert watched.contents == {}
    assert list(check(watched.bench.store)) == []
