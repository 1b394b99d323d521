"""Shortening history: squash and delete."""

import pytest
from contract import NOBODY, copy, differs, pachyderm
from platforms import success


@pachyderm("pfs.TestDropCommitSet", "pfs.TestSquashAndDropCommit", "server.TestDropCommit")
def test_the_newest_commit_is_deleted_not_squashed(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    first = engine.head("in")
    engine.put("in@master:/f", "2")
    second = engine.head("in")
    engine.refuse("squash commit", second)
    engine.do("delete commit", second)
    assert engine.head("in") == first
    assert engine.contents("in@master") == {"/f": "1"}
    engine.refuse("inspect commit", f"in@{second}")


@pachyderm("pfs.TestDropCommitSetOnlyCommitInBranch", "pfs.TestDropCommitSetFinished")
def test_the_only_commit_leaves_an_empty_branch(engine):
    engine.repo("in")
    engine.put("in@master:/f", "foo\n")
    only = engine.head("in")
    engine.do("delete commit", only)
    assert [each["branch"]["name"] for each in engine.raw("list branch", "in")] == ["master"]
    assert engine.head("in") != only
    assert engine.files("in@master") == []
    assert engine.one("inspect repo", "in")["details"].get("size_bytes", "0") == "0"


@pachyderm(
    "pfs.TestSquashCommitSetMultipleChildrenSingleCommit",
    "pfs.TestSquashCommitEmptyChild",
    "pfs.TestSquashAndDropCommit",
)
def test_an_older_commit_is_squashed_into_its_children(engine):
    engine.repo("in")
    ids = []
    for number in (1, 2, 3):
        engine.put(f"in@master:/f{number}", str(number))
        ids.append(engine.head("in"))
    engine.do("wait commit", "in@master")
    engine.do("squash commit", ids[1])
    assert engine.commits("in") == [ids[2], ids[0]]
    assert engine.one("inspect commit", f"in@{ids[2]}")["parent_commit"]["id"] == ids[0]
    assert engine.contents("in@master") == {"/f1": "1", "/f2": "2", "/f3": "3"}
    assert engine.contents("in@master^") == {"/f1": "1"}


@pachyderm("pfs.TestSquashCommitSetMultiLevelChildrenSimple")
def test_every_child_of_a_squashed_commit_gets_its_parent(engine):
    engine.repo("in")
    commits = {}
    for name, branch in [("a", "master"), ("b", "master"), ("c", "master"), ("e", "fork")]:
        if name == "e":
            engine.do("create branch", "in@fork", "--head", commits["b"])
        commits[name] = engine.do("start commit", f"in@{branch}")
        engine.put(f"in@{branch}:/{name}", name)
        engine.do("finish commit", f"in@{branch}")
        engine.do("wait commit", f"in@{branch}")
    engine.do("squash commit", commits["b"])
    parents = [engine.one("inspect commit", f"in@{commits[name]}")["parent_commit"]["id"] for name in "ce"]
    assert parents == [commits["a"], commits["a"]]
    assert engine.files("in@fork") == ["/a", "/b", "/e"]


@pachyderm("pfs.TestSquashComplex", "pfs.TestSquashCommitSetMultiLevelChildrenComplex")
def test_a_commit_that_another_set_reads_is_not_squashed(engine):
    engine.repo("a", "b", "out")
    engine.do("create branch", "out@master", "-p", "a@master", "-p", "b@master")
    engine.do("finish commit", "out@master")
    ids = {}
    for repo, number in [("a", 1), ("a", 2), ("b", 3), ("b", 4)]:
        engine.put(f"{repo}@master:/f", str(number))
        ids[number] = engine.head(repo)
        engine.do("finish commit", "out@master")
    engine.do("squash commit", ids[1])
    engine.refuse("squash commit", ids[2])
    assert engine.commits("a@master")[0] == ids[2]
    engine.do("squash commit", ids[3])
    engine.refuse("squash commit", ids[4])


@pachyderm("pfs.TestSquashAndDropCommit")
def test_a_commit_with_children_is_not_deleted(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    first = engine.head("in")
    engine.put("in@master:/f", "2")
    engine.refuse("delete commit", first)
    assert len(engine.commits("in")) == 2


@pachyderm("pfs.TestSquashAndDropCommit", "server.TestDropCommit")
def test_a_deleted_commit_takes_along_what_followed_from_it(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    engine.create(copy("p", "in"))
    engine.put("in@master:/g", "2")
    assert engine.outcome("p") == success(1, skipped=1)
    engine.do("delete commit", engine.head("in"))
    assert engine.contents("in@master") == {"/f": "1"}
    assert engine.contents("p@master") == {"/f": "1"}


@differs("`squash commit` and `delete commit` take `repo@id` too; an unknown commit is refused")
@pytest.mark.parametrize("command", ["squash commit", "delete commit"])
def test_addresses_and_ids_of_nobody(engine, command):
    engine.repo("in")
    for number in (1, 2):
        engine.put("in@master:/f", str(number))
    newest, first = engine.commits("in")
    which = first if command == "squash commit" else newest
    if engine.name == "local":
        engine.refuse(command, NOBODY)
        engine.do(command, f"in@{which}")
        assert which not in engine.commits("in")
    else:
        engine.do(command, NOBODY)
        engine.do(command, f"in@{which}")
        assert engine.commits("in") == [newest, first]


@differs("the jobs of a commit that is squashed or deleted go with it")
@pachyderm("server.TestDropCommit")
def test_jobs_of_a_deleted_commit(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    engine.create(copy("p", "in"))
    engine.put("in@master:/g", "2")
    engine.settle()
    commit = engine.head("in")
    engine.do("delete commit", commit)
    listed = [job["job"]["id"] for job in engine.jobs("p")]
    assert (commit in listed) == (engine.name != "local")


@pachyderm("pfs.TestCommitBranchProvenanceMovement")
def test_a_file_of_a_squashed_commit_is_kept_where_others_have_it(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x" * 100_000)
    engine.put("in@master:/g", "y")
    engine.do("squash commit", engine.commits("in")[-1])
    assert engine.get("in@master:/f") == "x" * 100_000
    engine.do("fsck")
