"""Repos and projects: making, telling, changing and removing them."""

import pytest
from contract import pachyderm


def names(engine, *words):
    return sorted(each["repo"]["name"] for each in engine.raw("list repo", *words))


@pachyderm("pfs.TestCreateAndInspectRepo", "pfs.TestCreateRepoWithoutProject")
def test_a_new_repo_is_empty_and_can_be_made_once(engine):
    engine.repo("in")
    found = engine.one("inspect repo", "in")
    assert found["repo"] == {"name": "in", "type": "user", "project": {"name": engine.project}}
    assert found["created"].endswith("Z")
    assert found["details"].get("size_bytes", "0") == "0"
    engine.refuse("create repo", "in")
    assert "not found" in engine.refuse("inspect repo", "none")


@pachyderm("pfs.TestInvalidRepo", "ancestry.TestValidate")
@pytest.mark.parametrize("name", ["/repo", "lenny.123", "lenny:", "lenny,", "lenny#", "a b", "a/b"])
def test_a_repo_name_with_other_signs_is_refused(engine, name):
    engine.repo("other")
    engine.refuse("create repo", name)
    assert names(engine) == ["other"]


@pachyderm("pfs.TestInvalidRepo")
def test_repo_names_are_of_letters_digits_underscore_and_dash(engine):
    engine.repo("lenny", "lenny123", "lenny_123", "lenny-123", "_x", "r" * 80)
    assert names(engine) == sorted(["lenny", "lenny123", "lenny_123", "lenny-123", "_x", "r" * 80])


@pachyderm("pfs.TestListRepo", "pfs.TestDeleteRepo2", "pfs/cmds.TestDeleteRepo", "pfs.TestDeleteRepo")
def test_deleted_repos_are_not_listed(engine):
    engine.repo(*[f"repo{number}" for number in range(6)])
    engine.do("delete repo", "repo1")
    engine.do("delete repo", "repo4")
    assert names(engine) == ["repo0", "repo2", "repo3", "repo5"]


@pachyderm("pfs/cmds.TestDeleteNonExistRepo")
def test_a_repo_that_is_not_there_cannot_be_deleted(engine):
    engine.repo("in")
    engine.refuse("delete repo", "none")
    assert names(engine) == ["in"]


@pachyderm("pfs.TestCreateDeletedRepo")
def test_a_repo_made_anew_has_nothing_of_the_old_one(engine):
    engine.repo("in")
    engine.put("in@master:/foo", "foo")
    engine.do("delete repo", "in")
    engine.repo("in")
    assert engine.raw("list commit", "in") == []
    assert engine.raw("list branch", "in") == []
    assert names(engine) == ["in"]


@pachyderm("pfs.TestUpdateRepo")
def test_update_changes_the_description_alone(engine):
    engine.do("create repo", "in", "-d", "first words")
    engine.put("in@master:/foo", "foo")
    head = engine.head("in")
    engine.do("update repo", "in", "-d", "other words")
    assert engine.one("inspect repo", "in")["description"] == "other words"
    assert engine.head("in") == head
    engine.do("update repo", "new", "-d", "words")
    assert names(engine) == ["in", "new"]


@pachyderm("pfs.TestInspectRepoSimple", "pfs.TestInspectRepoComplex", "server.TestRepoSize")
def test_the_size_of_a_repo_is_that_of_master(engine):
    engine.repo("in")
    engine.put("in@branch:/foo", "foo\n")
    assert engine.one("inspect repo", "in")["details"].get("size_bytes", "0") == "0"
    engine.put_tree("in@master:/", {f"file{number}": "x" * (100 + number) for number in range(20)})
    engine.do("wait commit", "in@master")
    assert engine.one("inspect repo", "in")["details"]["size_bytes"] == str(20 * 100 + 190)
    engine.do("delete file", "in@master:/file0")
    engine.do("wait commit", "in@master")
    assert engine.one("inspect repo", "in")["details"]["size_bytes"] == str(19 * 100 + 190)


