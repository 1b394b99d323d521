"""`--raw`: pachctl's keys and shapes."""

import json

import pytest
import yaml
from click.testing import CliRunner

from aeolian.cli.main import main
from aeolian.cli.raw import make_message, write_duration, write_time

SPEC = """
pipeline: {name: upper}
autoscaling: true
datum_timeout: 600s
datum_tries: 2
parallelism_spec: {constant: 2}
transform: {cmd: [sh, -e], stdin: ['cp -r "$songs" /pfs/out/'], image: tools:1}
input: {pfs: {repo: songs, glob: /*}}
"""
SONGS = {"name": "songs", "type": "user", "project": {"name": "default"}}
UPPER = {"name": "upper", "type": "user", "project": {"name": "default"}}


@pytest.fixture
def aeolian(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEOLIAN_HOME", str(tmp_path / "home"))
    (tmp_path / "upper.yaml").write_text(SPEC)
    (tmp_path / "a.txt").write_text("one\n")

    def call(*words, code=0, stdin=None):
        result = CliRunner().invoke(main, list(words), input=stdin)
        assert result.exit_code == code, result.output
        return result.stdout

    call("create", "repo", "songs", "--description", "of summer")
    call("create", "pipeline", "-f", "upper.yaml")
    call("put", "file", "songs@master:/d/a.txt", "-f", "a.txt")
    return call


def documents(text):
    """The JSON documents that stand one after another in `text`."""
    found, decoder, place = [], json.JSONDecoder(), 0
    while place < len(text.rstrip()):
        value, place = decoder.raw_decode(text, place)
        found.append(value)
        place += len(text[place:]) - len(text[place:].lstrip())
    return found


def test_repos(aeolian):
    first, second = documents(aeolian("list", "repo", "--raw"))
    created = first.pop("created")
    assert created.startswith("20") and created.endswith("Z")
    assert first == {
        "repo": SONGS,
        "size_bytes_upper_bound": "4",
        "description": "of summer",
        "branches": [{"repo": SONGS, "name": "master"}],
    }
    assert second["repo"] == UPPER
    (found,) = documents(aeolian("inspect", "repo", "songs", "--raw", "-o", "json"))
    assert found["details"] == {"size_bytes": "4"}


def test_commits(aeolian):
    newest = documents(aeolian("list", "commit", "songs@master", "--raw"))[0]
    assert newest["origin"] == {"kind": "USER"} and newest["commit"]["repo"] == SONGS
    assert newest["details"] == {"size_bytes": "4"} and newest["finished"]
    (made,) = documents(aeolian("inspect", "commit", "upper@master", "--raw"))
    assert made["origin"] == {"kind": "AUTO"} and made["commit"]["id"] == newest["commit"]["id"]
    sets = documents(aeolian("list", "commit", "--raw"))
    assert sets[0]["commit_set"] == {"id": newest["commit"]["id"]}
    assert [info["commit"]["repo"]["name"] for info in sets[0]["commits"]] == ["songs", "upper"]


def test_a_commit_names_its_parent(aeolian):
    aeolian("put", "file", "songs@master:/b.txt", "-f", "a.txt")
    child, first = documents(aeolian("list", "commit", "songs", "--raw"))[:2]
    assert child["parent_commit"] == first["commit"]
    assert "parent_commit" not in documents(aeolian("list", "commit", "songs", "--raw"))[-1]


def test_files(aeolian):
    (folder,) = documents(aeolian("list", "file", "songs@master", "--raw"))
    commit = folder["file"].pop("commit")
    assert commit["repo"] == SONGS and len(commit["id"]) == 32
    assert folder["file"] == {"path": "/d/"}
    assert (folder["file_type"], folder["size_bytes"]) == ("DIR", "4")
    (file,) = documents(aeolian("inspect", "file", "songs@master:/d/a.txt", "--raw"))
    assert file["file"]["path"] == "/d/a.txt" and file["file_type"] == "FILE"
    assert file["hash"] == "LIsI2lzmA5jh8Zrw5dzMdE3ydLgmq+WF6rpoxSVDSAY="  # SHA-256 of "one\n"


def test_pipelines(aeolian):
    (found,) = documents(aeolian("list", "pipeline", "--raw"))
    assert found["pipeline"] == {"project": {"name": "default"}, "name": "upper"}
    assert (found["version"], found["type"]) == ("1", "PIPELINE_TYPE_TRANSFORM")
    assert (found["state"], found["last_job_state"]) == ("PIPELINE_STANDBY", "JOB_SUCCESS")
    details = found["details"]
    assert details["datum_tries"] == "2" and details["datum_timeout"] == "600s"
    assert details["parallelism_spec"] == {"constant": "2"} and details["output_branch"] == "master"
    assert details["reprocess_spec"] == "until_success"
    assert details["input"]["pfs"] == {
        "project": "default", "name": "songs", "repo": "songs", "repo_type": "user", "branch": "master", "glob": "/*",
    }  # fmt: skip
    assert details["transform"]["image"] == "tools:1"
    assert json.loads(found["user_spec_json"])["datum_tries"] == 2


def test_jobs(aeolian):
    (job,) = documents(aeolian("inspect", "job", "upper", "--raw"))
    assert job["job"]["pipeline"]["name"] == "upper" and job["state"] == "JOB_SUCCESS"
    assert (job["data_total"], job["data_processed"]) == ("1", "1")
    assert "data_failed" not in job and "data_skipped" not in job and "reason" not in job
    branch = {"repo": UPPER, "name": "master"}
    assert job["output_commit"] == {"repo": UPPER, "id": job["job"]["id"], "branch": branch}
    assert job["stats"]["process_time"].endswith("s") and job["details"]["input"]["pfs"]["repo"] == "songs"
    (listed,) = documents(aeolian("list", "job", "-p", "upper", "-n", "1", "--raw"))
    assert listed == job
    newest = documents(aeolian("list", "job", "--raw"))[0]
    assert newest["job_set"] == {"id": job["job"]["id"]} and newest["jobs"][0]["job"] == job["job"]


def test_datums(aeolian):
    (datum,) = documents(aeolian("list", "datum", "upper", "--raw"))
    assert datum["datum"]["job"]["pipeline"]["name"] == "upper" and len(datum["datum"]["id"]) == 64
    assert datum["state"] == "SUCCESS"
    (file,) = datum["data"]
    assert file["file"]["path"] == "/d/" and file["file_type"] == "DIR" and file["size_bytes"] == "4"
    assert file["file"]["commit"]["repo"] == SONGS


def test_yaml_has_the_same_documents(aeolian):
    for words in (["list", "repo"], ["list", "pipeline"], ["list", "job"], ["list", "commit", "songs"]):
        text = aeolian(*words, "--raw", "-o", "yaml")
        found = list(yaml.safe_load_all(text))
        assert found == documents(aeolian(*words, "--raw"))
        assert text.count("\n---\n") == len(found) - 1
        assert yaml.safe_load(aeolian(*words, "-o", "yaml")) == json.loads(aeolian(*words, "-o", "json"))


def test_raw_has_no_table(aeolian):
    aeolian("list", "repo", "--raw", "-o", "table", code=2)


def test_an_empty_list_has_no_documents(tmp_path, monkeypatch):
    monkeypatch.setenv("AEOLIAN_HOME", str(tmp_path))
    CliRunner().invoke(main, ["create", "repo", "r"])
    assert CliRunner().invoke(main, ["list", "job", "--raw"]).output == ""
    assert CliRunner().invoke(main, ["list", "job", "-o", "json"]).output == "[]\n"


def test_times_and_durations():
    assert write_time(None) == ""
    assert write_time(0) == "1970-01-01T00:00:00Z"
    assert write_time(1.5) == "1970-01-01T00:00:01.500Z"
    assert write_time(1.000001) == "1970-01-01T00:00:01.000001Z"
    assert [write_duration(s) for s in (0, 2, 0.05, 600, 1.000001)] == ["", "2s", "0.050s", "600s", "1.000001s"]


def test_a_message_leaves_out_what_is_empty():
    full = make_message(a="0", b=0, c="", d=[], e={}, f=None, g=False, h="x", i=[0], j="00")
    assert full == {"h": "x", "i": [0], "j": "00"}
