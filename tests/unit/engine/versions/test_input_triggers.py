"""A pfs input with a `trigger`: a branch of its own moves when enough has come."""

from engine_bench import UPPER

from aeolian.engine.jobs.records import list_jobs


def test_a_job_comes_when_enough_has_come(bench):
    bench.repo("songs")
    source = {"pfs": {"repo": "songs", "name": "songs", "glob": "/*", "trigger": {"commits": 2}}}
    bench.pipeline("p", UPPER, source, transform={"env": {"OUT": "/pfs/out/"}})
    bench.run()
    bench.put("songs", {"a": "x"})
    bench.run()
    assert {job.total for job in list_jobs(bench.store, pipeline="p")} == {0}
    bench.put("songs", {"b": "y"})
    bench.run()
    assert bench.job("p").total == 2
    assert bench.contents("p") == {"a": "X", "b": "Y"}
    assert bench.contents("songs", "p-trigger-1") == {"a": "x", "b": "y"}


def test_a_rate_limit_holds_commits_back(bench):
    bench.repo("songs")
    source = {"pfs": {"repo": "songs", "name": "songs", "glob": "/*", "trigger": {"rate_limit_spec": "@never"}}}
    bench.pipeline("p", UPPER, source, transform={"env": {"OUT": "/pfs/out/"}})
    bench.put("songs", {"a": "x"})
    bench.run()
    assert {job.total for job in list_jobs(bench.store, pipeline="p")} == {0}
