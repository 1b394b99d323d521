"""Tries, recovery, failure and time limits."""

import pytest
from contract import cross, differs, pachyderm, pfs, spec
from platforms import Outcome, success

IN = pfs("in", "/*", name="in")


def run(engine, *script, files=None, name="p", **more):
    engine.repo("in")
    engine.put_tree("in@master:/", files or {"f": "foo\n"})
    engine.create(spec(name, IN, *script, **more))
    return engine.outcome(name)


def fail_once(engine):
    seen = engine.kept("seen")
    return f"if [ -e {seen} ]; then cp /pfs/in/f /pfs/out/; else touch {seen}; exit 1; fi"


@pachyderm("server.TestDatumTries")
def test_a_datum_is_tried_again(engine):
    assert run(engine, fail_once(engine), datum_tries=2) == success(1)
    assert engine.contents("p@master") == {"/f": "foo\n"}


def test_err_cmd_does_not_end_the_tries(engine):
    assert run(engine, fail_once(engine), datum_tries=3, transform={"err_cmd": ["true"]}) == success(1)
    assert engine.contents("p@master") == {"/f": "foo\n"}


@pachyderm("server.TestDatumTries")
@pytest.mark.parametrize("tries", [1, 3])
def test_every_try_counts(engine, tries):
    outcome = run(engine, "echo tried here", "exit 1", datum_tries=tries)
    assert outcome == Outcome("JOB_FAILURE", 0, 0, 1, 0, 1)
    assert engine.do("logs -p p").count("tried here") == tries


@pachyderm("server.TestPipelineErrorHandling")
def test_err_cmd_recovers_a_datum_or_does_not(engine):
    """The program takes file 1 alone; its error handler takes file 3 and not file 2."""
    handler = {"err_cmd": ["bash"], "err_stdin": ["if [ -e /pfs/in/file3 ]; then exit 0; fi", "exit 1"]}
    script = (
        "if [ -e /pfs/in/file1 ]; then cp /pfs/in/file1 /pfs/out/; exit 0; fi",
        "echo x > /pfs/out/leftover",
        "exit 1",
    )
    files = {"file1": "foo\n", "file2": "bar\n", "file3": "bar\n"}
    outcome = run(engine, *script, files=files, datum_tries=1, transform=handler)
    assert outcome == Outcome("JOB_FAILURE", 1, 0, 1, 1, 3)
    assert [state for state, _ in engine.datums("p")] == ["SUCCESS", "FAILED", "RECOVERED"]


@pachyderm("server.TestPipelineErrorHandling")
def test_a_recovered_datum_leaves_nothing_and_is_tried_again(engine):
    outcome = run(engine, "echo x > /pfs/out/f", "exit 1", datum_tries=1, transform={"err_cmd": ["true"]})
    assert outcome == success(recovered=1)
    assert engine.files("p@master") == []
    engine.put("in@master:/other", "x")
    assert engine.outcome("p") == success(recovered=2)


def test_accept_return_code_holds_for_err_cmd_too(engine):
    handler = {"cmd": ["bash", "-c", "exit 1"], "err_cmd": ["bash", "-c", "exit 7"], "accept_return_code": [7]}
    assert run(engine, datum_tries=1, transform=handler) == success(recovered=1)


@pachyderm("server.TestAcceptReturnCode")
def test_accepted_return_codes_are_success(engine):
    assert run(
        engine, "echo x > /pfs/out/f", "exit 7", datum_tries=1, transform={"accept_return_code": [7, 9]}
    ) == success(1)
    assert engine.contents("p@master") == {"/f": "x\n"}


@pachyderm("server.TestPipelineWithDatumTimeout", "server.TestPipelineWithDatumTimeoutControl")
def test_a_datum_that_takes_too_long_fails(engine):
    outcome = run(
        engine,
        "if [ -e /pfs/in/slow ]; then sleep 1000; fi",
        files={"slow": "", "fast": ""},
        datum_timeout="5s",
        datum_tries=1,
    )
    assert outcome == Outcome("JOB_FAILURE", 1, 0, 1, 0, 2)


def test_err_cmd_does_not_recover_what_took_too_long(engine):
    handler = {"cmd": ["sleep", "1000"], "err_cmd": ["true"]}
    assert run(engine, datum_timeout="1s", datum_tries=1, transform=handler).state == "JOB_FAILURE"


def test_a_program_and_its_err_cmd_share_one_time(engine):
    handler = {"err_cmd": ["sleep", "4"]}
    outcome = run(engine, "sleep 4; exit 1", datum_timeout="6s", datum_tries=1, transform=handler)
    assert outcome == Outcome("JOB_FAILURE", 0, 0, 1, 0, 1)


