"""Pipelines: making, changing, stopping and removing them."""

import json
from pathlib import Path

import pytest
from contract import COPY, copy, differs, pachyderm, pfs, spec
from platforms import success

IN = pfs("in", "/*", name="in")


@pytest.fixture
def ready(engine):
    """A repo with one file."""
    engine.repo("in")
    engine.put("in@master:/f", "foo\n")
    return engine


def names(engine, *words):
    return sorted(each["pipeline"]["name"] for each in engine.raw("list pipeline", *words))


@pachyderm("pps/server.TestPipelineUniqueness", "server.TestRecreatePipeline")
def test_a_pipeline_is_made_once(ready):
    ready.create(copy("p", "in"))
    ready.refuse("create pipeline", "-f", ready.spec_file(copy("p", "in")))
    ready.do("delete pipeline", "p")
    ready.create(copy("p", "in"))
    assert ready.outcome("p") == success(1)
    assert ready.pipeline("p")["version"] == "1"


def test_a_pipeline_needs_a_repo_of_its_own(ready):
    ready.repo("taken")
    ready.refuse("create pipeline", "-f", ready.spec_file(copy("taken", "in")))
    assert names(ready) == []


@pachyderm("pps/server.TestPipelineDescription", "server.TestPrettyPrinting")
def test_a_pipeline_is_told(ready):
    ready.create(
        copy("p", "in", description="what it is for", salt="s", datum_tries=2, metadata={"annotations": {"a": "b"}})
    )
    found = ready.pipeline("p")
    details = found["details"]
    assert found["pipeline"] == {"project": {"name": ready.project}, "name": "p"}
    assert found["version"] == "1"
    assert details["description"] == "what it is for"
    assert (details["datum_tries"], details["output_branch"]) == ("2", "master")
    assert details["input"]["pfs"] == {
        "project": ready.project, "name": "in", "repo": "in", "repo_type": "user", "branch": "master", "glob": "/*",
    }  # fmt: skip
    assert details["transform"]["stdin"] == [COPY]
    assert details["metadata"] == {"annotations": {"a": "b"}}
    assert "p" in ready.do("inspect pipeline", "p")
    ready.refuse("inspect pipeline", "none")


@pachyderm("server.TestPipelineState", "pps/cmds.TestListPipelineFilter")
def test_pipelines_are_listed_by_state(ready):
    ready.create(copy("p", "in"))
    ready.create(copy("q", "p"))
    ready.settle()
    assert names(ready) == ["p", "q"]
    assert names(ready, "--state", "failure") == []
    assert names(ready, "--state", "running", "--state", "standby", "--state", "starting") == ["p", "q"]
    assert names(ready, "p") == ["p"]
    assert ready.raw("list pipeline p")[0]["last_job_state"] == "JOB_SUCCESS"


# Updates


