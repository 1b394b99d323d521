"""`squash commit` and `delete commit`: what goes, what stays, and what is refused."""

import pytest
from engine_bench import OUT, UPPER, shell

from aeolian.engine import history
from aeolian.engine.graphs.lineage import lineage
from aeolian.engine.jobs.records import list_datums, list_jobs
from aeolian.engine.storage import lock
from aeolian.engine.storage.trees import EMPTY
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions import pipelines
from aeolian.engine.versions.commits import finish_commit, list_commits, start_commit
from aeolian.errors import UsageError
from aeolian.platform.addresses import Address


@pytest.fixture
def three(bench):
    """songs → upper → all, after the commits a, b, and a changed with b; `ids` are theirs."""
    bench.repo("songs")
    bench.pipeline("upper", [*UPPER[:2], "print('ran'); " + UPPER[2]], "songs", transform=OUT)
    bench.pipeline("all", shell("cat /pfs/upper/* > /pfs/out/all"), "upper", "/")
    bench.ids = []
    for contents in ({"a": "one"}, {"b": "two"}, {"c": "three"}):
        bench.ids.append(bench.put("songs", contents).id)
        assert not bench.run().failed
    return bench


def heads(bench):
    return {repo: bench.contents(repo) for repo in ("songs", "upper", "all")}


def left(bench, repo):
    return [commit.id for commit in reversed(list_commits(bench.store, repo))]


def test_squash_takes_out_every_commit_of_the_id_and_no_content(three):
    before = heads(three)
    removed = history.squash(three.store, three.ids[1])
    assert removed.commits == ("all@master", "songs@master", "upper@master")
    assert (removed.jobs, removed.datums) == (2, 1), "the run for `all` of two songs goes; that for b has a user"
    for repo in ("songs", "upper", "all"):
        assert left(three, repo) == [three.ids[0], three.ids[2]]
    assert heads(three) == before
    assert list(check(three.store)) == []


def test_runs_of_a_squashed_commit_belong_to_the_child(three):
    history.squash(three.store, three.ids[0][:8])
    history.squash(three.store, f"songs@{three.ids[1]}")
    job = three.job("upper")
    records = list_datums(three.store, job)
    assert [record.state for record in records] == ["success"] * 3
    assert (job.processed, job.skipped) == (3, 0)
    assert all(record.log.read_text() == "ran\n" for record in records)
    assert [record.inputs[0]["commit"] for record in records] == [three.ids[2]] * 3
    assert sorted(p.path for p in lineage(three.store, Address("all", "master", "/all")).inputs) == ["/a", "/b", "/c"]
    collect_garbage(three.store)
    three.put("songs", {"d": "four"})
    three.run()
    assert (three.job("upper").processed, three.job("upper").skipped) == (1, 3), "nothing is redone"
    assert three.contents("all") == {"all": "ONETWOTHREEFOUR"}


def test_squash_refuses_a_head(three):
    with pytest.raises(UsageError, match="no child that would keep its content"):
        history.squash(three.store, three.ids[2])
    assert left(three, "upper") == three.ids


def test_squash_refuses_what_is_not_finished(three):
    unfinished = three.put("songs", {"d": "four"}).id
    three.put("songs", {"e": "five"})
    with pytest.raises(UsageError, match=r"is not finished.*aeolian wait"):
        history.squash(three.store, unfinished)


def test_delete_moves_heads_back(three):
    expected = {"songs": {"a": "one", "b": "two"}, "upper": {"a": "ONE", "b": "TWO"}, "all": {"all": "ONETWO"}}
    removed = history.delete(three.store, f"songs@{three.ids[2]}")
    assert (removed.id, removed.jobs, removed.datums) == (three.ids[2], 2, 2)
    assert heads(three) == expected
    assert len(list_jobs(three.store)) == 4
    assert not list((three.store.home / "logs").glob(f"*/{three.ids[2]}"))
    collect_garbage(three.store)
    assert list(check(three.store)) == []
    three.run()
    assert heads(three) == expected


def test_delete_by_branch_and_down_to_nothing(three):
    for _ in three.ids:
        history.delete(three.store, "upper@master")
    left = list_commits(three.store)
    assert {(commit.repo, commit.tree, commit.origin) for commit in left} == {
        (repo, EMPTY, "auto") for repo in ("songs", "upper", "all")
    }
    assert len({commit.id for commit in left}) == 1
    three.put("songs", {"a": "one"})
    assert not three.run().failed
    assert three.contents("all") == {"all": "ONE"}


def test_delete_refuses_what_has_a_child(three):
    with pytest.raises(UsageError, match=f"has children: {three.ids[1][:12]}.*squash commit"):
        history.delete(three.store, three.ids[0])


def test_what_another_commit_was_made_from_stays(three):
    pipelines.run_pipeline(three.store, "all")
    three.run()
    again = three.job("all").id
    for refuse in (history.delete, history.squash):
        with pytest.raises(UsageError):
            refuse(three.store, f"upper@{three.ids[2]}")
    three.put("songs", {"d": "four"})
    three.run()
    with pytest.raises(UsageError, match=f"all@{again[:12]} was made from upper@{three.ids[2][:12]}"):
        history.squash(three.store, three.ids[2])
    history.squash(three.store, again)
    history.squash(three.store, three.ids[2])
    assert left(three, "all")[:2] == three.ids[:2]


def test_a_commit_of_a_second_input_keeps_the_first(bench):
    bench.repo("left", "right")
    cross = {"cross": [{"pfs": {"repo": repo, "glob": "/*"}} for repo in ("left", "right")]}
    bench.pipeline("both", shell("cat $left $right > /pfs/out/x"), cross)
    first = bench.put("left", {"a": "1"})
    bench.run()
    second = bench.put("right", {"b": "2"})
    bench.run()
    bench.put("left", {"a": "3"})
    bench.run()
    with pytest.raises(UsageError, match=f"both@{second.id[:12]} was made from left@{first.id[:12]}"):
        history.squash(bench.store, first.id)


def test_an_outstanding_job_goes_with_its_commit(three):
    three.put("songs", {"d": "four"})
    history.delete(three.store, "songs@master")
    assert three.run().jobs == []
    assert list(check(three.store)) == []
    start_commit(three.store, "songs", "master")
    history.delete(three.store, "songs@master")
    with pytest.raises(UsageError, match="no open commit"):
        finish_commit(three.store, "songs", "master")
    assert left(three, "songs") == three.ids


def test_a_failed_commit_needs_no_child(bench):
    bench.repo("songs")
    bench.pipeline("p", shell("exit 1"), "songs")
    first = bench.put("songs", {"a": "1"})
    bench.put("songs", {"a": "2"})
    bench.run()
    history.squash(bench.store, first.id)
    assert len(list_commits(bench.store, "p")) == 1


def test_not_beside_a_running_job_and_not_by_a_guess(three):
    with lock.held(three.store.lock), pytest.raises(UsageError, match="at work on this store"):
        history.delete(three.store, "songs@master")
    for text in ("", "ffff", "songs@ffffffff"):
        with pytest.raises(UsageError, match="not found"):
            history.squash(three.store, text)
