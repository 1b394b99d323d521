"""Jobs and datums: what runs, what is skipped, and how it is listed."""

import json

import pytest
from contract import COPY, NOBODY, copy, cross, differs, pachyderm, pfs, spec, union
from platforms import ENDED, success

IN = pfs("in", "/*", name="in")


def with_files(engine, **files):
    engine.repo("in")
    engine.put_tree("in@master:/", files)


@pachyderm(
    "server.TestPFSPipeline",
    "server.TestChainedPipelines",
    "server.TestChainedPipelinesNoDelay",
    "server.TestWaitJobSet",
    "pfs.TestWaitCommitSet",
    "pfs.TestWaitCommitSet2",
    "pps/cmds.TestYAMLPipelineSpec",
)
def test_a_commit_runs_what_is_downstream_under_its_id(engine):
    engine.repo("in")
    engine.create(copy("a", "in"))
    engine.create(copy("b", "a"))
    engine.create(spec("c", cross(pfs("b", "/*", name="in"), pfs("in", "/*", name="first")), COPY))
    engine.put("in@master:/f", "foo")
    commit = engine.head("in")
    engine.settle()
    assert [engine.head(name) for name in "abc"] == [commit] * 3
    assert [engine.job(name)["job"]["id"] for name in "abc"] == [commit] * 3
    assert engine.contents("c@master") == {"/f": "foo"}


@pachyderm("server.TestProvenance2", "server.TestProvenance", "pfs.TestWaitCommitSet3")
def test_a_diamond_runs_each_pipeline_once(engine):
    engine.repo("in")
    engine.create(spec("left", IN, COPY))
    engine.create(spec("right", IN, COPY))
    engine.create(
        spec(
            "both",
            cross(pfs("left", "/", name="left"), pfs("right", "/", name="right")),
            "cmp /pfs/left/f /pfs/right/f && cp /pfs/left/f /pfs/out/",
        )
    )
    for text in ("1", "2"):
        engine.put("in@master:/f", text)
        assert engine.outcome("both").state == "JOB_SUCCESS"
        assert engine.get("both@master:/f") == text
    ids = [job["job"]["id"] for job in engine.jobs("both")]
    assert len(ids) == len(set(ids))
    assert ids[:2] == engine.commits("in")[:2]


@pachyderm("server.TestSkippedDatums", "server.TestDatumDedup", "server.TestPipelineWithStatsAcrossJobs")
def test_what_was_done_is_skipped(engine):
    with_files(engine, a="1", b="2")
    engine.create(copy("p", "in"))
    assert engine.outcome("p") == success(2)
    engine.put("in@master:/c", "3")
    assert engine.outcome("p") == success(1, skipped=2)
    assert engine.datums("p") == [("SKIPPED", ["in:/a"]), ("SKIPPED", ["in:/b"]), ("SUCCESS", ["in:/c"])]
    engine.put("in@master:/a", "other")
    assert engine.outcome("p") == success(1, skipped=2)
    assert engine.contents("p@master") == {"/a": "other", "/b": "2", "/c": "3"}


@pachyderm("server.TestListDeletedDatums")
def test_output_of_a_datum_that_is_gone_is_removed(engine):
    with_files(engine, a="1", b="2")
    engine.create(copy("p", "in"))
    engine.settle()
    engine.do("delete file", "in@master:/a")
    assert engine.outcome("p") == success(skipped=1)
    assert engine.contents("p@master") == {"/b": "2"}


def test_the_same_content_again_is_skipped(engine):
    with_files(engine, a="1")
    engine.create(copy("p", "in"))
    engine.put("in@master:/a", "1")
    assert engine.outcome("p") == success(skipped=1)
    commit = engine.do("start commit", "in@master")
    engine.do("finish commit", f"in@{commit}")
    assert engine.outcome("p") == success(skipped=1)
    assert engine.head("p") == commit


@differs("an output computed in any earlier job is used again")
def test_going_back_to_what_was(engine):
    with_files(engine, a="1")
    engine.create(copy("p", "in"))
    engine.put("in@master:/a", "2")
    engine.settle()
    engine.put("in@master:/a", "1")
    assert engine.outcome("p") == (success(skipped=1) if engine.name == "local" else success(1))
    assert engine.contents("p@master") == {"/a": "1"}


def test_a_renamed_file_is_another_datum(engine):
    with_files(engine, a="1")
    engine.create(copy("p", "in"))
    engine.do("start commit", "in@master")
    engine.do("delete file", "in@master:/a")
    engine.put("in@master:/b", "1")
    engine.do("finish commit", "in@master")
    assert engine.outcome("p") == success(1)
    assert engine.contents("p@master") == {"/b": "1"}


