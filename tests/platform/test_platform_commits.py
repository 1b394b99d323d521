"""Commits: open and finished, their order, and waiting for them."""

import threading

import pytest
from contract import NOBODY, copy, differs, pachyderm


@pachyderm("pfs/cmds.TestCommit", "pfs.TestPutFileCommit", "pfs.TestBasicFile")
def test_files_are_put_into_an_open_commit_by_its_id(engine):
    engine.repo("in")
    commit = engine.do("start commit", "in@master")
    engine.put(f"in@{commit}:/file", "data")
    engine.do("finish commit", f"in@{commit}")
    assert engine.contents("in@master") == {"/file": "data"}
    assert [each["branch"]["name"] for each in engine.raw("list branch", "in")] == ["master"]
    assert engine.commits("in") == [commit]


@pachyderm("pfs.TestPutFileIntoOpenCommit", "pfs.TestDeleteFile")
def test_a_finished_commit_does_not_change(engine):
    engine.repo("in")
    commit = engine.do("start commit", "in@master")
    engine.put(f"in@{commit}:/foo", "foo\n")
    engine.do("finish commit", "in@master")
    assert "finished" in engine.refuse("put file", f"in@{commit}:/foo", "-f", "-", input="other\n")
    engine.refuse("delete file", f"in@{commit}:/foo")
    engine.refuse("finish commit", f"in@{commit}")
    assert engine.get("in@master:/foo") == "foo\n"


def test_a_commit_that_is_not_there_is_not_made(engine):
    engine.repo("in")
    assert "not found" in engine.refuse("put file", f"in@{NOBODY}:/f", "-f", "-", input="x")
    engine.refuse("finish commit", f"in@{NOBODY}")
    assert engine.raw("list branch", "in") == []


@pachyderm("pfs.TestStartCommitWithUnfinishedParent")
def test_a_branch_has_one_open_commit(engine):
    engine.repo("in")
    first = engine.do("start commit", "in@master")
    assert "not been finished" in engine.refuse("start commit", "in@master")
    engine.do("finish commit", f"in@{first}")
    assert engine.do("start commit", "in@master") != first


@pachyderm("pfs.TestPutFileCommitNilBranch", "pfs.TestGlobFile", "pfs.TestInspectFile", "pfs.TestListFile")
def test_an_open_commit_is_seen_through_its_branch(engine):
    engine.repo("in")
    engine.put("in@master:/old", "old")
    engine.do("start commit", "in@master")
    engine.put("in@master:/new", "new")
    assert engine.contents("in@master") == {"/new": "new", "/old": "old"}
    assert [each["file"]["path"] for each in engine.raw("list file", "in@master")] == ["/new", "/old"]
    assert "finished" not in engine.one("inspect commit", "in@master")
    engine.do("finish commit", "in@master")
    assert engine.contents("in@master") == {"/new": "new", "/old": "old"}


@pachyderm("pfs.TestInspectCommit")
def test_a_commit_tells_its_times_and_size(engine):
    engine.repo("in")
    commit = engine.do("start commit", "in@master")
    engine.put("in@master:/foo", "foo\n")
    found = engine.one("inspect commit", f"in@{commit}")
    assert found["commit"]["id"] == commit
    assert found["commit"]["repo"]["name"] == "in"
    assert found["origin"] == {"kind": "USER"}
    assert found["started"].endswith("Z")
    assert "finished" not in found
    engine.do("finish commit", f"in@{commit}")
    engine.do("wait commit", f"in@{commit}")
    found = engine.one("inspect commit", f"in@{commit}")
    assert found["finished"] >= found["started"]
    assert found["details"]["size_bytes"] == "4"


@pachyderm("pfs.TestCommitDescription")
def test_a_commit_keeps_its_description(engine):
    engine.repo("in")
    commit = engine.do("start commit", "in@master", "-m", "why it began")
    assert engine.one("inspect commit", f"in@{commit}")["description"] == "why it began"
    engine.do("finish commit", f"in@{commit}", "-m", "what it was")
    assert engine.one("inspect commit", f"in@{commit}")["description"] == "what it was"


@pachyderm("pfs.TestListCommit", "pfs.TestListCommitLimit")
def test_commits_are_listed_newest_first(engine):
    engine.repo("in")
    ids = []
    for number in range(6):
        engine.put("in@master:/f", str(number))
        ids.insert(0, engine.head("in"))
    found = engine.raw("list commit", "in@master")
    assert [each["commit"]["id"] for each in found] == ids
    assert [each["parent_commit"]["id"] for each in found[:-1]] == ids[1:]
    assert engine.commits("in") == ids
    assert [each["commit"]["id"] for each in engine.raw("list commit", "in@master", "-n", "2")] == ids[:2]
    assert [each["commit"]["id"] for each in engine.raw("list commit", "in@master", "--from", ids[3])] == ids[:3]
    assert "not found" in engine.refuse("list commit", "none")


