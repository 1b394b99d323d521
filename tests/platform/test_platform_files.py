"""Putting, getting, listing and deleting files."""

import io
import re
import tarfile

import pytest
from contract import differs, pachyderm


def listed(engine, address):
    """Paths of a folder."""
    return [each["file"]["path"] for each in engine.raw("list file", address)]


def is_local(engine):
    return engine.name == "local"


# Where a put goes


def test_a_folder_put_without_a_path_keeps_its_name(engine):
    engine.repo("in")
    first, second = engine.tree({"xaa": "1"}, "c"), engine.tree({"xaa": "2"}, "g")
    engine.do("put file", "in@master", "-r", "-f", str(first))
    engine.do("put file", "in@master", "-r", "-f", f"{second}/")
    assert engine.contents("in@master") == {"/c/xaa": "1", "/g/xaa": "2"}


def test_a_folder_put_to_a_path_is_poured_out_there(engine):
    engine.repo("in")
    folder = engine.tree({"xaa": "1", "d/xab": "2"}, "c")
    engine.do("put file", "in@master:/", "-r", "-f", str(folder))
    engine.do("put file", "in@master:/q", "-r", "-f", str(folder))
    assert engine.contents("in@master") == {"/xaa": "1", "/d/xab": "2", "/q/xaa": "1", "/q/d/xab": "2"}


def test_several_folders_keep_their_names(engine):
    engine.repo("in")
    first, second = str(engine.tree({"xaa": "1"}, "c")), str(engine.tree({"xaa": "2"}, "g"))
    engine.do("put file", "in@master:/", "-r", "-f", first, "-f", second)
    engine.do("put file", "in@other:/q", "-r", "-f", first, "-f", second)
    assert engine.contents("in@master") == {"/c/xaa": "1", "/g/xaa": "2"}
    assert engine.contents("in@other") == {"/q/c/xaa": "1", "/q/g/xaa": "2"}


def test_the_working_folder_is_poured_out(engine, monkeypatch):
    engine.repo("in")
    folder = engine.tree({"xaa": "1"}, "c")
    monkeypatch.chdir(folder)
    engine.folder = folder
    engine.do("put file", "in@master", "-r", "-f", ".")
    assert engine.contents("in@master") == {"/xaa": "1"}


@pachyderm(
    "pfs/cmds.TestPutFileFilePathEndsWithSlashSingleSource", "pfs/cmds.TestPutFileFilePathWithoutSlashSingleSource"
)
@pytest.mark.parametrize(
    ("target", "path"),
    [("", "/song.txt"), (":/", "/song.txt"), (":dir/", "/dir/song.txt"), (":/a/b/c.txt", "/a/b/c.txt"), (":x", "/x")],
)
def test_one_file_goes_to_a_path_or_into_a_folder(engine, target, path):
    engine.repo("in")
    engine.do("put file", f"in@master{target}", "-f", engine.text_file("data", "song.txt"))
    assert engine.contents("in@master") == {path: "data"}


@pachyderm(
    "pfs/cmds.TestPutFileFullPathNoFilePath",
    "pfs/cmds.TestPutFileFullPathWithFilePath",
    "pfs/cmds.TestPutFileFullPathWithFilePathEndingSlash",
)
@pytest.mark.parametrize(
    ("target", "path"),
    [("", "/h/a/f.txt"), (":specific/file.txt", "/specific/file.txt"), (":pre/", "/pre/h/a/f.txt")],
)
def test_full_path_keeps_the_folders_of_the_source(engine, monkeypatch, target, path):
    engine.repo("in")
    engine.text_file("data", "h/a/f.txt")
    engine.do("put file", f"in@master{target}", "--full-path", "-f", "h/a/f.txt")
    assert engine.contents("in@master") == {path: "data"}


@pachyderm(
    "pfs/cmds.TestPutFileRecursiveFullPathWithFilePathOfSlash", "pfs/cmds.TestPutFileRecursiveWithFilePathOfSlash"
)
def test_full_path_of_a_folder(engine):
    engine.repo("in")
    folder = engine.tree({"one": "1", "two": "2"}, "nested/dir")
    engine.do("put file", "in@master:/", "-r", "--full-path", "-f", str(folder))
    assert engine.contents("in@master") == {f"{folder}/one": "1", f"{folder}/two": "2"}


