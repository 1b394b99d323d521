"""Archives, lists, commas, URLs and appended files, as `put file` takes them."""

import contextlib
import gzip
import http.server
import io
import os
import random
import tarfile
import threading
import time

import pytest

from aeolian.engine.versions import files
from aeolian.errors import UsageError
from aeolian.platform.addresses import parse_address
from aeolian.platform.sources.reader import SourceReader, split_sources
from aeolian.platform.sources.selection import Item, select


def write_archive(path, members, mode="w"):
    """A tar of (name, content or the kind of link, where that leads)."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                header.type, header.linkname = content
                archive.addfile(header)
            else:
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
    return str(path)


def put(bench, address, *sources, **options):
    place = parse_address(address)
    found = select(sources, place, **options)
    return files.put_files(bench.store, place.repo, place.reference, found.items)


@pytest.fixture
def songs(bench):
    bench.repo("songs")
    return bench


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz")])
def test_the_files_of_an_archive_are_put(songs, name, mode):
    path = write_archive(songs.folder / name, [("0", b"0"), ("./d/1", b"1"), ("/abs", b"2"), ("0", b"last")], mode)
    assert put(songs, "songs@master", path, untar=True).files == 3
    assert songs.contents("songs") == {"0": "last", "abs": "2", "d/1": "1"}
    put(songs, "songs@below:/q", path, untar=True)
    assert songs.contents("songs", "below")["q/d/1"] == "1"


def test_an_archive_is_a_file_without_untar_and_other_files_are_as_ever(songs):
    path = write_archive(songs.folder / "a.tar", [("0", b"0")])
    (songs.folder / "b.txt").write_text("b")
    assert put(songs, "songs@master", path).size > 512
    put(songs, "songs@other", path, str(songs.folder / "b.txt"), untar=True)
    assert songs.contents("songs", "other") == {"0": "0", "b.txt": "b"}


def test_links_and_devices_of_an_archive_are_not_followed(songs):
    members = [
        ("link", (tarfile.SYMTYPE, "/etc/passwd")),
        ("hard", (tarfile.LNKTYPE, "a")),
        ("pipe", (tarfile.FIFOTYPE, "")),
        ("a", b"1"),
    ]
    done = put(songs, "songs@master", write_archive(songs.folder / "a.tar", members), untar=True)
    assert songs.contents("songs") == {"a": "1"}
    assert [(path.rpartition(":")[2], reason) for path, reason in done.left_out] == [
        ("link", "a link"),
        ("hard", "a link"),
        ("pipe", "no file"),
    ]


@pytest.mark.parametrize("name", ["../out", "d/../../out", "/../out"])
def test_a_name_that_leaves_the_archive_stops_the_put(songs, name):
    path = write_archive(songs.folder / "a.tar", [("a", b"1"), (name, b"2")])
    with pytest.raises(UsageError, match="outside of it"):
        put(songs, "songs@master", path, untar=True)
    assert songs.store.db.all("SELECT * FROM revision") == []


MEMBER = 3584  # bytes of a header and its content, in whole blocks
DAMAGE = {
    "cut in a content": lambda data: data[: 10 * MEMBER + 700],
    "cut in a header": lambda data: data[: 10 * MEMBER + 300],
    "a header that is none": lambda data: data[: 10 * MEMBER] + b"\xff" * 512 + data[10 * MEMBER + 512 :],
    "no archive": lambda data: b"no archive at all" * 100,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "b.tar.gz"])
def test_an_archive_that_is_cut_or_broken_stops_the_put(songs, name, damage):
    """a.tar.gz is a damaged archive, compressed; b.tar.gz is damaged itself, after it was compressed."""
    write_archive(songs.folder / "a.tar", [(f"{n}", bytes(range(250)) * 12) for n in range(20)])
    whole = (songs.folder / "a.tar").read_bytes()
    if name == "a.tar":
        data = damage(whole)
    elif name == "a.tar.gz":
        data = gzip.compress(damage(whole))
    else:
        packed = gzip.compress(random.Random(1).randbytes(20 * MEMBER))
        data = damage(packed)
    path = songs.folder / name
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"archive"):
        put(songs, "songs@cut", str(path), untar=True)
    assert songs.store.db.all("SELECT * FROM revision") == []


def test_append_goes_behind_what_is_there_and_what_comes_before_it(songs):
    songs.put("songs", {"f": "one\n"})
    items = [Item(io.BytesIO(b"two\n"), "/f"), Item(io.BytesIO(b"three\n"), "/f"), Item(io.BytesIO(b"new"), "/g")]
    files.put_files(songs.store, "songs", "master", items, append=True)
    assert songs.contents("songs") == {"f": "one\ntwo\nthree\n", "g": "new"}
    big = b"x" * 200_000
    files.put_files(songs.store, "songs", "master", [Item(io.BytesIO(big), "/f")], append=True)
    assert songs.contents("songs")["f"] == "one\ntwo\nthree\n" + big.decode()


def test_copies_are_references_and_may_be_appended(songs):
    songs.repo("other")
    songs.put("songs", {"d/a": "1", "d/e/b": "2", "c": "3"})
    at = parse_address
    files.copy_path(songs.store, at("songs@master:/d"), at("other@new:/all"))
    files.copy_path(songs.store, at("songs@master:/c"), at("other@new:/x/c"))
    files.copy_path(songs.store, at("songs@master:/c"), at("other@new:/all/a"), append=True)
    assert songs.contents("other", "new") == {"all/a": "13", "all/e/b": "2", "x/c": "3"}
    files.copy_path(songs.store, at("songs@master"), at("other@whole:/"))
    assert songs.contents("other", "whole") == songs.contents("songs")
    with pytest.raises(UsageError, match="file /none not found"):
        files.copy_path(songs.store, at("songs@master:/none"), at("other@new:/y"))
    assert songs.store.db.one("SELECT count(*) AS n FROM small_object")["n"] == 4


def test_a_comma_parts_sources_unless_a_file_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.mp3").touch()
    assert split_sources(("x,y", "a,b.mp3", "http://h/a,b")) == ["x", "y", "a,b.mp3", "http://h/a,b"]


def test_a_list_names_sources(tmp_path):
    with contextlib.ExitStack() as opened:
        reader = SourceReader(opened)
        (tmp_path / "list").write_text("one\r\n\nhttp://h/two\n")
        assert reader.read_list(str(tmp_path / "list")) == ["one", "http://h/two"]
        (tmp_path / "list").write_text("\n")
        with pytest.raises(UsageError, match="names no source"):
            reader.read_list(str(tmp_path / "list"))
        with pytest.raises(UsageError, match="cannot be read: No such file"):
            reader.read_list(str(tmp_path / "none"))


def test_what_is_at_a_url_is_put_under_its_name(songs):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"of {self.path}".encode())

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with contextlib.ExitStack() as opened:
        fetch = SourceReader(opened, allow_local=True).fetch
        put(songs, "songs@master", f"{url}/d/a.mp3", f"{url}/b.mp3", fetch=fetch)
        put(songs, "songs@master:/q/", f"{url}/c.mp3", fetch=fetch)
        put(songs, "songs@master:/named", f"{url}/", fetch=fetch)
        with pytest.raises(UsageError, match="has no name"):
            put(songs, "songs@master", f"{url}/", fetch=fetch)
    server.shutdown()
    server.server_close()
    assert songs.contents("songs") == {
        "a.mp3": "of /d/a.mp3",
        "b.mp3": "of /b.mp3",
        "q/c.mp3": "of /c.mp3",
        "named": "of /",
    }
    with pytest.raises(UsageError, match="file:// is not http"):
        put(songs, "songs@master", "file:///etc/passwd", fetch=fetch)


def test_a_put_from_a_stream_does_not_read_what_is_known_of_files(songs, monkeypatch):
    """In a store of a hundred thousand files that would be most of its cost."""
    folder = songs.folder / "album"
    folder.mkdir()
    for number in range(5):
        (folder / str(number)).write_text("old")
        os.utime(folder / str(number), (1e9, 1e9))
    moment = time.time_ns() + 60_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: moment)
    songs.put_folder("songs@master:/", folder)
    assert songs.store.db.one("SELECT count(*) AS n FROM code_file")["n"] == 5
    asked, ask = [], songs.store.db.all

    def count(sql, *values):
        asked.append(ask(sql, *values))
        return asked[-1]

    monkeypatch.setattr(songs.store.db, "all", count)
    songs.put("songs", {"new": "1"})
    assert max(map(len, asked), default=0) < 5


def test_an_empty_folder_is_a_commit_without_files(bench):
    bench.repo("songs")
    (bench.folder / "empty" / "inner").mkdir(parents=True)
    assert bench.put_folder("songs@master", bench.folder / "empty").files == 0
    assert bench.contents("songs") == {}


def test_a_file_that_goes_while_it_is_put_is_left_out(bench):
    bench.repo("songs")
    (bench.folder / "c").mkdir()
    for name in "ab":
        (bench.folder / "c" / name).write_text(name)
    place = parse_address("songs@master:/")
    found = select([str(bench.folder / "c")], place, recursive=True)
    (bench.folder / "c" / "a").unlink()
    put = files.put_files(bench.store, "songs", "master", found.items)
    assert put.left_out == ((f"{bench.folder}/c/a", "a file that cannot be read (No such file or directory)"),)
    assert bench.contents("songs") == {"b": "b"}
    with pytest.raises(UsageError, match="Nothing was put"):
        files.put_files(bench.store, "songs", "master", found.items, whole=True)
