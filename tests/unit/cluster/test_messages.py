"""Pachyderm's messages made into records; those of `cli/pachctl-2.12.2-raw.json` are what a real pachd told."""

import json

import pytest

from aeolian.cluster import messages
from aeolian.cluster.messages import read_duration, read_time
from aeolian.platform.records import BranchTrigger, Effort

REPO = {"name": "in", "type": "user", "project": {"name": "music"}}
NOON = "2026-11-28T12:00:00.123456789Z"


def test_times_and_durations():
    assert read_time("1970-01-01T00:00:01.5Z") == 1.5
    assert read_time("1970-01-01T00:00:01.123456789Z") == pytest.approx(1.123456)
    assert read_time("1970-01-01T00:00:01Z") == 1.0
    assert read_time("") is read_time(None) is None
    assert (read_duration("1.5s"), read_duration(None)) == (1.5, 0.0)


def test_a_repo():
    message = {"repo": REPO, "created": NOON, "size_bytes_upper_bound": "6", "branches": [{"repo": REPO, "name": "b"}]}
    found = messages.make_repo(message, pipeline=False)
    assert (found.name, found.branches, found.size, found.files) == ("music/in", ("b",), 6, None)
    assert messages.make_repo(message | {"details": {"size_bytes": "5"}}, pipeline=True).size == 5
    assert found.raw is message


def test_a_repo_of_the_default_project_has_a_plain_name():
    assert messages.name_of({"name": "in", "project": {"name": "default"}}) == "in"
    assert messages.name_of({"name": "in"}) == "in"


def test_a_branch():
    other = {"repo": {"name": "other", "type": "user", "project": {"name": "music"}}, "name": "master"}
    message = {
        "branch": {"repo": REPO, "name": "b"},
        "head": {"repo": REPO, "id": "f" * 32},
        "provenance": [other],
        "direct_provenance": [other],
        "trigger": {"branch": "master", "commits": "2", "cron_spec": "@daily"},
    }
    found = messages.make_branch(message)
    assert (found.repo, found.name, found.head) == ("music/in", "b", "f" * 32)
    assert found.provenance == found.direct_provenance == (("music/other", "master"),)
    assert found.trigger == BranchTrigger("master", commits=2, cron_spec="@daily")


@pytest.mark.parametrize(
    ("more", "state"),
    [({}, "open"), ({"finished": NOON}, "finished"), ({"finished": NOON, "error": "job failed"}, "failed")],
)
def test_a_commit(more, state):
    message = {"commit": {"repo": REPO, "id": "f" * 32}, "origin": {"kind": "AUTO"}, "started": NOON}
    found = messages.make_commit(message | more)
    assert (found.state, found.origin, found.error) == (state, "auto", more.get("error", ""))


def test_a_job_and_its_effort():
    message = {
        "job": {"pipeline": {"project": {"name": "music"}, "name": "p"}, "id": "f" * 32},
        "state": "JOB_SUCCESS",
        "data_processed": "2",
        "data_total": "3",
        "data_skipped": "1",
        "pipeline_version": "4",
        "stats": {"process_time": "0.050s", "download_bytes": "7"},
    }
    found = messages.make_job(message)
    assert (found.pipeline, found.state, found.version) == ("music/p", "success", 4)
    assert (found.processed, found.skipped, found.total, found.failed) == (2, 1, 3, 0)
    assert found.effort == Effort({"download": 0.0, "process": 0.05, "upload": 0.0}, 7, 0)
    assert not found.outstanding
    assert messages.make_job(message | {"state": "JOB_EGRESSING"}).outstanding


def test_a_datum():
    file = {"commit": {"repo": REPO, "id": "f" * 32}, "path": "/a"}
    info = {"file": file, "file_type": "FILE", "size_bytes": "3", "hash": "AAEC"}
    message = {
        "datum": {"id": "d", "job": {"pipeline": {"name": "p"}, "id": "e" * 32}},
        "state": "SUCCESS",
        "data": [info],
    }
    found = messages.make_datum(message)
    assert (found.id, found.job, found.pipeline, found.state, found.label) == (
        "d",
        "e" * 32,
        "p",
        "success",
        "music/in:/a",
    )
    assert found.inputs[0]["hash"] == "000102"
    assert messages.make_datum({"data": [info]}).state == "unknown"


def test_a_pipeline_and_what_it_reads():
    inputs = {"cross": [{"pfs": {"repo": "a", "glob": "/*"}}, {"union": [{"pfs": {"repo": "b", "branch": "x"}}]}]}
    spec = {"pipeline": {"name": "p"}, "input": inputs}
    message = {
        "pipeline": {"project": {"name": "default"}, "name": "p"},
        "version": "2",
        "state": "PIPELINE_CRASHING",
        "reason": "no image",
        "details": {"input": inputs, "description": "what for"},
        "user_spec_json": json.dumps(spec),
    }
    found = messages.make_pipeline(message)
    assert (found.state, found.reason, found.version, found.inputs) == ("crashing", "no image", 2, "a@master:/*, b@x:")
    assert found.spec == spec


def test_a_cron_input_is_read_from_its_repo():
    [part] = messages.list_inputs({"cron": {"name": "tick", "repo": "p_tick", "spec": "@daily"}})
    assert (part["repo"], part["glob"]) == ("p_tick", "/")


def test_a_line_of_a_log():
    message = {
        "project_name": "music",
        "pipeline_name": "p",
        "job_id": "j",
        "user": True,
        "message": "said\n",
        "ts": NOON,
    }
    found = messages.make_log_line(message)
    assert (found.pipeline, found.text, found.user, found.datum) == ("music/p", "said", True, "")
