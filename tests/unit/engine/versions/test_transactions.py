"""Transactions: all of what was gathered under one id, or nothing."""

import pytest

from aeolian.engine.jobs.records import list_jobs
from aeolian.engine.versions import branches, changes, commits, references, repos, transactions
from aeolian.engine.versions.transactions import perform
from aeolian.errors import UsageError
from aeolian.platform.specs.spec import store_text

CROSS = {"cross": [{"pfs": {"repo": repo, "glob": "/"}} for repo in ("songs", "seeds")]}
assert changes.__doc__


def start(store, repo):
    return perform(store, "start commit", repo=repo, branch="master", parent="", description="")


def finish(store, repo):
    return perform(store, "finish commit", repo=repo, reference="master", description="")


def test_commits_of_one_transaction_have_one_id_and_one_job_follows(bench):
    bench.repo("songs", "seeds")
    bench.pipeline("p", ["sh", "-c", "cat /pfs/songs/* /pfs/seeds/* > /pfs/out/x"], CROSS)
    id_ = transactions.start(bench.store)
    assert start(bench.store, "songs") == start(bench.store, "seeds") == (id_, False)
    assert bench.store.db.all("SELECT * FROM revision") == []
    done, said = transactions.finish(bench.store)
    assert (done.id, said) == (id_, [id_, id_])
    for repo in ("songs", "seeds"):
        bench.put(repo, {"f": repo})
        assert list_jobs(bench.store) == []
        assert finish(bench.store, repo) == ("", True)
    bench.run()
    (job,) = list_jobs(bench.store)
    assert job.id == id_
    assert bench.contents("p") == {"x": "songsseeds"}
    assert {commit.repo for commit in references.set_commits(bench.store, id_)} == {"songs", "seeds", "p"}


def test_what_is_downstream_waits_for_all_that_is_open(bench):
    """Of two pipelines in a row, the second reads what the first makes of the commit that is finished last."""
    bench.repo("songs", "seeds")
    bench.pipeline("first", ["sh", "-c", "cp -r /pfs/seeds/. /pfs/out/"], "seeds", "/")
    both = {"cross": [{"pfs": {"repo": repo, "glob": "/"}} for repo in ("songs", "first")]}
    bench.pipeline("second", ["sh", "-c", "cat /pfs/songs/* /pfs/first/* > /pfs/out/x"], both)
    transactions.start(bench.store)
    start(bench.store, "songs")
    start(bench.store, "seeds")
    transactions.finish(bench.store)
    for repo in ("songs", "seeds"):
        bench.put(repo, {"f": repo})
        commits.finish_commit(bench.store, repo, "master")
        bench.run()
    assert bench.contents("second") == {"x": "songsseeds"}
    assert len(list_jobs(bench.store)) == 2


def test_all_kinds_of_changes_are_gathered(bench):
    bench.repo("songs", "old")
    bench.put("songs", {"f": "1"}, "dev")
    transactions.start(bench.store)
    store = bench.store
    perform(store, "create repo", repo="seeds", description="of songs")
    perform(store, "update repo", repo="songs", description="heard")
    perform(store, "delete repo", repo="old", force=False)
    trigger = {"branch": "dev", "commits": 2}
    perform(store, "create branch", repo="songs", branch="master", head="dev", provenance=[], trigger=trigger)
    perform(
        store, "create branch", repo="songs", branch="more", head="", provenance=[["seeds", "master"]], trigger=None
    )
    perform(store, "delete branch", repo="songs", branch="more", force=False)
    spec = store_text(bench.spec("p", ["true"], CROSS))
    more = {"source": None, "arguments": [], "update": False, "reprocess": False, "secrets": []}
    perform(store, "create pipeline", spec=spec, **more)
    assert [repo.name for repo in repos.list_repos(store)] == ["old", "songs"]
    transactions.finish(store)
    assert [(repo.name, repo.description) for repo in repos.list_repos(store)] == [
        ("p", "Output of pipeline p."),
        ("seeds", "of songs"),
        ("songs", "heard"),
    ]
    assert bench.contents("songs") == {"f": "1"}
    assert repos.inspect_repo(store, "songs").branches == ("dev", "master")
    assert branches.inspect_branch(store, "songs", "master").trigger.commits == 2
    assert transactions.list_transactions(store) == []


def test_a_change_that_cannot_be_done_is_not_gathered(bench):
    bench.repo("songs")
    transactions.start(bench.store)
    perform(bench.store, "create repo", repo="seeds", description="")
    with pytest.raises(UsageError, match="repo songs already exists"):
        perform(bench.store, "create repo", repo="songs", description="")
    transactions.finish(bench.store)
    assert [repo.name for repo in repos.list_repos(bench.store)] == ["seeds", "songs"]


def test_a_change_that_can_no_longer_be_done_keeps_the_transaction_from_its_end(bench):
    bench.repo("songs")
    transactions.start(bench.store)
    perform(bench.store, "create repo", repo="first", description="")
    perform(bench.store, "create repo", repo="seeds", description="")
    id_ = transactions.stop(bench.store)
    bench.repo("seeds")
    with pytest.raises(UsageError, match="repo seeds already exists"):
        transactions.finish(bench.store, id_)
    assert [repo.name for repo in repos.list_repos(bench.store)] == ["seeds", "songs"]
    transactions.delete(bench.store, id_)
    assert perform(bench.store, "create repo", repo="first", description="") == ("", True)


def test_two_commits_of_one_repo_do_not_go_together(bench):
    bench.repo("songs")
    transactions.start(bench.store)
    start(bench.store, "songs")
    with pytest.raises(UsageError, match="has a commit in this transaction"):
        perform(bench.store, "start commit", repo="songs", branch="dev", parent="", description="")


def test_transactions_are_stopped_resumed_and_deleted(bench):
    first = transactions.start(bench.store)
    with pytest.raises(UsageError, match="is active"):
        transactions.start(bench.store)
    perform(bench.store, "create repo", repo="one", description="")
    assert transactions.stop(bench.store) == first
    perform(bench.store, "create repo", repo="outside", description="")
    second = transactions.start(bench.store)
    with pytest.raises(UsageError, match="is active"):
        transactions.resume(bench.store, first)
    assert transactions.delete(bench.store) == second
    assert transactions.resume(bench.store, first[:8]) == first
    assert [request.arguments["repo"] for request in transactions.inspect(bench.store).requests] == ["one"]
    transactions.finish(bench.store)
    assert [repo.name for repo in repos.list_repos(bench.store)] == ["one", "outside"]
    for call in (transactions.stop, transactions.finish, transactions.delete):
        with pytest.raises(UsageError, match="No transaction is active"):
            call(bench.store)
    with pytest.raises(UsageError, match="not found"):
        transactions.inspect(bench.store, first)


def test_an_input_with_a_trigger_waits_for_it(bench):
    bench.repo("songs")
    source = {"pfs": {"repo": "songs", "glob": "/*", "trigger": {"commits": 2}}}
    bench.pipeline("p", ["sh", "-c", "cp /pfs/songs/* /pfs/out/"], source, update=False)
    bench.run()
    bench.put("songs", {"f": "1"})
    bench.run()
    assert bench.contents("p") == {}
    bench.put("songs", {"g": "2"})
    bench.run()
    assert bench.contents("p") == {"f": "1", "g": "2"}
    rule = branches.inspect_branch(bench.store, "songs", "p-trigger-1").trigger
    assert (rule.branch, rule.commits) == ("master", 2)
