"""Deferred processing: output branches, branches that are moved, and triggers."""

import pytest
from contract import copy, pachyderm, pfs, spec
from platforms import success


@pachyderm("server.TestDeferredProcessing", "pfs.TestDeferredProcessing", "server.TestJobPropagationOnlyOutputBranch")
def test_an_output_branch_feeds_nothing_until_master_is_moved(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    engine.create(copy("e", "in", output_branch="dev"))
    engine.create(copy("m", "e"))
    engine.settle()
    assert engine.outcome("m") == success()
    assert engine.contents("e@dev") == {"/f": "1"}
    engine.do("create branch", "e@master", "--head", "dev")
    assert engine.outcome("m") == success(1)
    assert engine.contents("m@master") == {"/f": "1"}
    assert engine.head("m") != engine.head("e", "dev")
    engine.put("in@master:/g", "2")
    engine.settle()
    assert engine.contents("m@master") == {"/f": "1"}
    assert engine.contents("e@dev") == {"/f": "1", "/g": "2"}
    engine.do("create branch", "e@master", "--head", "dev")
    assert engine.outcome("m") == success(1, skipped=1)
    assert engine.contents("m@master") == {"/f": "1", "/g": "2"}


@pachyderm("server.TestDeferredProcessing")
def test_a_staging_branch_of_an_input(engine):
    engine.repo("in")
    engine.create(copy("p", "in"))
    engine.settle()
    before = len(engine.jobs("p"))
    engine.put("in@staging:/f", "1")
    engine.put("in@staging:/g", "2")
    assert len(engine.jobs("p")) == before
    engine.do("create branch", "in@master", "--head", "staging")
    assert engine.outcome("p") == success(2)
    engine.do("create branch", "in@master", "--head", "staging^")
    assert engine.contents("in@master") == {"/f": "1"}
    assert engine.outcome("p") == success(skipped=1)
    assert engine.contents("p@master") == {"/f": "1"}


@pachyderm("pfs.TestTrigger", "server.TestPipelineInputTriggerSimple")
def test_a_trigger_counts_commits(engine):
    engine.repo("in")
    engine.do("create branch", "in@master")
    engine.do("create branch", "in@trigger", "--trigger", "master", "--trigger-commits", "2")
    heads = []
    for number in range(4):
        engine.put("in@master:/f", str(number))
        engine.do("wait commit", "in@master")
        heads.append(engine.raw("list file", "in@trigger"))
    assert [engine.get("in@trigger:/f"), len(heads[0]), len(heads[1])] == ["3", 0, 1]


@pachyderm("pfs.TestTrigger", "server.TestTrigger")
def test_a_trigger_counts_bytes(engine):
    engine.repo("in")
    engine.do("create branch", "in@master")
    engine.do("create branch", "in@trigger", "--trigger", "master", "--trigger-size", "1K")
    sizes = []
    for number in range(3):
        engine.put(f"in@master:/f{number}", "x" * 600)
        engine.do("wait commit", "in@master")
        sizes.append(len(engine.raw("list file", "in@trigger")))
    assert sizes == [0, 2, 2]


@pachyderm("pfs.TestTrigger")
def test_a_trigger_may_want_all_its_conditions(engine):
    engine.repo("in")
    engine.do("create branch", "in@master")
    engine.do(
        "create branch",
        "in@trigger",
        "--trigger",
        "master",
        "--trigger-size",
        "1K",
        "--trigger-commits",
        "3",
        "--trigger-all",
    )
    sizes = []
    for number in range(4):
        engine.put(f"in@master:/f{number}", "x" * 600)
        engine.do("wait commit", "in@master")
        sizes.append(len(engine.raw("list file", "in@trigger")))
    assert sizes == [0, 0, 3, 3]


@pachyderm("pfs.TestTrigger")
def test_triggers_in_a_chain(engine):
    engine.repo("in")
    engine.do("create branch", "in@master")
    engine.do("create branch", "in@a", "--trigger", "master", "--trigger-commits", "1")
    engine.do("create branch", "in@b", "--trigger", "a", "--trigger-commits", "2")
    for number in range(2):
        engine.put(f"in@master:/f{number}", "x")
        engine.do("wait commit", "in@master")
    engine.wait(lambda: engine.files("in@b") == ["/f0", "/f1"], "the second branch")
    assert engine.files("in@a") == ["/f0", "/f1"]
    assert engine.files("in@b") == ["/f0", "/f1"]


@pachyderm("pfs.TestTriggerValidation")
@pytest.mark.parametrize(
    "words",
    [
        ["in@self", "--trigger", "self", "--trigger-size", "1K"],
        ["in@x", "--trigger", "master", "--trigger-size", "this is not a size"],
        ["in@x", "--trigger", "master", "--trigger-cron", "this is not a cron spec"],
        ["in@x", "--trigger", "master", "--trigger-commits", "-1"],
        ["in@x", "--trigger-size", "1K"],
    ],
)
def test_triggers_that_are_refused(engine, words):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.refuse("create branch", *words)


@pachyderm("pfs.TestTriggerValidation")
def test_triggers_in_a_ring_are_refused(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.do("create branch", "in@a", "--trigger", "master", "--trigger-size", "1K")
    engine.refuse("create branch", "in@master", "--trigger", "a", "--trigger-size", "1K")


@pachyderm("server.TestTrigger")
def test_a_pipeline_whose_input_has_a_trigger_waits_for_it(engine):
    engine.repo("in")
    engine.do("create branch", "in@master")
    engine.create(
        spec(
            "p",
            pfs("in", "/*", name="in", branch="slow", trigger={"branch": "master", "commits": 2}),
            "cp /pfs/in/* /pfs/out/",
        )
    )
    engine.settle()
    engine.put("in@master:/f", "1")
    engine.settle()
    assert engine.raw("list file", "p@master") == []
    engine.put("in@master:/g", "2")
    engine.wait(lambda: engine.files("in@slow") == ["/f", "/g"], "the trigger")
    assert engine.outcome("p") == success(2)
    assert engine.contents("p@master") == {"/f": "1", "/g": "2"}


@pachyderm("pfs.TestTrigger")
def test_a_branch_tells_its_trigger(engine):
    engine.repo("in")
    engine.put("in@master:/f", "x")
    engine.do(
        "create branch", "in@trigger", "--trigger", "master", "--trigger-commits", "2", "--trigger-cron", "@every 1h"
    )
    found = engine.one("inspect branch", "in@trigger")["trigger"]
    assert (found["branch"], found["commits"]) == ("master", "2")
    assert found.get("cron_spec", found.get("rate_limit_spec")) == "@every 1h"