def test_standard_input_is_the_default_source(engine):
    engine.repo("in")
    engine.do("put file", "in@master:/s", input="said")
    assert engine.contents("in@master") == {"/s": "said"}
    engine.refuse("put file", "in@master", input="said")


def test_sources_parted_by_commas(engine):
    engine.repo("in")
    one, two = engine.text_file("1", "one"), engine.text_file("2", "two")
    engine.do("put file", "in@master", "-f", f"{one},{two}")
    assert engine.contents("in@master") == {"/one": "1", "/two": "2"}


def test_sources_named_in_a_file(engine):
    engine.repo("in")
    one, two = engine.text_file("1", "sub/one"), engine.text_file("2", "two")
    engine.do("put file", "in@master", "-i", engine.text_file(f"{one}\n{two}\n"))
    assert engine.contents("in@master") == {"/one": "1", "/two": "2"}


@pachyderm("pfs.TestSimpleFile", "pfs.TestPutFile2", "pfs.TestPutFileBranchCommitID")
def test_append_adds_to_a_file(engine):
    engine.repo("in")
    engine.do("put file", "in@master:/f", "--append", "-f", "-", input="one\n")
    first = engine.head("in")
    engine.do("put file", "in@master:/f", "-a", "-f", "-", input="two\n")
    assert engine.get("in@master:/f") == "one\ntwo\n"
    assert engine.get(f"in@{first}:/f") == "one\n"
    engine.do("start commit", "in@master")
    engine.do("put file", "in@master:/f", "-a", "-f", "-", input="three\n")
    engine.do("put file", "in@master:/f", "-a", "-f", "-", input="four\n")
    engine.do("finish commit", "in@master")
    assert engine.get("in@master:/f") == "one\ntwo\nthree\nfour\n"


@pachyderm("pfs.TestPutFile", "pfs.TestPutFileCommitOverwrite", "pfs.TestInspectFile2")
def test_a_put_takes_the_place_of_what_was_there(engine):
    engine.repo("in")
    engine.put("in@master:/f", "foo")
    engine.put("in@master:/f", "bar")
    assert engine.get("in@master:/f") == "bar"
    engine.do("delete file", "in@master:/f")
    assert engine.files("in@master") == []
    engine.put("in@master:/f", "buzz")
    assert engine.get("in@master:/f") == "buzz"


@pachyderm("pfs/cmds.TestPutFileTAR")
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_untar_puts_what_is_in_an_archive(engine, mode):
    engine.repo("in")
    path = engine.folder / ("a.tar" if mode == "w" else "a.tar.gz")
    with tarfile.open(path, mode) as archive:
        for name in ("0", "1", "d/2"):
            header = tarfile.TarInfo(name)
            header.size = 1
            archive.addfile(header, io.BytesIO(name[-1].encode()))
    engine.do("put file", "in@master", "--untar", "-f", str(path))
    assert engine.contents("in@master") == {"/0": "0", "/1": "1", "/d/2": "2"}


@pachyderm("pfs/cmds.TestPutFileNonexistentRepo")
def test_a_missing_repo_is_named_before_a_missing_file(engine):
    engine.repo("in")
    assert "none" in engine.refuse("put file", "none@master:/f", "-f", str(engine.folder / "nothing"))


@pachyderm("pfs.TestPutFileBig", "server.TestPipelineWithLargeFiles")
def test_a_large_file_comes_back_as_it_was(engine):
    engine.repo("in")
    content = bytes(range(256)) * 100_000
    engine.put("in@master:/big", content)
    answer = engine.run("get file", "in@master:/big")
    assert answer.out == content
    assert engine.one("inspect file", "in@master:/big")["size_bytes"] == str(len(content))


# Names


@pytest.mark.parametrize(
    "name", [" lead", "two  blanks", "and & ' \" ` : , ; $ # = ~ < |", "%20", "-a", "dot.", "...", "..a", ".hidden"]
)
@pachyderm("pfs.TestPutFileValidCharacters")
def test_odd_names_are_kept(engine, name):
    engine.repo("in")
    engine.put_tree("in@master:/", {name: "x", f"{name}/".replace("/", "d") + "/f": "y"})
    assert f"/{name}" in listed(engine, "in@master")


