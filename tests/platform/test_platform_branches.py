"""Branches: heads, ancestry, provenance, and moving them."""

import pytest
from contract import NOBODY, pachyderm


def branches(engine, repo):
    """Names of a repo's branches, newest first."""
    return [each["branch"]["name"] for each in engine.raw("list branch", repo)]


def provenance(engine, repo):
    return sorted(each["repo"]["name"] for each in engine.one("inspect branch", f"{repo}@master").get("provenance", ()))


def subvenance(engine, repo):
    return sorted(each["repo"]["name"] for each in engine.one("inspect branch", f"{repo}@master").get("subvenance", ()))


def finish(engine, *repos):
    """Close the commits that a commit upstream opened in repos without a pipeline."""
    for repo in repos:
        engine.do("finish commit", f"{repo}@master")


@pachyderm("pfs.TestBranch", "pfs.TestStartCommitLatestOnBranch")
def test_a_branch_names_its_newest_commit(engine):
    engine.repo("in")
    ids = []
    for number in range(3):
        engine.put("in@master:/file", str(number))
        ids.append(engine.head("in"))
    assert len(set(ids)) == 3
    assert "parent_commit" not in engine.one("inspect commit", f"in@{ids[0]}")
    assert engine.one("inspect commit", "in@master")["parent_commit"]["id"] == ids[1]


@pachyderm("pfs.TestAncestrySyntax", "ancestry.TestAncestry")
@pytest.mark.parametrize(
    ("ancestor", "value"),
    [("^", 2), ("~", 2), ("^1", 2), ("~1", 2), ("^^", 1), ("~~", 1), ("^2", 1), (".1", 1), (".2", 2), (".3", 3)],
)
def test_ancestors_are_counted_from_either_end(engine, ancestor, value):
    engine.repo("in")
    for number in (1, 2, 3):
        engine.put("in@master:/file", str(number))
    assert engine.get(f"in@master{ancestor}:/file") == str(value)
    engine.refuse("get file", "in@master^3:/file")
    engine.refuse("get file", "in@master~~~:/file")


@pachyderm("pfs.TestAncestrySyntax")
def test_ancestors_of_a_commit_id(engine):
    engine.repo("in")
    for number in (1, 2, 3):
        engine.put("in@master:/file", str(number))
    assert engine.get(f"in@{engine.head('in')}^2:/file") == "1"
    for number in (4, 5):
        engine.put("in@master:/file", str(number))
    assert engine.get("in@master.2:/file") == "2"


@pachyderm("pfs.TestCreateInvalidBranchName")
def test_a_branch_cannot_be_called_like_a_commit(engine):
    engine.repo("in")
    engine.refuse("start commit", f"in@{NOBODY}")
    engine.refuse("create branch", f"in@{NOBODY}")
    assert branches(engine, "in") == []


@pytest.mark.parametrize("name", ["a b", "a/b", "a.b"])
def test_a_branch_name_with_other_signs_is_refused(engine, name):
    engine.repo("in")
    engine.refuse("create branch", f"in@{name}")


@pachyderm("pfs.TestBranchCreateInNonExistentRepo", "pfs/cmds.TestBranchNotFound", "pfs.TestDeleteNonexistentBranch")
def test_branches_of_nothing(engine):
    engine.repo("in")
    assert "not found" in engine.refuse("create branch", "none@master")
    assert "not found" in engine.refuse("inspect branch", "in@none")
    assert "not found" in engine.refuse("delete branch", "in@none")


@pachyderm("pfs.TestBranch2", "pfs/cmds.TestBranchDelete", "pfs.TestBranch1")
def test_several_branches_may_have_one_head(engine):
    engine.repo("in")
    engine.put("in@first:/foo", "bar")
    commit = engine.head("in", "first")
    engine.do("create branch", "in@second", "--head", commit)
    engine.do("create branch", "in@third", "--head", "first")
    assert branches(engine, "in") == ["third", "second", "first"]
    assert {engine.head("in", branch) for branch in ("first", "second", "third")} == {commit}
    engine.put("in@first:/foo", "other")
    assert engine.get("in@first:/foo") == "other"
    assert engine.get("in@second:/foo") == "bar"
    engine.do("delete branch", "in@third")
    assert branches(engine, "in") == ["second", "first"]
    assert engine.get(f"in@{commit}:/foo") == "bar"


