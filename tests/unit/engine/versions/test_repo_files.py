"""Repos, commits, and files in and out of them."""

import os
from pathlib import Path

import pytest

from aeolian.engine.versions import commits, files, getting, listing, repos
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address, parse_address
from aeolian.platform.sources.selection import Item, select


def put(bench, *sources, to="songs@master:/", recursive=False, strict=False):
    place = parse_address(to)
    found = select([str(source) for source in sources], place, recursive=recursive)
    return files.put_files(bench.store, "songs", place.reference, found.items, strict=strict)


@pytest.fixture
def songs(bench):
    bench.repo("songs")
    folder = bench.folder / "my-songs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.mp3").write_text("A")
    (folder / "sub" / "b.mp3").write_text("B")
    (folder / ".DS_Store").write_text("junk")
    return folder


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("r", Address("r")),
        ("r@dev", Address("r", "dev")),
        ("r@dev:/a//b/", Address("r", "dev", "/a/b")),
        ("r:a", Address("r", "master", "/a")),
        ("default/r@x^:/", Address("r", "x^")),
        ("other/r", Address("other/r")),
        ("r@m:/../x", Address("r", "m", "/x")),
        ("r@m:/a/../../b/./c", Address("r", "m", "/b/c")),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "@x"])
def test_no_addresses(text):
    with pytest.raises(UsageError):
        parse_address(text)


def test_a_name_is_hidden_from_nobody(bench, songs):
    result = put(bench, songs, recursive=True)
    assert bench.contents("songs") == {".DS_Store": "junk", "a.mp3": "A", "sub/b.mp3": "B"}
    assert (result.files, result.size) == (3, 6)


def test_a_folder_without_r_is_refused(bench, songs):
    with pytest.raises(UsageError, match="with -r"):
        put(bench, songs)


def test_many_files_are_one_commit(bench, songs):
    put(bench, songs / "a.mp3", songs / "sub" / "b.mp3")
    assert len(commits.list_commits(bench.store, "songs")) == 1
    assert bench.contents("songs") == {"a.mp3": "A", "b.mp3": "B"}


def test_a_name_that_pachyderm_refuses_is_changed_and_remembered(bench, songs):
    (songs / "Für Elise (live).mp3").write_text("F")
    result = put(bench, songs / "Für Elise (live).mp3")
    ((old, new),) = result.renamed
    assert old == "/Für Elise (live).mp3"
    assert files.original_name(bench.store, "songs", new) == old
    assert bench.contents("songs") == {new[1:]: "F"}


def test_a_name_that_is_no_text_is_remembered_as_escapes(bench, songs):
    odd = Path(os.fsdecode(os.fsencode(songs) + b"/bad\xff\nname.mp3"))
    odd.write_text("F")
    result = put(bench, odd)
    ((old, new),) = result.renamed
    assert old == "/bad\\xff\\nname.mp3"
    assert files.original_name(bench.store, "songs", new) == old
    assert bench.contents("songs") == {new[1:]: "F"}


def test_strict_names_are_refused_with_the_proposal(bench, songs):
    (songs / "a*.mp3").write_text("F")
    with pytest.raises(UsageError, match=r"Put it as a-[0-9a-f]{6}\.mp3"):
        put(bench, songs / "a*.mp3", strict=True)


def test_all_or_nothing(bench, songs):
    good = Item(songs / "a.mp3", "/a")
    with pytest.raises(UsageError, match="Nothing was put"):
        files.put_files(bench.store, "songs", "master", [good, Item(songs / "gone", "/b")])
    assert commits.list_commits(bench.store, "songs") == []
    assert repos.inspect_repo(bench.store, "songs").branches == ()


def test_of_two_files_of_one_path_the_last_counts(bench, songs):
    (songs / "sub" / "a.mp3").write_text("other")
    put(bench, songs / "a.mp3", songs / "sub" / "a.mp3")
    assert bench.contents("songs") == {"a.mp3": "other"}


def test_a_file_cannot_be_where_a_folder_is(bench):
    bench.repo("songs")
    bench.put("songs", {"d/a": "1", "f": "2"})
    for path in ("d", "f/x", "f/x/y"):
        with pytest.raises(UsageError, match="cannot be a file and a folder"):
            bench.put("songs", {path: "3"})
    assert bench.contents("songs") == {"d/a": "1", "f": "2"}


def test_a_folder_of_many_is_checked_too(bench):
    bench.repo("songs")
    bench.put("songs", {"d/e/a": "1"})
    with pytest.raises(UsageError, match="songs@master:/d cannot be a file and a folder"):
        bench.put("songs", {**{str(n): "" for n in range(300)}, "d": "3"})


def test_a_folder_goes_with_recursive_alone(bench):
    bench.repo("songs")
    bench.put("songs", {"d/a": "1", "d/b": "2", "c": "3"})
    for folder in ("songs@master:/d", "songs@master"):
        with pytest.raises(UsageError, match="Remove it with all below it with -r"):
            files.delete_path(bench.store, parse_address(folder))
    assert files.delete_path(bench.store, parse_address("songs@master:/c"))[1] == 1
    assert files.delete_path(bench.store, parse_address("songs@master:/d"), recursive=True)[1] == 2
    assert bench.contents("songs") == {}