def test_hidden_files_of_a_folder_are_put(engine):
    engine.repo("in")
    engine.put_tree("in@master:/h", {".env": "1", ".d/x": "2", "a": "3"})
    assert engine.contents("in@master") == {"/h/.env": "1", "/h/.d/x": "2", "/h/a": "3"}


@pachyderm("pfs.TestPutFileDirectoryTraversal")
@pytest.mark.parametrize(
    ("written", "path"), [("/a/../b", "/b"), ("/a/../../b", "/b"), ("a//b", "/a/b"), ("/./c", "/c"), ("/d/", "/d/-")]
)
def test_a_path_is_cleaned(engine, written, path):
    engine.repo("in")
    engine.put(f"in@master:{written}", "x")
    assert engine.files("in@master") == [path]


@differs("a file name that Pachyderm refuses is stored under the nearest one it takes, and said so")
@pytest.mark.parametrize("name", ["a(1).txt", "b[2]", "c{3}", "d!", "e@f", "g+h", "i^j", "k*", "l?"])
@pachyderm("pfs.TestPutFileValidCharacters")
def test_signs_of_globs_in_names(engine, name):
    engine.repo("in")
    folder = str(engine.tree({name: "x"}))
    if is_local(engine):
        answer = engine.run("put file", "in@master:/", "-r", "-f", folder)
        assert answer.code == 0
        assert name in answer.err
        [kept] = engine.files("in@master")
        assert not set(kept) & set("*?[]{}!()@+^")
        engine.refuse("put file", "in@strict:/", "-r", "--strict-names", "-f", folder)
    else:
        assert "globbing character" in engine.refuse("put file", "in@master:/", "-r", "-f", folder)


@differs("a file name that Pachyderm refuses is stored under the nearest one it takes, and said so")
@pytest.mark.parametrize("name", ["Für Elise.mp3", "歌.mid", "tab\tname", "del\x7f"])
@pachyderm("pfs.TestPutFileValidCharacters")
def test_letters_outside_ascii_in_names(engine, name):
    engine.repo("in")
    folder = str(engine.tree({name: "x"}))
    if is_local(engine):
        engine.do("put file", "in@master:/", "-r", "-f", folder)
        [kept] = engine.files("in@master")
        assert kept.isascii()
        assert kept.isprintable()
        engine.refuse("put file", "in@strict:/", "-r", "--strict-names", "-f", folder)
    else:
        engine.refuse("put file", "in@master:/", "-r", "-f", folder)
        assert engine.raw("list commit", "in") == []


def test_empty_folders_leave_no_trace(engine):
    engine.repo("in")
    (engine.folder / "e" / "inner").mkdir(parents=True)
    engine.do("put file", "in@master:/", "-r", "-f", str(engine.folder / "e"))
    assert engine.files("in@master") == []
    assert len(engine.commits("in")) == 1


def test_a_link_to_a_file_is_put_as_its_content(engine):
    engine.repo("in")
    folder = engine.tree({"real": "x"})
    (folder / "link").symlink_to("real")
    engine.do("put file", "in@master:/", "-r", "-f", str(folder))
    assert engine.contents("in@master") == {"/real": "x", "/link": "x"}


@differs("what a folder holds and cannot be put")
@pytest.mark.parametrize("target", ["nowhere", "folder"])
def test_a_dangling_link_or_one_to_a_folder(engine, target):
    engine.repo("in")
    folder = engine.tree({"real": "x", "folder/y": "y"})
    (folder / "link").symlink_to(target)
    words = ("in@master:/", "-r", "-f", str(folder))
    if is_local(engine):
        engine.refuse("put file", "--strict", *words)
        assert engine.raw("list commit", "in") == []
        answer = engine.run("put file", *words)
        assert (answer.code, "link" in answer.err) == (1, True)
        assert engine.contents("in@master") == {"/real": "x", "/folder/y": "y"}
    else:
        engine.refuse("put file", *words)
        assert engine.raw("list commit", "in") == []


@differs("`put file` of a file below a path that is a file is refused")
def test_a_file_below_a_file(engine):
    engine.repo("in")
    engine.put("in@master:/a", "1")
    if is_local(engine):
        engine.refuse("put file", "in@master:/a/b", "-f", "-", input="2")
        assert engine.contents("in@master") == {"/a": "1"}
    else:
        engine.put("in@master:/a/b", "2")
        assert "collision" in engine.refuse("list file", "in@master")