@pachyderm(
    "server.TestPipelineWithExistingInputCommits", "server.TestPipelineWithFullObjects", "server.TestCreatePipeline"
)
def test_a_new_pipeline_runs_on_what_is_there(engine):
    engine.repo("in")
    for name in ("a", "b", "c"):
        engine.put(f"in@master:/{name}", name)
    engine.create(copy("p", "in"))
    assert engine.outcome("p") == success(3)
    assert len(engine.jobs("p")) == 1


def test_an_input_without_commits_gives_an_empty_job(engine):
    engine.repo("in")
    engine.create(copy("p", "in"))
    assert engine.outcome("p") == success()
    assert engine.raw("list file", "p@master") == []


@pachyderm("server.TestDatumSetSpec")
@pytest.mark.parametrize("sets", [{"number": 2}, {"size_bytes": 1}, {"per_worker": 2}])
def test_datum_sets_do_not_change_the_result(engine, sets):
    with_files(engine, **{f"f{number}": str(number) for number in range(6)})
    engine.create(copy("p", "in", datum_set_spec=sets))
    assert engine.outcome("p") == success(6)
    assert len(engine.contents("p@master")) == 6


@pachyderm("server.TestReferenceInput")
def test_a_reference_input_alone_does_not_make_work(engine):
    engine.repo("in", "ref")
    engine.put("in@master:/f", "1")
    engine.put("ref@master:/r", "1")
    engine.create(spec("p", cross(IN, pfs("ref", "/*", reference=True)), "cat /pfs/in/f /pfs/ref/r > /pfs/out/out"))
    assert engine.outcome("p") == success(1)
    engine.put("ref@master:/r", "2")
    assert engine.outcome("p") == success(skipped=1)
    assert engine.contents("p@master") == {"/out": "11"}
    engine.put("in@master:/f", "3")
    assert engine.outcome("p") == success(1)
    assert engine.contents("p@master") == {"/out": "32"}


@pachyderm("server.TestPropagationSpec", "pfs.TestPropagateBranchNever")
def test_an_input_that_never_propagates_starts_nothing(engine):
    engine.repo("in", "quiet")
    engine.put("in@master:/f", "1")
    engine.put("quiet@master:/q", "1")
    never = pfs("quiet", "/*", propagation_spec={"never": True})
    engine.create(spec("p", cross(IN, never), "cat /pfs/in/f /pfs/quiet/q > /pfs/out/out"))
    assert engine.outcome("p") == success(1)
    before = engine.head("p")
    engine.put("quiet@master:/q", "2")
    engine.settle()
    assert engine.head("p") == before
    engine.put("in@master:/f", "3")
    assert engine.outcome("p") == success(1)
    assert engine.contents("p@master") == {"/out": "32"}


# Listing


@pachyderm("server.TestInspectJob", "pps/cmds.TestInspectWaitJob", "pps/cmds.TestJobDatumCount")
def test_a_job_is_told(engine):
    with_files(engine, a="1", b="2")
    engine.create(copy("p", "in"))
    job = engine.job("p")["job"]["id"]
    engine.do("wait job", f"p@{job}")
    found = engine.one("inspect job", f"p@{job}")
    assert found["job"] == {"pipeline": {"project": {"name": engine.project}, "name": "p"}, "id": job}
    assert found["state"] == "JOB_SUCCESS"
    assert (found["data_processed"], found["data_total"]) == ("2", "2")
    assert found["output_commit"]["id"] == job
    assert found["output_commit"]["repo"]["name"] == "p"
    assert found["pipeline_version"] == "1"
    assert found["created"] <= found["started"] <= found["finished"]
    engine.refuse("inspect job", f"p@{NOBODY}")


@pachyderm(
    "server.TestListJobSetPaged",
    "server.TestListJobPaged",
    "server.TestListJobTruncated",
    "pps/cmds.TestListJobWithProject",
)
def test_jobs_of_one_id_and_of_one_pipeline(engine):
    engine.repo("in")
    engine.create(copy("a", "in"))
    engine.create(copy("b", "a"))
    engine.put("in@master:/f", "1")
    engine.settle()
    commit = engine.head("in")
    assert sorted(each["job"]["pipeline"]["name"] for each in engine.raw("list job", commit)) == ["a", "b"]
    assert {each["job"]["pipeline"]["name"] for each in engine.raw("list job -p a")} == {"a"}
    sets = [each["job_set"]["id"] for each in engine.raw("list job")]
    assert sets[0] == commit
    assert next(each["job"]["id"] for each in engine.raw("list job -p a --state success")) == commit
    assert engine.raw("list job -p a --state failure") == []
    assert [each["job"]["id"] for each in engine.raw("list job -p a", "-i", f"in@{commit}")] == [commit]