@pachyderm("server.TestPipelineWithJobTimeout")
def test_a_job_that_takes_too_long_is_killed(engine):
    outcome = run(engine, "sleep 1000", job_timeout="2s", datum_tries=1)
    assert outcome.state == "JOB_KILLED"
    assert outcome.failed == 0


# Failure


ONE_FAILS = "if [ -e /pfs/in/bad ]; then exit 1; fi; cp /pfs/in/* /pfs/out/"


@pachyderm(
    "server.TestPipelineFailure",
    "server.TestInputFailure",
    "pps/cmds.TestUnrunnableJobInfo",
    "server.TestWaitJobSetFailures",
)
def test_a_failed_job_makes_those_downstream_unrunnable(engine):
    engine.repo("in", "side")
    engine.put_tree("in@master:/", {"good": "1", "bad": "2"})
    engine.put("side@master:/f", "3")
    engine.create(spec("p", IN, ONE_FAILS, datum_tries=1))
    engine.create(spec("q", pfs("p", "/*", name="in"), "cp /pfs/in/* /pfs/out/"))
    engine.create(spec("r", cross(pfs("q", "/*", name="in"), pfs("side")), "cp /pfs/in/* /pfs/out/"))
    assert engine.outcome("p") == Outcome("JOB_FAILURE", 1, 0, 1, 0, 2)
    assert engine.job("p")["reason"]
    assert [engine.job(name)["state"] for name in "qr"] == ["JOB_UNRUNNABLE", "JOB_UNRUNNABLE"]
    engine.do("delete file", "in@master:/bad")
    assert [engine.job(name)["state"] for name in "pqr"] == ["JOB_SUCCESS"] * 3
    assert engine.contents("r@master") == {"/good": "1"}


@pachyderm("pfs.TestErroredCommits", "server.TestPipelineWithStatsFailedDatums")
def test_the_head_after_a_failed_job_is_its_commit_with_the_good_datums(engine):
    assert run(engine, ONE_FAILS, files={"good": "1"}, datum_tries=1) == success(1)
    before = engine.head("p")
    engine.put_tree("in@master:/", {"bad": "2", "better": "3"})
    assert engine.outcome("p")._replace(skipped=1) == Outcome("JOB_FAILURE", 1, 1, 1, 0, 3)
    assert engine.head("p") == engine.head("in") != before
    assert engine.contents("p@master") == {"/good": "1", "/better": "3"}
    assert engine.contents("p@master^") == {"/good": "1"}
    assert [state for state, _ in engine.datums("p")] == ["FAILED", "SUCCESS", "SKIPPED"]


@differs("good datums of a failed job are kept")
def test_good_datums_of_a_failed_job(engine):
    run(engine, ONE_FAILS, files={"good": "1", "bad": "2"}, datum_tries=1)
    engine.do("delete file", "in@master:/bad")
    assert engine.outcome("p") == (success(skipped=1) if engine.name == "local" else success(1))
    assert engine.contents("p@master") == {"/good": "1"}


def test_a_command_that_is_not_there_fails_the_datum(engine):
    outcome = run(engine, datum_tries=1, transform={"cmd": ["no-such-program"]})
    assert outcome == Outcome("JOB_FAILURE", 0, 0, 1, 0, 1)


@pachyderm("server.TestFixPipeline", "server.TestUpdateFailedPipeline")
def test_an_update_mends_a_pipeline_that_fails(engine):
    assert run(engine, "exit 1", datum_tries=1).state == "JOB_FAILURE"
    engine.update(spec("p", IN, "cp /pfs/in/* /pfs/out/", datum_tries=1))
    assert engine.outcome("p") == success(1)
    assert engine.contents("p@master") == {"/f": "foo\n"}


# Logs


@pachyderm("server.TestGetLogsWithoutLoki", "server.TestGetLogs", "server.TestManyLogs")
def test_logs_are_what_programs_wrote(engine):
    assert run(
        engine, "echo said to stdout", "echo said to stderr >&2", "for n in $(seq 200); do echo line $n; done"
    ) == success(1)
    engine.wait(lambda: "line 200" in engine.do("logs -p p"), "logs")
    text = engine.do("logs -p p")
    assert "said to stdout" in text
    assert "said to stderr" in text
    job = engine.job("p")["job"]["id"]
    assert "line 200" in engine.do("logs", "-j", f"p@{job}")