@differs("`put file -r` of one file to a path in `/` puts it into that folder")
def test_one_file_put_with_r_into_a_folder(engine):
    engine.repo("in")
    path = engine.text_file("1", "xaa")
    engine.do("put file", "in@master:/q/", "-r", "-f", path)
    assert engine.files("in@master") == (["/q/xaa"] if is_local(engine) else ["/q"])


@differs("a file whose name has a comma is one source where it exists")
def test_a_comma_in_a_name(engine):
    engine.repo("in")
    path = engine.text_file("1", "one,two")
    if is_local(engine):
        engine.do("put file", "in@master", "-f", path)
        assert engine.contents("in@master") == {"/one,two": "1"}
    else:
        engine.refuse("put file", "in@master", "-f", path)


@differs("`copy file` of what is not there is refused")
def test_a_copy_of_nothing(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    if is_local(engine):
        engine.refuse("copy file", "in@master:/none", "in@master:/g")
    else:
        engine.do("copy file", "in@master:/none", "in@master:/g")
    assert engine.files("in@master") == ["/f"]


def test_the_last_of_two_sources_of_one_name_counts(engine):
    engine.repo("in")
    first, second = engine.text_file("1", "a/same"), engine.text_file("2", "b/same")
    engine.do("put file", "in@master", "-f", first, "-f", second)
    assert engine.contents("in@master") == {"/same": "2"}


# Getting


@pachyderm("pfs/cmds.TestGetFileError", "pfs.TestGetFile")
def test_what_get_file_refuses(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {"dir/foo": "1", "dir/bar": "2"})
    assert "not found" in engine.refuse("get file", "in@bad:/foo")
    assert "not found" in engine.refuse("get file", "in@master:/bad")
    assert "-r" in engine.refuse("get file", "in@master:/dir")
    assert "-r" in engine.refuse("get file", "in@master:/dir/*")
    engine.refuse("get file", "in@aninvalidcommitid:/dir/foo")


@pachyderm("pfs.TestGetFile")
def test_get_from_an_offset(engine):
    engine.repo("in")
    engine.put("in@master:/f", "data")
    assert [engine.do("get file", "in@master:/f", "--offset", str(at)) for at in range(5)] == [
        "data",
        "ata",
        "ta",
        "a",
        "",
    ]


def test_a_glob_that_matches_one_file_gets_it(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {"a.txt": "a", "b.txt": "b"})
    assert engine.get("in@master:/[b]*") == "b"
    engine.refuse("get file", "in@master:/*.txt")


def test_a_folder_is_got_into_a_folder(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {"sub/a.txt": "a", "sub/d/b.txt": "b", "c": "c"})
    engine.refuse("get file", "-r", "in@master:/sub")
    out = engine.folder / "out"
    engine.do("get file", "-r", "in@master:/sub", "-o", str(out))
    assert {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*") if path.is_file()} == {
        "a.txt": "a",
        "d/b.txt": "b",
    }


def test_a_file_is_got_to_a_file(engine):
    engine.repo("in")
    engine.put("in@master:/a.txt", "a")
    engine.do("get file", "in@master:/a.txt", "-o", "other")
    assert (engine.folder / "other").read_text() == "a"
    engine.do("get file", "-r", "in@master:/a.txt", "-o", "o9")
    assert (engine.folder / "o9").read_text() == "a"
    engine.refuse("get file", "in@master:/a.txt", "-o", ".")


# Listing


@pachyderm("pfs.TestListFile", "pfs.TestListFile2", "pfs.TestListFile3", "pfs.TestListFile4", "pfs.TestRootDirectory")
def test_a_folder_is_listed_one_level_deep(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {"dir/1": "foo\n", "dir/3/foo": "foo\n", "dir/3/bar": "foo\n", "file": "12"})
    assert listed(engine, "in@master:/dir") == ["/dir/1", "/dir/3/"]
    assert listed(engine, "in@master") == listed(engine, "in@master:/") == ["/dir/", "/file"]
    found = {each["file"]["path"]: each for each in engine.raw("list file", "in@master:/dir")}
    assert found["/dir/3/"]["file_type"] == "DIR"
    assert found["/dir/3/"]["size_bytes"] == "8"
    assert found["/dir/1"]["file_type"] == "FILE"
    engine.do("delete file", "in@master:/dir/3/bar")
    assert [each["size_bytes"] for each in engine.raw("list file", "in@master:/dir")] == ["4", "4"]


def test_nothing_is_listed_where_nothing_is(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    assert engine.raw("list file", "in@master:/none") == []
    assert engine.raw("list file", "in@master:/*") == []


@pachyderm("pfs.TestListFileTwoCommits", "pfs.TestManyFilesSingleCommit")
def test_files_of_earlier_commits_are_still_there(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {f"file{number}": "x" for number in range(5)})
    first = engine.head("in")
    engine.put_tree("in@master:/", {f"file2-{number}": "x" for number in range(5)})
    assert len(listed(engine, "in@master")) == 10
    assert len(listed(engine, f"in@{first}")) == 5


@pachyderm("pfs.TestBigListFile", "pfs.TestWalkFile")
def test_many_files_in_many_folders(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {f"dir{i}/file{j}": "foo\n" for i in range(12) for j in range(12)})
    assert len(listed(engine, "in@master")) == 12
    assert [len(listed(engine, f"in@master:/dir{i}")) for i in range(12)] == [12] * 12
    assert len(engine.files("in@master")) == 144


@pachyderm("pfs.TestInspectFile", "pfs.TestInspectFile3", "pfs.TestInspectDir", "pfs.TestInspectDir2")
def test_a_file_and_its_folders_are_told(engine):
    engine.repo("in")
    engine.put("in@master:/dir/foo", "foo\n")
    found = engine.one("inspect file", "in@master:dir/foo")
    assert (found["file"]["path"], found["file_type"], found["size_bytes"]) == ("/dir/foo", "FILE", "4")
    found = engine.one("inspect file", "in@master:/dir")
    assert (found["file"]["path"], found["file_type"], found["size_bytes"]) == ("/dir/", "DIR", "4")
    assert "not found" in engine.refuse("inspect file", "in@master:/nope")


# Deleting


@pachyderm("pfs.TestDeleteFile", "pfs.TestDeleteFile2", "pfs.TestDeleteFile3", "pfs.TestApplyWriteOrder")
def test_deleting_within_a_commit_follows_the_order_of_the_words(engine):
    engine.repo("in")
    engine.do("start commit", "in@master")
    engine.put("in@master:/foo", "foo\n")
    engine.put("in@master:/bar", "bar\n")
    engine.do("delete file", "in@master:/foo")
    engine.put("in@master:/late", "1")
    engine.do("delete file", "in@master:/late")
    engine.put("in@master:/late", "2")
    engine.do("finish commit", "in@master")
    assert engine.contents("in@master") == {"/bar": "bar\n", "/late": "2"}


@differs("`delete file` of a folder without `-r` is refused")
@pachyderm("pfs.TestDeleteDir", "pfs.TestDeleteFile3")
def test_a_folder_is_deleted_with_r_alone(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {"dir/foo": "1", "dir/sub/bar": "2", "kept": "3"})
    answer = engine.run("delete file", "in@master:/dir")
    assert engine.is_refusal(answer) if is_local(engine) else answer.code == 0
    assert engine.files("in@master") == ["/dir/foo", "/dir/sub/bar", "/kept"]
    engine.do("delete file", "-r", "in@master:/dir")
    assert engine.files("in@master") == ["/kept"]
    engine.refuse("inspect file", "in@master:/dir")
    engine.do("delete file", "-r", "in@master:/")
    assert engine.files("in@master") == []


@pachyderm("pfs.TestDeleteFile")
def test_deleting_what_is_not_there_makes_a_commit(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.do("delete file", "in@master:/none")
    assert len(engine.commits("in")) == 2
    assert engine.files("in@master") == ["/f"]


def test_what_delete_file_refuses(engine):
    engine.repo("in")
    engine.put("in@master:/a.txt", "1")
    engine.put("in@master:/b.txt", "1")
    engine.refuse("delete file", "in@master:/*.txt")
    engine.refuse("delete file", "in@master^:/a.txt")
    assert engine.files("in@master") == ["/a.txt", "/b.txt"]


# Copying, globbing, comparing, finding


@pachyderm("pfs.TestCopyFile", "pfs/cmds.TestCopyFile")
def test_files_and_folders_are_copied_without_reading_them(engine):
    engine.repo("in", "other")
    engine.put_tree("in@master:/", {"files/0": "foo 0\n", "files/1": "foo 1\n"})
    engine.do("copy file", "in@master:/files/0", "in@master:/copy")
    engine.do("copy file", "in@master:/files", "other@new:/all")
    assert engine.contents("in@master") == {"/copy": "foo 0\n", "/files/0": "foo 0\n", "/files/1": "foo 1\n"}
    assert engine.contents("other@new") == {"/all/0": "foo 0\n", "/all/1": "foo 1\n"}
    engine.do("copy file", "--append", "in@master:/files/1", "in@master:/copy")
    assert engine.get("in@master:/copy") == "foo 0\nfoo 1\n"


@pachyderm("pfs.TestGlobFile", "pfs.TestGlobFile2", "pfs.TestGlobFile3")
@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/*", ["/dir1/", "/dir2/", "/file1"]),
        ("*", ["/dir1/", "/dir2/", "/file1"]),
        ("file*", ["/file1"]),
        ("/dir1/*", ["/dir1/file1.1", "/dir1/file1.2"]),
        ("*/*", ["/dir1/file1.1", "/dir1/file1.2", "/dir2/dir3/"]),
        ("dir2/dir3/*", ["/dir2/dir3/file2.2"]),
        ("**.2", ["/dir1/file1.2", "/dir2/dir3/file2.2"]),
        ("/", ["/"]),
        ("/none*", []),
        ("/dir1/file1.{1,2}", ["/dir1/file1.1", "/dir1/file1.2"]),
        ("/dir1/file1.[!1]", ["/dir1/file1.2"]),
        ("/?ile1", ["/file1"]),
    ],
)
def test_glob_file(engine, pattern, paths):
    engine.repo("in")
    files = {"file1": "1", "dir1/file1.1": "1", "dir1/file1.2": "1", "dir2/dir3/file2.2": "1"}
    engine.put_tree("in@master:/", files)
    assert [each["file"]["path"] for each in engine.raw("glob file", f"in@master:{pattern}")] == paths


@pachyderm("pfs.TestDiffFile", "pfs/cmds.TestDiffFile")
def test_diff_file_tells_what_changed(engine):
    engine.repo("in")
    engine.put("in@master:/same", "same\n")
    engine.put("in@master:/foo", "foo\n")
    engine.put("in@master:/foo", "bar\n")
    text = re.sub(r"\x1b\[\d*m", "", engine.do("diff file", "in@master:/foo", "in@master^:/foo"))
    assert "+bar" in text
    assert "-foo" in text
    engine.put("in@master:/new", "new\n")
    lines = engine.do("diff file", "in@master", "--name-only").splitlines()
    assert [line.split()[0] for line in lines if "/new" in line] == ["+"]
    assert not [line for line in lines if "/same" in line or "/foo" in line]
    engine.do("delete file", "in@master:/new")
    lines = engine.do("diff file", "in@master", "in@master^", "--name-only").splitlines()
    assert [line.split()[0] for line in lines if "/new" in line] == ["-"]


@pachyderm("pfs.TestFindCommits", "pfs.TestFindCommitsLimit")
def test_find_commit_tells_where_a_file_changed(engine):
    engine.repo("in")
    ids = []
    for path, content in [("a", "1"), ("b", "1"), ("c", "1"), ("b", "2")]:
        engine.put(f"in@master:/files/{path}", content)
        ids.append(engine.head("in"))
    engine.do("delete file", "in@master:/files/b")
    ids.append(engine.head("in"))
    engine.do("wait commit", "in@master")
    text = engine.do("find commit", "in@master:/files/b")
    found = text.split("FOUND", 1)[1].split("LAST", 1)[0]
    assert sorted(each for each in ids if each in found) == sorted([ids[1], ids[3], ids[4]])


@pachyderm("pfs.TestFindCommitsOpenCommit")
def test_find_commit_in_an_open_commit_is_refused(engine):
    engine.repo("in")
    engine.do("start commit", "in@master")
    engine.refuse("find commit", "in@master:/files/b")


def test_fsck_finds_nothing_wrong(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.do("fsck")