def test_jobs_of_a_pipeline_that_is_not_there(engine):
    engine.repo("in")
    engine.refuse("list job -p none")


@pachyderm("server.TestListDatum", "pps/server.TestListDatum")
def test_datums_are_told_with_their_inputs(engine):
    engine.repo("in", "b")
    engine.put_tree("in@master:/", {"f1": "1", "f2": "2"})
    engine.put("b@master:/d/g", "3")
    engine.create(spec("p", cross(IN, pfs("b", "/*")), "true"))
    job = engine.job("p")["job"]["id"]
    assert engine.datums_of(f"p@{job}") == [("SUCCESS", ["b:/d/", "in:/f1"]), ("SUCCESS", ["b:/d/", "in:/f2"])]
    found = engine.raw("list datum", f"p@{job}")
    one = engine.one("inspect datum", f"p@{job}", found[0]["datum"]["id"])
    assert one["state"] == "SUCCESS"
    assert one["datum"]["job"]["id"] == job
    engine.refuse("inspect datum", f"p@{job}", "0" * 64)


@pachyderm("server.TestRewindCrossPipeline")
def test_an_id_of_a_job_names_what_it_read(engine):
    engine.repo("in", "side")
    engine.put("side@master:/s", "what was read")
    engine.create(spec("p", cross(IN, pfs("side", "/*")), "cat /pfs/side/s > /pfs/out/out"))
    engine.put("in@master:/f", "1")
    job = engine.job("p")["job"]["id"]
    engine.put("side@master:/s", "later")
    engine.settle()
    assert engine.get(f"side@{job}:/s") == "what was read"


@pachyderm("server.TestMetaRepoContents", "server.TestPipelineWithStats")
def test_a_datum_tells_how_much_it_read_and_wrote(engine):
    with_files(engine, a="12345")
    engine.create(copy("p", "in"))
    job = engine.job("p")
    assert job["stats"]["download_bytes"] == "5"
    assert job["stats"]["upload_bytes"] == "5"


@pytest.mark.parametrize("verb", ["list job", "list datum -f -"])
def test_raw_is_json_and_yaml_is_asked_for(engine, verb):
    import yaml

    with_files(engine, a="1")
    engine.create(copy("p", "in"))
    engine.settle()
    text = json.dumps(copy("q", "in"))
    as_json = engine.do(verb, "--raw", input=text)
    as_yaml = engine.do(verb, "--raw", "-o", "yaml", input=text)
    assert [each for each in yaml.safe_load_all(as_yaml) if each] == [json.loads(as_json)]


# Stopping


@pytest.fixture
def endless(engine):
    """A job that does not end, and has begun."""
    engine.repo("in")
    engine.put("in@master:/f", "1")
    path = engine.spec_file(spec("p", IN, "echo begun", "if [ -e /pfs/in/f ]; then sleep 1000; fi"))
    engine.start("create pipeline", "-f", path)
    engine.wait(lambda: has_begun(engine), "a job that runs")
    return engine


def has_begun(engine):
    jobs = (
        engine.raw("list job -p p")
        if any(each["pipeline"]["name"] == "p" for each in engine.raw("list pipeline"))
        else []
    )
    return jobs and jobs[0].get("state") == "JOB_RUNNING" and int(jobs[0].get("data_total", 0)) > 0


def newest(engine):
    return engine.raw("list job -p p --history all")[0]


@pachyderm("server.TestStopJob", "server.TestCancelJob")
def test_stop_job_kills_it(endless):
    job = newest(endless)["job"]["id"]
    endless.do("stop job", f"p@{job}")
    found = endless.wait(lambda: newest(endless) if newest(endless)["state"] in ENDED else None, "the job's end")
    assert found["state"] == "JOB_KILLED"
    assert "stopped" in found["reason"]
    assert endless.raw("list file", "p@master") == []


@pachyderm("server.TestUpdatePipelineRunningJob")
def test_an_update_kills_the_running_job(endless):
    job = newest(endless)["job"]["id"]
    endless.update(spec("p", IN, COPY))
    endless.settle()
    states = {each["job"]["id"]: each["state"] for each in endless.raw("list job -p p --history all")}
    assert states.pop(job) == "JOB_KILLED"
    assert set(states.values()) == {"JOB_SUCCESS"}
    assert endless.contents("p@master") == {"/f": "1"}


def test_a_delete_of_a_running_pipeline_ends_its_job(endless):
    endless.do("delete pipeline", "p")
    assert endless.raw("list pipeline") == []
    endless.refuse("inspect repo", "p")