@pachyderm("pfs.TestCreateBranchTwice", "pfs.TestRewindBranch")
def test_create_branch_moves_one_that_is_there(engine):
    engine.repo("in")
    engine.put("in@foo:/f", "1")
    engine.do("create branch", "in@master", "--head", "foo")
    engine.put("in@foo:/f", "2")
    assert engine.get("in@master:/f") == "1"
    engine.do("create branch", "in@master", "--head", "foo")
    assert branches(engine, "in") == ["master", "foo"]
    assert engine.head("in") == engine.head("in", "foo")
    engine.do("create branch", "in@master", "--head", "foo^")
    assert engine.get("in@master:/f") == "1"


@pachyderm("pfs.TestCreateBranchHeadOnOtherRepo")
def test_a_head_of_another_repo_is_refused(engine):
    engine.repo("in", "other")
    engine.put("other@master:/f", "1")
    engine.refuse("create branch", "in@test", "--head", engine.head("other"))
    assert branches(engine, "in") == []


@pachyderm("pfs.TestProvenance", "pfs.TestWalkBranchProvenanceAndSubvenance")
def test_provenance_reaches_back_to_the_first(engine):
    engine.repo("a", "b", "c", "d", "e")
    engine.do("create branch", "b@master", "-p", "a@master")
    engine.do("create branch", "c@master", "-p", "b@master", "-p", "e@master")
    engine.do("create branch", "d@master", "-p", "c@master")
    assert provenance(engine, "b") == ["a"]
    assert provenance(engine, "c") == ["a", "b", "e"]
    assert provenance(engine, "d") == ["a", "b", "c", "e"]
    commit = engine.do("start commit", "a@master")
    engine.do("finish commit", f"a@{commit}")
    assert [engine.head(repo) for repo in "bcd"] == [commit] * 3
    later = engine.do("start commit", "e@master")
    engine.do("finish commit", f"e@{later}")
    assert [engine.head(repo) for repo in "abcd"] == [commit, commit, later, later]


@pachyderm("pfs.TestResolveAlias", "pfs.TestProvenance")
def test_an_id_names_what_was_read_under_it(engine):
    engine.repo("a", "b", "c")
    engine.put("b@master:/f", "what c read")
    engine.do("create branch", "c@master", "-p", "a@master", "-p", "b@master")
    engine.put("a@master:/f", "1")
    commit = engine.head("a")
    finish(engine, "c")
    engine.put("b@master:/f", "later")
    assert engine.head("c") != commit
    assert engine.get(f"b@{commit}:/f") == "what c read"


@pachyderm("pfs.TestBranchProvenance")
def test_provenance_that_was_taken_away_is_gone_downstream(engine):
    engine.repo("a", "b", "c", "d")
    engine.do("create branch", "a@master")
    engine.do("create branch", "b@master", "-p", "a@master")
    engine.do("create branch", "c@master", "-p", "b@master")
    engine.do("create branch", "d@master", "-p", "c@master", "-p", "a@master")
    assert provenance(engine, "d") == ["a", "b", "c"]
    assert subvenance(engine, "a") == ["b", "c", "d"]
    engine.do("create branch", "b@master")
    assert provenance(engine, "b") == []
    assert provenance(engine, "c") == ["b"]
    assert provenance(engine, "d") == ["a", "b", "c"]
    assert subvenance(engine, "a") == ["d"]
    assert subvenance(engine, "b") == ["c", "d"]


@pachyderm("pfs.TestBranchProvenance", "pfs.TestProvenanceWithinSingleRepoDisallowed")
def test_a_ring_is_refused(engine):
    engine.repo("a", "b", "c")
    engine.do("create branch", "a@master")
    engine.refuse("create branch", "a@master", "-p", "a@master")
    engine.do("create branch", "b@master", "-p", "a@master")
    engine.do("create branch", "c@master", "-p", "b@master")
    engine.refuse("create branch", "a@master", "-p", "c@master")
    assert provenance(engine, "a") == []


