"""`aeolian … pipeline`: where a spec comes from, what becomes of it, and in which states a pipeline is."""

import functools
import http.server
import json
import sys
import threading
from pathlib import Path

import pytest
import yaml

COPY = {
    "pipeline": {"name": "copy"},
    "transform": {"cmd": ["sh", "-c", 'cp "$songs" /pfs/out/; echo copied']},
    "input": {"pfs": {"repo": "songs", "glob": "/*"}},
}
TEMPLATE = """
function(name, repo="songs")
  local own = import "parts/own.libsonnet";
  own { pipeline: { name: "copy-" + name }, input: { pfs: { repo: repo, glob: "/*" } } }
"""


@pytest.fixture
def songs(terminal, tmp_path):
    (tmp_path / "copy.json").write_text(json.dumps(COPY))
    terminal("create", "repo", "songs")
    terminal("put", "file", "songs@master:/a", "-f", "-", stdin="one")
    return terminal


def named(name, **more):
    return json.dumps({**COPY, "pipeline": {"name": name}} | more)


def versions(terminal):
    return {each["name"]: each["version"] for each in terminal.json("list", "pipeline")}


def test_a_spec_comes_from_standard_input(songs):
    songs("create", "pipeline", stdin=named("first"))
    songs("create", "pipeline", "-f", "-", stdin=named("second"))
    assert versions(songs) == {"first": 1, "second": 1}
    assert songs("get", "file", "second@master:/a") == "one"
    songs("create", "pipeline", stdin="[1]", code=2)
    assert "<standard input>:1" in songs.stderr


def test_several_pipelines_are_made_all_or_none(songs):
    wrong = json.dumps([json.loads(named("good")), {"pipeline": {"name": "bad"}}])
    songs("create", "pipeline", stdin=wrong, code=2)
    assert versions(songs) == {}


def test_what_exists_is_not_created_twice_and_what_does_not_is_made_by_an_update(songs):
    songs("create", "pipeline", "-f", "copy.json")
    songs("create", "pipeline", "-f", "copy.json", code=2)
    assert "pipeline copy already exists." in songs.stderr
    songs("create", "repo", "taken")
    songs("create", "pipeline", stdin=named("taken"), code=2)
    assert "A repo taken exists" in songs.stderr
    songs("update", "pipeline", stdin=named("other"))
    assert versions(songs) == {"copy": 1, "other": 1}
    songs("create", "pipeline", stdin=named("copy", update=True))
    assert versions(songs)["copy"] == 2


def test_a_dry_run_prints_the_spec_and_makes_nothing(songs, tmp_path):
    found = json.loads(songs("create", "pipeline", "-f", "copy.json", "--dry-run", "--arg", "copy:x=1"))
    assert found["input"]["pfs"] == {
        "project": "default", "name": "songs", "repo": "songs", "repo_type": "user", "branch": "master", "glob": "/*",
    }  # fmt: skip
    assert found["transform"]["cmd"][-2:] == ["--x", "1"] and found["datum_tries"] == "3"
    assert versions(songs) == {}
    in_yaml = yaml.safe_load(songs("create", "pipeline", "-f", "copy.json", "--dry-run", "-o", "yaml"))
    assert in_yaml == found | {"transform": COPY["transform"]}
    songs("create", "pipeline", "--dry-run", stdin=named("p", input={"pfs": {"repo": "none", "glob": "/"}}), code=2)
    assert "repo 'none' not found" in songs.stderr


def test_a_dry_run_makes_no_store(terminal, tmp_path):
    (tmp_path / "copy.json").write_text(json.dumps(COPY))
    assert json.loads(terminal("up", "copy.json", "--dry-run"))["pipeline"]["name"] == "copy"
    assert not (tmp_path / "home").exists()