@pachyderm("server.TestDatumStatusRestart")
def test_a_datum_is_started_anew(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    begun = engine.kept("begun")
    script = f"if [ -e {begun} ]; then echo done > /pfs/out/f; else touch {begun}; sleep 1000; fi"
    engine.start("create pipeline", "-f", engine.spec_file(spec("p", IN, script, datum_tries=3)))
    engine.wait(lambda: has_begun(engine), "a job that runs")
    job = newest(engine)["job"]["id"]
    engine.wait(lambda: restarted(engine, job), "the job's end")
    assert newest(engine)["state"] == "JOB_SUCCESS"
    assert engine.contents("p@master") == {"/f": "done\n"}


def restarted(engine, job):
    """Whether the job has ended; its datum is started anew until it does."""
    if newest(engine)["state"] in ENDED:
        return True
    engine.run("restart datum", f"p@{job}", "/f")
    return False


@pachyderm("server.TestListDatumDuringJob")
def test_datums_that_are_done_are_listed_while_others_run(engine):
    engine.repo("in")
    engine.put_tree("in@master:/", {"a": "1", "b": "2"})
    more = {"datum_set_spec": {"number": 1}, "parallelism_spec": {"constant": 1}}
    path = engine.spec_file(spec("p", IN, "if [ -e /pfs/in/b ]; then sleep 1000; fi", **more))
    engine.start("create pipeline", "-f", path)
    engine.wait(lambda: done_datums(engine) == [("SUCCESS", ["in:/a"])], "the first datum")
    assert newest(engine)["state"] == "JOB_RUNNING"
    engine.do("stop job", f"p@{newest(engine)['job']['id']}")


def done_datums(engine):
    """What `list datum` tells of the newest job as done."""
    if not has_begun(engine):
        return []
    return [each for each in engine.datums_of(f"p@{newest(engine)['job']['id']}") if each[0] == "SUCCESS"]


@pachyderm("server.TestJobDeletion")
def test_a_deleted_job_is_not_listed(engine):
    with_files(engine, a="1")
    engine.create(copy("p", "in"))
    engine.settle()
    engine.put("in@master:/b", "2")
    first, second = (job["job"]["id"] for job in engine.jobs("p"))
    engine.do("delete job", f"p@{second}")
    assert [job["job"]["id"] for job in engine.jobs("p")] == [first]
    engine.refuse("inspect job", f"p@{second}")


@pachyderm("server.TestWaitCommitSetAfterCreatePipeline")
def test_waiting_for_a_commit_that_was_there_before_its_pipeline(engine):
    engine.repo("in")
    for number in range(3):
        engine.put("in@dev:/f", str(number))
    engine.do("create branch", "in@master", "--head", "dev")
    engine.create(copy("p", "in"))
    engine.do("wait commit", f"in@{engine.head('in')}")
    assert engine.outcome("p") == success(1)
    assert engine.contents("p@master") == {"/f": "2"}


@pachyderm("server.TestUpdatePipelineWithInProgressCommitsAndStats")
def test_an_update_ends_all_outstanding_jobs_and_the_next_goes_well(endless):
    for name in "gh":
        endless.put(f"in@master:/{name}", name)
    endless.update(copy("p", "in"))
    assert endless.outcome("p").state == "JOB_SUCCESS"
    assert endless.files("p@master") == ["/f", "/g", "/h"]
    endless.put("in@master:/last", "x")
    assert endless.outcome("p") == success(1, skipped=3)


@pachyderm("server.TestPutFileNoErrorOnErroredParentCommit")
def test_a_put_beside_an_input_that_has_failed(engine):
    engine.repo("a", "b")
    engine.create(spec("p", pfs("a", name="in"), "exit 1", datum_tries=1))
    engine.create(copy("q", "b"))
    engine.create(spec("r", union(pfs("q", name="in"), pfs("p", name="in")), "cp /pfs/in/* /pfs/out/"))
    engine.put("a@master:/f", "1")
    assert engine.outcome("p").state == "JOB_FAILURE"
    engine.put("b@master:/f", "2")
    assert engine.outcome("q") == success(1)
    assert engine.job("r")["state"] == "JOB_UNRUNNABLE"


@pachyderm("pps/cmds.TestRawFullPipelineInfo")
def test_a_job_tells_the_version_of_its_pipeline(engine):
    engine.repo("in")
    engine.put("in@master:/f", "1")
    engine.create(copy("p", "in"))
    engine.update(copy("p", "in", salt="new"))
    engine.settle()
    assert engine.raw("list job -p p")[0]["pipeline_version"] == "2"