@pachyderm("pfs.TestPropagateBranch", "pfs.TestCommitBranch")
def test_a_commit_makes_one_in_every_branch_downstream(engine):
    engine.repo("in", "one", "two")
    engine.do("create branch", "one@master", "-p", "in@master")
    engine.do("create branch", "two@master", "-p", "in@master")
    commit = engine.do("start commit", "in@master")
    engine.do("finish commit", f"in@{commit}")
    assert [engine.head("one"), engine.head("two")] == [commit, commit]
    assert len(engine.commits("one")) == 2


@pachyderm("pfs.TestBackfillBranch", "pfs.TestUpdateBranchNewOutputCommit")
def test_a_new_branch_gets_one_commit_for_the_heads_that_are_there(engine):
    engine.repo("a", "b", "out")
    engine.put("a@master:/f", "1")
    engine.put("a@master:/f", "2")
    engine.put("b@master:/f", "1")
    engine.do("create branch", "out@master", "-p", "a@master", "-p", "b@master")
    assert len(engine.commits("out@master")) == 1
    engine.repo("c")
    engine.put("c@master:/f", "1")
    finish(engine, "out")
    engine.do("create branch", "out@master", "-p", "c@master")
    assert len(engine.commits("out@master")) == 2


@pachyderm("pfs.TestUpdateBranch")
def test_new_provenance_goes_on_downstream(engine):
    engine.repo("a", "b", "c", "d")
    engine.do("create branch", "b@master", "-p", "a@master")
    engine.do("create branch", "c@master", "-p", "b@master")
    engine.put("a@master:/f", "1")
    engine.put("d@master:/f", "1")
    finish(engine, "b", "c")
    before = engine.head("c")
    engine.do("create branch", "b@master", "-p", "a@master", "-p", "d@master")
    assert engine.head("b") == engine.head("c") != before
    assert provenance(engine, "c") == ["a", "b", "d"]


@pachyderm("pfs.TestRewindBranch", "pfs.TestRewindInput")
def test_a_branch_that_is_moved_back_is_passed_on_under_a_new_id(engine):
    engine.repo("a", "b")
    engine.do("create branch", "b@master", "-p", "a@master")
    ids = []
    for number in (1, 2, 3):
        engine.put("a@master:/file", str(number))
        ids.append(engine.head("a"))
        finish(engine, "b")
    engine.do("create branch", "a@master", "--head", ids[1])
    assert engine.head("a") == ids[1]
    new = engine.head("b")
    assert new not in ids
    assert engine.get(f"a@{new}:/file") == "2"


@pachyderm("pfs.TestToggleBranchProvenance", "pfs.TestRecreateBranchProvenance")
def test_provenance_taken_away_stops_commits_and_given_back_catches_up(engine):
    engine.repo("in", "out")
    engine.do("create branch", "out@master", "-p", "in@master")
    finish(engine, "out")
    engine.put("in@master:/1", "1")
    finish(engine, "out")
    assert engine.head("in") == engine.head("out")
    engine.do("create branch", "out@master", "--head", "master")
    engine.put("in@master:/2", "2")
    assert engine.head("in") != engine.head("out")
    assert len(engine.commits("out")) == 2
    engine.do("create branch", "out@master", "-p", "in@master")
    assert len(engine.commits("out")) == 3
    assert engine.get(f"in@{engine.head('out')}:/2") == "2"


@pachyderm("pfs.TestRewindProvenanceChange")
def test_a_branch_moved_back_to_before_its_provenance_was_what_it_is(engine):
    engine.repo("a", "b", "c")
    for repo in "ab":
        engine.do("create branch", f"{repo}@master")
    engine.do("create branch", "c@master", "-p", "a@master")
    engine.do("finish commit", "c@master")
    empty = engine.head("a")
    engine.put("a@master:/f", "1")
    engine.do("finish commit", "c@master")
    assert engine.head("c") == engine.head("a")
    engine.do("create branch", "c@master", "-p", "a@master", "-p", "b@master")
    engine.do("finish commit", "c@master")
    engine.put("b@master:/f", "2")
    engine.do("finish commit", "c@master")
    newest = engine.head("c")
    assert newest == engine.head("b")
    engine.do("create branch", "a@master", "--head", empty)
    assert engine.head("a") == empty
    made = engine.one("inspect commit", "c@master")
    assert made["commit"]["id"] not in (empty, newest)
    assert made["parent_commit"]["id"] == newest
