"""Transactions: several commands under one id."""

import re

import pytest
from contract import copy, cross, differs, pachyderm, pfs, spec


def begin(engine):
    """Start a transaction; its id."""
    return re.search("[0-9a-f]{32}", engine.do("start transaction")).group()


def current(engine):
    """The ids of all transactions that are open."""
    return {each["transaction"]["id"] for each in engine.raw("list transaction")}


@pachyderm("transaction.TestTransactions", "transaction/cmds.TestTransaction")
def test_commits_of_one_transaction_are_one_set_and_one_job(engine):
    engine.repo("a", "b")
    engine.create(spec("p", cross(pfs("a", "/"), pfs("b", "/")), "cat /pfs/a/f /pfs/b/f > /pfs/out/out"))
    engine.settle()
    before = len(engine.jobs("p"))
    engine.do("start transaction")
    engine.do("start commit", "a@master")
    engine.do("start commit", "b@master")
    engine.do("finish transaction")
    assert engine.head("a") == engine.head("b")
    for repo in "ab":
        engine.put(f"{repo}@master:/f", repo)
        engine.do("finish commit", f"{repo}@master")
    assert engine.outcome("p").state == "JOB_SUCCESS"
    assert len(engine.jobs("p")) == before + 1
    assert engine.contents("p@master") == {"/out": "ab"}
    assert engine.head("p") == engine.head("a")


@pachyderm("transaction/cmds.TestTransaction")
def test_nothing_happens_before_a_transaction_is_finished(engine):
    engine.repo("kept")
    engine.do("start transaction")
    engine.do("create repo", "new")
    engine.do("stop transaction")
    assert [each["repo"]["name"] for each in engine.raw("list repo")] == ["kept"]


@pachyderm("transaction/cmds.TestTransaction")
def test_a_transaction_is_stopped_and_resumed(engine):
    engine.repo("kept")
    mine = begin(engine)
    engine.do("create repo", "one")
    engine.do("stop transaction")
    engine.do("create repo", "outside")
    engine.do("resume transaction", mine)
    engine.do("create repo", "two")
    assert mine in engine.do("inspect transaction")
    engine.do("finish transaction")
    assert sorted(each["repo"]["name"] for each in engine.raw("list repo")) == ["kept", "one", "outside", "two"]
    assert mine not in current(engine)


@pachyderm("transaction/cmds.TestDeleteActiveTransaction", "transaction/cmds.TestDeleteInactiveTransaction")
@pytest.mark.parametrize("active", [True, False])
def test_a_deleted_transaction_leaves_nothing(engine, active):
    engine.repo("kept")
    mine = begin(engine)
    engine.do("create repo", "new")
    assert mine in current(engine)
    if active:
        engine.do("delete transaction")
    else:
        engine.do("stop transaction")
        engine.do("delete transaction", mine)
    assert mine not in current(engine)
    engine.do("create repo", "after")
    assert sorted(each["repo"]["name"] for each in engine.raw("list repo")) == ["after", "kept"]


@pachyderm("transaction.TestTransactions")
def test_what_is_refused_does_not_join_a_transaction(engine):
    engine.repo("kept")
    begin(engine)
    engine.do("create repo", "new")
    engine.refuse("create repo", "kept")
    engine.do("finish transaction")
    assert sorted(each["repo"]["name"] for each in engine.raw("list repo")) == ["kept", "new"]


@pachyderm("server.TestUpdateMultiplePipelinesInTransaction")
def test_pipelines_of_one_transaction_are_made_and_changed_together(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    for command in (engine.create, engine.update):
        begin(engine)
        command(copy("p", "in"))
        command(copy("q", "p"))
        engine.do("finish transaction")
        engine.settle()
    assert engine.contents("q@master") == {"/f": "1"}
    assert [len(engine.commits(f"{name}@master")) for name in "pq"] == [2, 2]
    assert len(engine.jobs("q", "--history", "all")) == 2


@differs("in a transaction `squash commit` and `stop job` are done at once")
def test_a_squash_in_a_transaction(engine):
    engine.repo("in")
    for number in (1, 2):
        engine.put("in@master:/f", str(number))
    newest, first = engine.commits("in")
    begin(engine)
    engine.do("squash commit", first)
    assert engine.commits("in") == ([newest] if engine.name == "local" else [newest, first])
    engine.do("finish transaction")
    assert engine.commits("in") == [newest]