@pachyderm("pfs.TestDeleteRepoProvenance", "pfs.TestUpdateProvenance")
def test_a_repo_that_another_is_made_from_is_deleted_last_or_by_force(engine):
    engine.repo("a", "b")
    engine.do("create branch", "b@master", "-p", "a@master")
    assert "provenance" in engine.refuse("delete repo", "a")
    engine.do("delete repo", "b")
    engine.do("delete repo", "a")
    engine.repo("a", "b")
    engine.do("create branch", "b@master", "-p", "a@master")
    engine.do("delete repo", "a", "--force")
    assert names(engine) == ["b"]


@pachyderm("pfs.TestUpdateProvenance", "pfs.TestDeleteBranchWithProvenance")
def test_new_provenance_takes_the_place_of_the_old(engine):
    engine.repo("old", "kept", "new", "out")
    engine.do("create branch", "out@master", "-p", "old@master", "-p", "kept@master")
    engine.do("create branch", "out@master", "-p", "kept@master", "-p", "new@master")
    engine.do("delete repo", "old")
    assert "provenance" in engine.refuse("delete repo", "new")
    assert "provenance" in engine.refuse("delete branch", "kept@master")
    engine.do("delete branch", "kept@master", "--force")


@pachyderm("pfs/cmds.TestDeleteAllRepos", "pfs.TestDeleteRepos", "pfs/cmds.TestDeleteAllReposAllProjects")
def test_delete_all_empties_one_project(engine):
    other = f"{engine.project[:8]}-other"
    engine.repo("a", "b")
    engine.do("create project", other)
    try:
        engine.do("create repo", "c", "--project", other)
        engine.do("delete repo --all")
        assert names(engine) == []
        assert names(engine, "--project", other) == ["c"]
    finally:
        engine.do("delete repo --all", "--project", other)
        engine.do("delete project", other, input="y\n")


@pachyderm("pfs.TestCreateRepoNonExistentProject", "pfs/cmds.TestProject", "pfs.TestDeleteProject")
def test_a_project_is_made_before_its_repos(engine):
    engine.repo("here")
    other = f"{engine.project[:8]}-other"
    engine.refuse("create repo", "in", "--project", other)
    engine.do("create project", other, "-d", "first words")
    try:
        engine.refuse("create project", other)
        engine.do("create repo", "in", "--project", other)
        engine.do("update project", other, "-d", "other words")
        assert engine.one("inspect project", other)["description"] == "other words"
        assert other in [each["project"]["name"] for each in engine.raw("list project")]
        assert names(engine) == ["here"]
        engine.do("delete repo", "in", "--project", other)
    finally:
        engine.do("delete project", other, input="y\n")
    engine.refuse("inspect project", other)


@pachyderm("pfs/cmds.TestDeleteProject", "pfs.TestDeleteProjectWithRepos", "pfs.TestCreateProject")
def test_project_names_have_51_letters_at_most(engine):
    engine.repo("here")
    name = f"{engine.project[:8]}-" + "x" * (51 - len(engine.project[:8]) - 1)
    engine.refuse("create project", name + "x")
    engine.do("create project", name)
    engine.do("delete project", name, input="y\n")
    engine.refuse("inspect project", name)


@pachyderm("pfs/cmds.TestCommit", "pfs/cmds.TestCmdListRepo")
def test_the_same_repo_in_two_projects_is_two_repos(engine):
    other = f"{engine.project[:8]}-other"
    engine.repo("in")
    engine.put("in@master:/f", "here")
    engine.do("create project", other)
    try:
        engine.do("create repo", "in", "--project", other)
        engine.do("put file", "in@master:/f", "-f", "-", "--project", other, input="there")
        assert engine.get("in@master:/f") == "here"
        assert engine.do("get file", "in@master:/f", "--project", other) == "there"
        assert len(engine.raw("list commit", "in", "--project", other)) == 1
        found = [each["repo"]["project"]["name"] for each in engine.raw("list repo --all-projects")]
        assert {engine.project, other} <= set(found)
    finally:
        engine.do("delete repo", "in", "--project", other)
        engine.do("delete project", other, input="y\n")