def test_a_template_makes_specs(songs, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "own.libsonnet").write_text(json.dumps({"transform": COPY["transform"]}))
    (tmp_path / "copy.jsonnet").write_text(TEMPLATE)
    songs("create", "pipeline", "--jsonnet", "copy.jsonnet", "--arg", "name=a=b", code=2)
    assert "copy-a=b" in songs.stderr
    songs("create", "pipeline", "--jsonnet", "copy.jsonnet", "--arg", "name=x")
    assert songs("get", "file", "copy-x@master:/a") == "one"
    songs("update", "pipeline", "--jsonnet", "-", stdin=f"function(n) [{named('from-stdin')}]", code=2)
    assert "<standard input>: function parameter n not bound in call" in songs.stderr
    songs("update", "pipeline", "--jsonnet", "-", "--arg", "n=1", stdin=f"function(n) [{named('from-stdin')}]")
    assert versions(songs) == {"copy-x": 1, "from-stdin": 1}
    songs("create", "pipeline", "--jsonnet", "copy.jsonnet", "-f", "copy.json", code=2)
    songs("create", "pipeline", "--jsonnet", "copy.jsonnet", "--arg", "copy:x=1", code=2)
    songs("create", "pipeline", "-f", "copy.json", "--arg", "name=1", code=2)
    assert "Write it as PIPELINE:FLAG=VALUE" in songs.stderr


@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", "parts/../../secret", "link"])
def test_a_template_imports_nothing_from_outside_its_folder(songs, tmp_path, path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "secret").write_text('"leaked"')
    (tmp_path / "templates" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "templates" / "t.jsonnet").write_text(f"function() error importstr '{path}'")
    songs("validate", "pipeline", "--jsonnet", "templates/t.jsonnet", code=2)
    assert "is outside the template's folder" in songs.stderr and "leaked" not in songs.stderr


def test_a_spec_is_validated_without_being_made(terminal, tmp_path):
    terminal("validate", "pipeline", stdin=json.dumps(COPY))
    assert "pipeline copy: the spec is valid" in terminal.stderr
    terminal("validate", "pipeline", stdin=json.dumps({**COPY, "transfrom": {}}), code=2)
    assert "Did you mean transform?" in terminal.stderr
    assert not (tmp_path / "home").exists()


EDIT = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace({!r}, {!r}))"


def editor(tmp_path, old, new):
    (tmp_path / "edit.py").write_text(EDIT.format(old, new))
    return f"{sys.executable} {tmp_path / 'edit.py'}"


def test_a_pipeline_is_edited(songs, tmp_path, monkeypatch):
    songs("create", "pipeline", "-f", "copy.json")
    songs("edit", "pipeline", "copy", "--editor", editor(tmp_path, "echo copied", "echo again"))
    assert songs("logs", "-p", "copy") == "again\n"
    monkeypatch.setenv("EDITOR", editor(tmp_path, "echo again", "echo in yaml"))
    songs("edit", "pipeline", "copy", "-o", "yaml")
    assert songs("logs", "-p", "copy") == "in yaml\n"
    assert versions(songs) == {"copy": 3}
    songs("edit", "pipeline", "copy")
    assert "pipeline copy: unchanged" in songs.stderr and versions(songs) == {"copy": 3}


def test_a_wrong_edit_changes_nothing_and_keeps_the_text(songs, tmp_path):
    songs("create", "pipeline", "-f", "copy.json")
    songs("edit", "pipeline", "copy", "--editor", editor(tmp_path, '"cmd"', '"cmdd"'), code=2)
    assert "Nothing was changed; what you wrote is in " in songs.stderr
    kept = songs.stderr.strip().rpartition(" is in ")[2].rstrip(".")
    assert "cmdd" in Path(kept).read_text()
    songs("edit", "pipeline", "copy", "--editor", editor(tmp_path, '"copy"', '"other"'), code=2)
    assert "The pipeline is named copy, not other." in songs.stderr
    songs("edit", "pipeline", "copy", "--editor", "false", code=1)
    songs("edit", "pipeline", "copy", "--editor", "/no/such/editor", code=2)
    assert versions(songs) == {"copy": 1}


def test_a_rerun_is_a_new_version_that_skips_or_with_reprocess_redoes(songs):
    songs("create", "pipeline", "-f", "copy.json")
    songs("rerun", "pipeline", "copy")
    job = songs.json("inspect", "job", "copy")
    assert (job["version"], job["processed"], job["skipped"]) == (2, 0, 1)
    songs("rerun", "pipeline", "copy", "--reprocess")
    job = songs.json("inspect", "job", "copy")
    assert (job["version"], job["processed"], job["skipped"]) == (3, 1, 0)
    songs("rerun", "pipeline", "cop", code=2)
    assert "Did you mean copy?" in songs.stderr