def test_deleting_what_is_not_there_makes_a_commit(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    assert files.delete_path(bench.store, parse_address("songs@master:/none"))[1] == 0
    assert len(commits.list_commits(bench.store, "songs")) == 2
    with pytest.raises(UsageError, match="signs of globs"):
        files.delete_path(bench.store, parse_address("songs@master:/*"))
    assert bench.contents("songs") == {"a": "1"}


def test_a_commits_id_is_an_address_and_never_a_branch(bench):
    bench.repo("songs")
    commit = commits.start_commit(bench.store, "songs", "master")
    bench.put("songs", {"a": "1", "b": "2"}, commit.id)
    files.delete_path(bench.store, Address("songs", commit.id, "/b"))
    assert commits.finish_commit(bench.store, "songs", commit.id).id == commit.id
    assert bench.contents("songs") == {"a": "1"}
    with pytest.raises(UsageError, match="has finished"):
        bench.put("songs", {"a": "2"}, commit.id)
    with pytest.raises(UsageError, match="has finished"):
        commits.finish_commit(bench.store, "songs", commit.id)
    with pytest.raises(UsageError, match="not found"):
        bench.put("songs", {"a": "2"}, "0123456789ab4def0123456789abcdef")
    with pytest.raises(UsageError, match="is an ancestor"):
        bench.put("songs", {"a": "2"}, "master^")
    with pytest.raises(UsageError, match="cannot be a branch"):
        commits.start_commit(bench.store, "songs", "0123456789abcdef" * 2)
    assert repos.inspect_repo(bench.store, "songs").branches == ("master",)


def test_get(bench, songs):
    put(bench, songs, recursive=True)
    getting.get_file(bench.store, parse_address("songs@master:/a.mp3"), bench.folder / "x")
    assert (bench.folder / "x").read_text() == "A"
    assert getting.get_folder(bench.store, parse_address("songs@master"), bench.folder / "all") == 3
    assert (bench.folder / "all" / "sub" / "b.mp3").read_text() == "B"
    getting.get_folder(bench.store, parse_address("songs@master:/sub"), bench.folder / "part")
    assert (bench.folder / "part" / "b.mp3").read_text() == "B"
    with pytest.raises(UsageError, match="is a folder"):
        getting.get_file(bench.store, parse_address("songs@master:/sub"), bench.folder / "y")
    assert not list(bench.folder.glob(".partial-*"))


def test_listing(bench, songs):
    put(bench, songs, recursive=True)

    def listed(place):
        return [(f.path, f.type, f.size, f.files) for f in listing.list_files(bench.store, parse_address(place))[1]]

    assert listed("songs") == [("/.DS_Store", "file", 4, 1), ("/a.mp3", "file", 1, 1), ("/sub/", "dir", 1, 1)]
    assert listed("songs:/sub") == [("/sub/b.mp3", "file", 1, 1)]


def test_an_open_commit_gathers_and_nothing_runs_until_it_is_finished(bench):
    bench.repo("songs")
    bench.pipeline("p", ["true"], "songs")
    commits.start_commit(bench.store, "songs", "master")
    with pytest.raises(UsageError, match="has not been finished"):
        commits.start_commit(bench.store, "songs", "master")
    bench.put("songs", {"a": "1"})
    bench.put("songs", {"b": "2"})
    assert bench.run().jobs == []
    commits.finish_commit(bench.store, "songs", "master")
    assert len(bench.run().jobs) == 1
    assert bench.contents("songs") == {"a": "1", "b": "2"}
    with pytest.raises(UsageError, match="no open commit"):
        commits.finish_commit(bench.store, "songs", "master")


def test_an_output_repo_is_the_pipelines_alone(bench):
    bench.repo("songs")
    bench.pipeline("p", ["true"], "songs")
    with pytest.raises(UsageError, match="written by the pipeline p"):
        bench.put("p", {"a": "1"})
    with pytest.raises(UsageError, match="delete pipeline p"):
        repos.delete_repo(bench.store, "p")
    with pytest.raises(UsageError, match="provenance of the pipeline p"):
        repos.delete_repo(bench.store, "songs")


def test_names_of_repos(bench):
    bench.repo("a_b-1", "_x", "-x", "x" * 80)
    for name in ("", "a.b", "a b", "a:b", "é"):
        with pytest.raises(UsageError, match="cannot name a repo"):
            repos.create_repo(bench.store, name)
    with pytest.raises(UsageError, match="already exists"):
        repos.create_repo(bench.store, "a_b-1")
    with pytest.raises(UsageError, match="Did you mean a_b-1"):
        repos.delete_repo(bench.store, "a_b_1")


def test_commits_are_found_by_branch_id_and_steps_back(bench):
    bench.repo("songs")
    made = [bench.put("songs", {"a": str(n)}) for n in range(3)]
    assert bench.contents("songs", "master^^") == {"a": "0"}
    assert bench.contents("songs", made[1].id[:10]) == {"a": "1"}
    assert bench.contents("songs", f"{made[1].id}^") == {"a": "0"}
    with pytest.raises(UsageError, match="commit songs@main not found"):
        commits.resolve(bench.store, Address("songs", "main"))