@pachyderm("pfs.TestStartCommitFork", "pfs.TestChildCommits")
def test_a_branch_may_begin_at_any_commit(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    first = engine.head("in")
    engine.put("in@master:/f", "2")
    engine.do("create branch", "in@fork", "--head", "master^")
    fork = engine.do("start commit", "in@fork")
    engine.put("in@fork:/g", "3")
    engine.do("finish commit", "in@fork")
    assert engine.one("inspect commit", f"in@{fork}")["parent_commit"]["id"] == first
    assert engine.contents("in@fork") == {"/f": "1", "/g": "3"}
    assert engine.contents("in@master") == {"/f": "2"}


@pachyderm("pfs.TestInspectCommitWait", "pfs.TestWaitOpenCommit")
def test_wait_commit_returns_when_it_is_finished(engine):
    engine.repo("in")
    commit = engine.do("start commit", "in@master")
    waiting = engine.start("wait commit", f"in@{commit}")
    engine.put("in@master:/f", "1")
    assert waiting.poll() is None
    engine.do("finish commit", "in@master")
    out, err = waiting.communicate(timeout=240)
    assert waiting.returncode == 0, err
    assert commit in out


@pachyderm("pfs.TestWaitNonExistentBranch", "pfs.TestWaitNonExistentCommitSet", "pfs.TestEmptyWait")
def test_waiting_for_nothing_is_refused(engine):
    engine.repo("in")
    engine.refuse("wait commit", "in@none")
    engine.refuse("wait commit", f"in@{NOBODY}")
    engine.refuse("wait commit", "none@master")


@pachyderm("pfs.TestSubscribeCommit", "pfs.TestSubscribeStates")
def test_subscribe_tells_of_every_commit_as_it_comes(engine):
    engine.repo("in")
    engine.put("in@master:/f", "0")
    engine.put("in@other:/f", "0")
    process = engine.start("subscribe commit", "in@master", "--raw")
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
    reader.start()
    ids = [engine.head("in")]
    for number in (1, 2):
        engine.put("in@master:/f", str(number))
        ids.append(engine.head("in"))
    engine.wait(lambda: sum(ids[-1] in line for line in list(lines)), "the last commit is told")
    process.kill()
    reader.join()
    told = [each for each in ids if any(f'"id":"{each}"' in line.replace(" ", "") for line in lines)]
    assert told == ids


def test_all_commits_of_one_id(engine):
    engine.repo("in")
    engine.create(copy("p", "in"))
    engine.put("in@master:/f", "1")
    engine.settle()
    commit = engine.head("in")
    found = engine.raw("list commit", commit)
    repos = {(each["commit"]["repo"]["name"], each["commit"]["repo"]["type"]) for each in found}
    assert {("in", "user"), ("p", "user")} <= repos
    assert {each["commit"]["id"] for each in found if each["commit"]["repo"]["type"] == "user"} == {commit}
    sets = engine.raw("list commit")
    assert next(each["commit_set"]["id"] for each in sets) == commit


@pachyderm("pfs.TestPutFileAtomic")
def test_a_put_that_is_refused_leaves_nothing(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    before = engine.head("in")
    good = engine.text_file("good")
    engine.refuse("put file", "in@master:/", "-r", "-f", good, "-f", str(engine.folder / "none"))
    assert engine.head("in") == before
    assert engine.contents("in@master") == {"/f": "1"}


@pytest.mark.parametrize("words", [["list file", "in"], ["put file", "in", "-f", "-"], ["delete file", "in"]])
def test_an_address_needs_a_branch(engine, words):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    engine.refuse(words[0], *words[1:], input="x")


@differs("the start of a commit's id, from 8 digits on, will do")
def test_the_start_of_an_id(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    address = f"in@{engine.head('in')[:8]}:/f"
    if engine.name == "local":
        assert engine.get(address) == "1"
    else:
        engine.refuse("get file", address)


@differs("a head cannot be moved to or from an open commit")
def test_a_head_moved_to_an_open_commit(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    engine.do("start commit", "in@other")
    words = ("in@master", "--head", "other")
    if engine.name == "local":
        engine.refuse("create branch", *words)
    else:
        engine.do("create branch", *words)


@pachyderm("pfs.TestWaitCommitSetWithNoDownstreamRepos")
def test_a_commit_that_nothing_reads_is_alone_in_its_set(engine):
    engine.repo("in")
    commit = engine.do("start commit", "in@master")
    engine.do("finish commit", "in@master")
    engine.do("wait commit", f"in@{commit}")
    [found] = engine.raw("list commit", commit)
    assert (found["commit"]["repo"]["name"], found["commit"]["id"]) == ("in", commit)


@pachyderm("pfs.TestWaitUninvolvedBranch")
def test_a_branch_has_no_commit_under_an_id_that_does_not_concern_it(engine):
    engine.repo("in", "other")
    engine.do("create branch", "other@master")
    commit = engine.do("start commit", "in@master")
    engine.refuse("wait commit", f"other@{commit}")