def test_jobs_of_earlier_versions_are_listed_when_asked_for(songs):
    songs("create", "pipeline", "-f", "copy.json")
    songs("rerun", "pipeline", "copy")
    songs("rerun", "pipeline", "copy")

    def listed(*words):
        return [job["version"] for job in songs.json("list", "job", "-p", "copy", *words)]

    assert listed() == [3]
    assert listed("--history", "1") == [3, 2]
    assert listed("--history", "all") == [3, 2, 1]
    songs("list", "job", "-p", "copy", "--history", "some", code=2)
    assert [each["version"] for each in songs.json("list", "pipeline", "copy", "--history", "all")] == [3, 2, 1]


def test_pipelines_are_listed_by_name_and_state_and_as_specs(songs):
    songs("create", "pipeline", "-f", "copy.json")
    songs("create", "pipeline", stdin=named("lazy", autoscaling=True))
    assert [each["name"] for each in songs.json("list", "pipeline", "lazy")] == ["lazy"]
    assert [each["name"] for each in songs.json("list", "pipeline", "--state", "standby")] == ["lazy"]
    songs("list", "pipeline", "none", code=2)
    spec = songs("list", "pipeline", "copy", "--spec")
    songs("delete", "pipeline", "copy")
    songs("create", "pipeline", "-f", "-", stdin=spec)
    assert songs("get", "file", "copy@master:/a") == "one"


def test_all_pipelines_are_deleted_downstream_first(songs):
    songs("create", "pipeline", "-f", "copy.json")
    songs("create", "pipeline", stdin=named("after", input={"pfs": {"repo": "copy", "glob": "/"}}))
    songs("delete", "pipeline", code=2)
    songs("delete", "pipeline", "copy", "--all", code=2)
    songs("delete", "pipeline", "copy", code=2)
    assert "is in the provenance of the pipeline after" in songs.stderr
    songs("delete", "pipeline", "copy", "--force")
    assert "after" in songs("list", "pipeline")
    songs("create", "pipeline", "-f", "copy.json")
    songs("delete", "pipeline", "--all")
    assert songs.stderr.split("\n")[:2] == ["pipeline after: deleted", "pipeline copy: deleted"]
    assert songs.json("list", "pipeline") == []
    assert [repo["name"] for repo in songs.json("list", "repo")] == ["songs"]


def test_a_pipeline_without_input_has_a_job_of_no_datums_and_an_empty_output_at_once(terminal):
    terminal("create", "repo", "songs")
    elsewhere = {"pfs": {"repo": "songs", "branch": "dev", "glob": "/*"}}
    terminal("create", "pipeline", stdin=named("copy", input=elsewhere))
    (job,) = terminal.json("list", "job", "-p", "copy")
    assert (job["state"], job["total"]) == ("success", 0)
    assert terminal.json("list", "file", "copy@master") == []
    assert terminal.json("list", "file", "songs@dev") == []
    assert terminal.json("inspect", "commit", "copy@master")["id"] == job["id"]


def test_up_lets_a_pipeline_wait_for_its_first_input(terminal, tmp_path):
    (tmp_path / "copy.json").write_text(json.dumps(COPY))
    terminal("up", "copy.json")
    assert terminal.json("list", "job") == []


@pytest.fixture
def server(tmp_path):
    """The address of a server of this machine that has the files of `tmp_path`."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_a_spec_comes_from_a_url_and_from_this_machine_only_if_that_is_allowed(songs, server, tmp_path):
    songs("create", "pipeline", "-f", f"{server}/copy.json", code=2)
    assert "an address of this machine or its network" in songs.stderr
    songs("create", "pipeline", "-f", f"{server}/copy.json", "--allow-local-addresses")
    assert songs("get", "file", "copy@master:/a") == "one"
    (tmp_path / "t.jsonnet").write_text(f"function(x) {named('from-template')}")
    songs("create", "pipeline", "--jsonnet", f"{server}/t.jsonnet", "--arg", "x=1", "--allow-local-addresses")
    assert versions(songs) == {"copy": 1, "from-template": 1}
    songs("create", "pipeline", "-f", f"{server}/none.json", "--allow-local-addresses", code=2)
    assert "404" in songs.stderr
    songs("create", "pipeline", "-f", f"file://{tmp_path}/copy.json", "--allow-local-addresses", code=2)
    assert "file:// is not http:// or https://" in songs.stderr