@pachyderm("server.TestUpdatePipeline", "server.TestPipelineHistory", "pps/server.TestPipelineVersions")
def test_versions_are_counted_and_their_jobs_kept(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.update(copy("p", "in"))
    assert ready.pipeline("p")["version"] == "2"
    assert ready.outcome("p") == success(skipped=1)
    assert [each["pipeline_version"] for each in ready.raw("list job -p p")] == ["2"]
    assert [each["pipeline_version"] for each in ready.raw("list job -p p --history all")] == ["2", "1"]
    assert [each["version"] for each in ready.raw("list pipeline p --history all")] == ["2", "1"]


@differs(
    "the command, the image's name, the environment and the files of the program's folder are part of a datum's hash"
)
@pachyderm("server.TestUpdatePipeline")
def test_another_command_alone(ready):
    ready.create(spec("p", IN, "echo foo > /pfs/out/out"))
    ready.settle()
    ready.update(spec("p", IN, "echo bar > /pfs/out/out"))
    outcome = ready.outcome("p")
    if ready.name == "local":
        assert outcome == success(1)
        assert ready.get("p@master:/out") == "bar\n"
    else:
        assert outcome == success(skipped=1)
        assert ready.get("p@master:/out") == "foo\n"


@pachyderm("server.TestUpdatePipeline")
def test_reprocess_does_every_datum_again(ready):
    ready.create(spec("p", IN, "echo foo > /pfs/out/out"))
    ready.settle()
    ready.update(spec("p", IN, "echo bar > /pfs/out/out"), "--reprocess")
    assert ready.outcome("p") == success(1)
    assert ready.get("p@master:/out") == "bar\n"


@differs("an update to another `salt` does every datum again")
@pachyderm("server.TestUpdatePipeline")
def test_another_salt(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.update(copy("p", "in", salt="other"))
    assert ready.outcome("p") == (success(1) if ready.name == "local" else success(skipped=1))


def test_reprocess_spec_every_job(ready):
    ready.create(copy("p", "in", reprocess_spec="every_job"))
    ready.settle()
    ready.put("in@master:/g", "2")
    assert ready.outcome("p") == success(2)


def test_update_makes_a_pipeline_that_is_not_there(ready):
    ready.update(copy("p", "in"))
    assert ready.outcome("p") == success(1)
    assert ready.pipeline("p")["version"] == "1"


@pachyderm("pps/server.TestUpdatePipelineInputBranch")
def test_an_update_to_another_branch_or_glob(ready):
    ready.put("in@other:/g", "bar\n")
    ready.create(copy("p", "in"))
    ready.settle()
    ready.update(spec("p", pfs("in", "/*", name="in", branch="other"), COPY))
    assert ready.outcome("p") == success(1)
    assert ready.contents("p@master") == {"/g": "bar\n"}


@pachyderm("pps/cmds.TestRerunPipeline")
def test_rerun_makes_a_new_version_and_a_job(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.do("rerun pipeline", "p")
    assert ready.outcome("p") == success(skipped=1)
    ready.do("rerun pipeline", "p", "--reprocess")
    assert ready.outcome("p") == success(1)
    assert ready.pipeline("p")["version"] == "3"


@pachyderm("pps/cmds.TestEditPipeline")
def test_edit_changes_a_spec_in_place(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.do("edit pipeline", "p", "--editor", f"cp -t {ready.tree({}, 'shown')}")
    [shown] = (ready.folder / "shown").iterdir()
    assert COPY in shown.read_text()
    ready.do("edit pipeline", "p", "--editor", "sed -i -e s|/pfs/out/|/pfs/out/new-|", "--reprocess")
    ready.settle()
    assert ready.pipeline("p")["details"]["transform"]["stdin"] == ["cp -r /pfs/in/* /pfs/out/new-"]
    editor = ready.text_file("""#!/bin/sh\nexec sed -i 's/"name": *"p"/"name": "other"/' "$1"\n""", "rename.sh")
    Path(editor).chmod(0o755)
    ready.refuse("edit pipeline", "p", "--editor", editor)
    assert names(ready) == ["p"]


# Stopping and starting


@pachyderm(
    "server.TestStopPipeline",
    "server.TestStopPipelineExtraCommit",
    "server.TestUpdateStoppedPipeline",
    "server.TestStopStandbyPipeline",
)
def test_a_stopped_pipeline_does_both_commits_in_one_job_when_started(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    before = len(ready.jobs("p"))
    ready.do("stop pipeline", "p")
    ready.wait(lambda: ready.pipeline("p")["state"] == "PIPELINE_PAUSED", "paused")
    assert ready.pipeline("p")["stopped"] is True
    head = ready.head("p")
    ready.put("in@master:/g", "1")
    ready.put("in@master:/h", "2")
    assert ready.head("p") == head
    ready.update(copy("p", "in"))
    ready.wait(lambda: ready.pipeline("p")["state"] == "PIPELINE_PAUSED", "paused still")
    assert ready.head("p") == head
    ready.do("start pipeline", "p")
    assert ready.outcome("p") == success(2, skipped=1)
    assert len(ready.raw("list job -p p --history all")) == before + 1
    assert sorted(ready.contents("p@master")) == ["/f", "/g", "/h"]


# Removing


@pachyderm("server.TestDeletePipeline", "pps/cmds.TestDeletePipeline", "pps/server.TestDeletePipelines")
def test_a_deleted_pipeline_takes_its_repo_along(ready):
    ready.create(copy("p", "in"))
    ready.create(copy("q", "p"))
    ready.settle()
    ready.refuse("delete pipeline", "p")
    ready.do("delete pipeline", "q")
    ready.do("delete pipeline", "p")
    assert names(ready) == []
    assert [each["repo"]["name"] for each in ready.raw("list repo")] == ["in"]


@differs("a pipeline that cannot be deleted goes on running")
def test_a_delete_that_is_refused(ready):
    ready.create(copy("p", "in"))
    ready.create(copy("q", "p"))
    ready.settle()
    ready.refuse("delete pipeline", "p")
    if ready.name == "local":
        assert ready.pipeline("p")["state"] in {"PIPELINE_RUNNING", "PIPELINE_STANDBY"}
        assert not ready.pipeline("p").get("stopped")
    else:
        assert ready.pipeline("p")["stopped"] is True


@pachyderm("pps/server.TestDeletePipelines")
def test_all_pipelines_are_deleted(ready):
    ready.create(copy("p", "in"))
    ready.create(copy("q", "p"))
    ready.settle()
    ready.do("delete pipeline --all")
    assert names(ready) == []


@pachyderm("server.TestKeepRepo")
def test_keep_repo_leaves_what_was_made(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.do("delete pipeline", "p", "--keep-repo")
    assert names(ready) == []
    assert ready.contents("p@master") == {"/f": "foo\n"}
    ready.refuse("create pipeline", "-f", ready.spec_file(copy("p", "in")))


@pachyderm("server.TestDeleteSpecRepo", "pfs.TestPutFileOutputRepo")
def test_an_output_repo_belongs_to_its_pipeline(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.refuse("delete repo", "p")
    ready.refuse("delete repo", "p", "--force")
    ready.refuse("put file", "p@master:/x", "-f", "-", input="x")
    ready.refuse("start commit", "p@master")
    assert ready.contents("p@master") == {"/f": "foo\n"}
    assert ready.contents("in@master") == {"/f": "foo\n"}


def test_other_branches_of_an_output_repo_may_be_written(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.put("p@mine:/x", "x")
    assert ready.contents("p@mine") == {"/x": "x"}


def test_a_repo_that_feeds_a_pipeline_is_not_deleted(ready):
    ready.create(copy("p", "in"))
    ready.settle()
    ready.refuse("delete repo", "in")


# Secrets


@pachyderm("pps/cmds.TestYAMLSecret", "pps/server.TestSecrets", "pps/cmds.TestPipelineWithSecret")
def test_a_secret_reaches_the_program(ready):
    name = f"secret-{ready.project}"
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"my-key": "my-value"}}
    ready.do("create secret", "-f", ready.text_file(json.dumps(document)))
    try:
        assert name in [each["secret"]["name"] for each in ready.raw("list secret")] if ready.name == "local" else True
        assert name in ready.do("list secret")
        assert name in ready.do("inspect secret", name)
        secrets = [
            {"name": name, "key": "my-key", "env_var": "MY_SECRET"},
            {"name": name, "key": "my-key", "mount_path": "/secrets"},
        ]
        script = ("echo $MY_SECRET > /pfs/out/env", "cat /secrets/my-key > /pfs/out/file")
        ready.create(spec("p", IN, *script, transform={"secrets": secrets}))
        assert ready.outcome("p") == success(1)
        assert ready.contents("p@master") == {"/env": "my-value\n", "/file": "my-value"}
    finally:
        ready.do("delete secret", name)
    ready.refuse("inspect secret", name)


# Dry


@differs("`--dry-run` prints the spec as JSON, in snake_case")
@pachyderm("pps/server.TestCreatePipelineDryRun")
def test_dry_run_makes_nothing(ready):
    wanted = copy("p", "in", datum_tries=4, autoscaling=False)
    shown = json.loads(ready.do("create pipeline", "--raw", "--dry-run", "-f", ready.spec_file(wanted)))
    tries = shown["datum_tries" if ready.name == "local" else "datumTries"]
    assert (shown["pipeline"]["name"], tries, shown.get("autoscaling", False)) == ("p", "4", False)
    summary = ready.do("create pipeline", "--dry-run", "-f", ready.spec_file(wanted))
    assert summary.startswith("{") == (ready.name == "local")
    assert names(ready) == []


@pachyderm("server.TestSimplePipelineNonRoot", "server.TestAutoscalingStandby")
def test_an_autoscaling_pipeline_wakes_for_its_commit(ready):
    ready.create(copy("p", "in", autoscaling=True))
    assert ready.outcome("p") == success(1)
    ready.put("in@master:/g", "x")
    assert ready.outcome("p") == success(1, skipped=1)


@pachyderm("server.TestLazyPipelinePropagation")
def test_a_lazy_input_is_read_and_told(ready):
    for name, repo in [("p", "in"), ("q", "p")]:
        ready.create(spec(name, pfs(repo, "/*", name="in", lazy=True), "cat /pfs/in/f > /pfs/out/f"))
    assert ready.outcome("q") == success(1)
    assert ready.contents("q@master") == {"/f": "foo\n"}
    for name in "pq":
        job = ready.job(name)["job"]["id"]
        assert ready.one("inspect job", f"{name}@{job}")["details"]["input"]["pfs"]["lazy"] is True


@pachyderm("server.TestUpdatePipelineThatHasNoOutput")
def test_an_update_of_a_pipeline_that_has_only_failed(ready):
    for command in (ready.create, ready.update):
        command(spec("p", pfs("in", "/"), "exit 1", datum_tries=1))
        assert ready.outcome("p").state == "JOB_FAILURE"
    assert ready.pipeline("p")["version"] == "2"
