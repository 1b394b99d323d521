"""Which files a put means, and where each goes. The expected paths are what pachd 2.12.2 stored."""

import os
import shutil
import subprocess
import sys

import pytest

from aeolian.errors import UsageError
from aeolian.platform.addresses import parse_address
from aeolian.platform.sources.selection import select


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Folders `c` and `g` with a file `xaa` each, a folder in `c`, and a file `song.txt`."""
    monkeypatch.chdir(tmp_path)
    for folder in ("c", "g", "c/deep", "w"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "xaa").write_text(folder)
    (tmp_path / "song.txt").write_text("la")
    return tmp_path


def paths(address, *sources, **options):
    return [item.path for item in select(sources, parse_address(address), **options).items]


@pytest.mark.parametrize("written", ["c", "c/", "./c", "../c", "w/../c"])
def test_without_a_path_a_folder_keeps_its_name(here, monkeypatch, written):
    if written == "../c":
        monkeypatch.chdir(here / "w")
    assert paths("r@m", written, recursive=True) == ["/c/xaa", "/c/deep/xaa"]


def test_without_a_path_the_working_folder_is_poured_out(here, monkeypatch):
    monkeypatch.chdir(here / "g")
    assert paths("r@m", ".", recursive=True) == ["/xaa"]


@pytest.mark.parametrize(("address", "below"), [("r@m:/", ""), ("r@m:/q", "/q"), ("r@m:q/", "/q")])
def test_one_folder_is_poured_out_at_a_path(here, address, below):
    assert paths(address, "c", recursive=True) == [f"{below}/xaa", f"{below}/deep/xaa"]


@pytest.mark.parametrize(("address", "below"), [("r@m", ""), ("r@m:/", ""), ("r@m:/q", "/q"), ("r@m:/q/", "/q")])
def test_several_folders_keep_their_names(here, address, below):
    assert paths(address, "c", "g", recursive=True) == [f"{below}/c/xaa", f"{below}/c/deep/xaa", f"{below}/g/xaa"]


@pytest.mark.parametrize(
    ("address", "path"),
    [("r@m", "/song.txt"), ("r@m:/", "/song.txt"), ("r@m:d/", "/d/song.txt"), ("r@m:/a/b", "/a/b"), ("r@m:x", "/x")],
)
@pytest.mark.parametrize("recursive", [False, True])
def test_one_file_goes_to_a_path_or_into_a_folder(here, address, path, recursive):
    assert paths(address, "song.txt", recursive=recursive) == [path]


@pytest.mark.parametrize(
    ("address", "path"), [("r@m", "/c/deep/xaa"), ("r@m:/a/b.txt", "/a/b.txt"), ("r@m:pre/", "/pre/c/deep/xaa")]
)
def test_full_path_keeps_the_folders_of_a_file(here, address, path):
    assert paths(address, "c/deep/xaa", full_path=True) == [path]


@pytest.mark.parametrize(("address", "below"), [("r@m", ""), ("r@m:/", ""), ("r@m:/q", "/q")])
def test_full_path_keeps_the_folders_of_a_folder(here, address, below):
    assert paths(address, "c/deep", recursive=True, full_path=True) == [f"{below}/c/deep/xaa"]


def test_a_full_path_does_not_leave_the_repo(here, monkeypatch):
    monkeypatch.chdir(here / "w")
    assert paths("r@m", "../c/deep/xaa", full_path=True) == ["/c/deep/xaa"]


@pytest.mark.parametrize(("address", "path"), [("r@m:/s", "/s"), ("r@m:/d/", "/d/-"), ("r@m:/", "/-")])
def test_standard_input_goes_where_a_path_says(here, address, path):
    assert paths(address, "-") == [path]
    with pytest.raises(UsageError, match="Standard input has no name"):
        select(["-"], parse_address("r@m"))


def test_what_a_folder_holds_and_cannot_be_put_is_named_and_stops_nothing(here):
    (here / "c" / "loop").symlink_to("loop")
    (here / "c" / "nowhere").symlink_to("gone")
    (here / "c" / "folder").symlink_to(here / "g")
    (here / "c" / "file").symlink_to(here / "song.txt")
    os.mkfifo(here / "c" / "pipe")
    found = select(["c"], parse_address("r@m:/"), recursive=True)
    assert [item.path for item in found.items] == ["/file", "/xaa", "/deep/xaa"]
    assert found.left_out == [
        ("c/folder", "a link to a folder"),
        ("c/loop", "a link that leads back to itself"),
        ("c/nowhere", "a link that leads nowhere"),
        ("c/pipe", "a pipe, socket or device"),
    ]


def test_a_source_that_cannot_be_put_refuses_the_put(here):
    (here / "loop").symlink_to("loop")
    (here / "only").mkdir()
    (here / "only" / "link").symlink_to("gone")
    for source, said in [("loop", "Too many levels"), ("none", "no file none"), ("only", "leads nowhere")]:
        with pytest.raises(UsageError, match=said):
            select(["song.txt", source] if source != "only" else [source], parse_address("r@m"), recursive=True)


LISTING = """
import sys
from aeolian.platform.addresses import parse_address
from aeolian.platform.sources.selection import select
found = select(["c"], parse_address("r@m:/"), recursive=True)
print([item.path for item in found.items], found.left_out)
"""


def test_a_folder_that_cannot_be_read_is_named_and_stops_nothing(here):
    (here / "c" / "deep").chmod(0)
    command = [sys.executable, "-c", LISTING]
    if os.geteuid() == 0:
        drop = "-dac_override,-dac_read_search"
        if shutil.which("setpriv") is None:
            pytest.skip("root reads any folder: needs setpriv (util-linux), or a user")
        command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", *command]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    (here / "c" / "deep").chmod(0o755)
    assert done.stdout == "['/xaa'] [('c/deep', 'a folder that cannot be read (Permission denied)')]\n"
