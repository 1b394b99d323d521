"""`aeolian … job`, `… datum`, `logs`, and pausing pipelines."""

import json
import threading
import time

import pytest
from waiting import wait_until

from aeolian.cli.logs import parse_duration
from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.storage.store import Store, default_home
from aeolian.errors import UsageError

SCRIPT = """
if grep -q bad "$songs"; then echo "this one is bad"; exit 3; fi
if grep -q saved "$songs"; then exit 4; fi
echo "copying $(basename "$songs")"
cp "$songs" /pfs/out/
"""
COPY = {
    "pipeline": {"name": "copy"},
    "datum_tries": 2,
    "transform": {
        "cmd": ["sh", "-c", SCRIPT],
        "err_cmd": ["sh", "-c", 'grep -q saved "$songs"'],
    },
    "input": {"pfs": {"repo": "songs", "glob": "/*"}},
}
AFTER = {
    "pipeline": {"name": "after"},
    "transform": {"cmd": ["sh", "-c", "cp /pfs/copy/* /pfs/out/"]},
    "input": {"pfs": {"repo": "copy", "glob": "/"}},
}


@pytest.fixture
def songs(terminal):
    terminal("create", "repo", "songs")
    terminal("put", "file", "songs@master:/a", "-f", "-", stdin="one")
    terminal("create", "pipeline", stdin=json.dumps([COPY, AFTER]))
    return terminal


def last(terminal, pipeline="copy"):
    return terminal.json("inspect", "job", pipeline)


def test_progress_tells_of_recovered_datums_where_there_are_some(songs):
    songs("put", "file", "songs@master:/b", "-f", "-", stdin="saved")
    assert "0 + 1 + 1 / 2" in songs("list", "job", "-p", "copy")
    songs("put", "file", "songs@master:/c", "-f", "-", stdin="two")
    assert "1 + 1 + 1 / 3" in songs("list", "job", last(songs)["id"])
    assert "1 + 0 / 1" in songs("list", "job", "-p", "after")


def test_jobs_are_listed_under_an_id_by_input_and_by_state(songs):
    first = songs.json("list", "commit", "songs")[0]["id"]
    songs("put", "file", "songs@master:/b", "-f", "-", stdin="bad", code=1)
    failed = last(songs)
    assert {job["pipeline"] for job in songs.json("list", "job", failed["id"][:12])} == {"copy", "after"}
    assert [job["id"] for job in songs.json("list", "job", "--state", "failure")] == [failed["id"]]
    assert [job["id"] for job in songs.json("list", "job", "--state", "UNRUNNABLE")] == [failed["id"]]
    assert len(songs.json("list", "job", "--state", "success", "--state", "failure")) == 3
    assert [job["id"] for job in songs.json("list", "job", "-i", "songs@master")] == [failed["id"]]
    assert [job["pipeline"] for job in songs.json("list", "job", "--input", f"songs@{first}")] == ["copy"]
    assert [job["pipeline"] for job in songs.json("list", "job", "-i", "copy@master")] == ["after"]


@pytest.mark.parametrize(
    "words",
    [
        ("list", "job", "-p", "nope"),
        ("list", "job", ""),
        ("list", "job", "%"),
        ("list", "job", "--input", "songs@none"),
        ("list", "job", "--state", "gone"),
        ("inspect", "job", "copy@0123"),
        ("stop", "job", "copy"),
        ("stop", "job", "copy@"),
        ("stop", "job", "nope@0123"),
        ("wait", "job", "nope"),
        ("delete", "job", "copy"),
        ("list", "datum"),
        ("list", "datum", "copy", "-f", "x.json"),
        ("list", "datum", "copy@0123"),
        ("inspect", "datum", "copy", "zz"),
        ("logs",),
        ("logs", "-p", "copy", "-j", "copy"),
        ("logs", "-p", "nope"),
        ("logs", "-p", "copy", "--since", "10 minutes"),
        ("stop", "pipeline", "nope"),
        ("start", "pipeline", "nope"),
        ("restart", "pipeline", "nope"),
    ],
)
def test_what_is_not_there_is_refused_in_one_sentence(songs, words):
    songs(*words, code=2)
    assert songs.stderr.strip()


def test_an_id_that_nothing_has_has_no_jobs(songs):
    assert songs.json("list", "job", "0123456789abcdef0123456789abcdef") == []


def test_a_job_that_waits_is_stopped_and_what_follows_is_not_run(songs):
    songs("put", "file", "songs@master:/b", "-f", "-", "--no-run", stdin="two")
    songs("stop", "job", f"copy@{last(songs)['id']}")
    assert (last(songs)["state"], last(songs)["reason"]) == ("killed", "job stopped")
    songs("wait", code=1)
    assert last(songs, "after")["state"] == "unrunnable"
    songs("stop", "job", last(songs)["id"])
    assert "has ended already" in songs.stderr
    songs("run", "pipeline", "copy")
    assert songs("get", "file", "after@master:/b") == "two"


def test_all_jobs_of_an_id_are_stopped(songs):
    songs("put", "file", "songs@master:/b", "-f", "-", "--no-run", stdin="two")
    id_ = last(songs)["id"]
    songs("stop", "job", id_)
    assert {job["state"] for job in songs.json("list", "job", id_)} == {"killed"}


def test_a_job_is_waited_for(songs):
    songs("put", "file", "songs@master:/b", "-f", "-", "--no-run", stdin="two")
    id_ = last(songs)["id"]
    assert [job["state"] for job in songs.json("wait", "job", id_)] == ["success", "success"]
    songs("put", "file", "songs@master:/c", "-f", "-", "--no-run", stdin="bad")
    assert "failure" in songs("wait", "job", f"copy@{last(songs)['id']}", code=1)
    (document,) = [json.loads(songs("wait", "job", f"copy@{last(songs)['id']}", "--raw", code=1))]
    assert document["state"] == "JOB_FAILURE"


def test_a_deleted_job_is_off_the_list_and_what_it_made_stays(songs):
    songs("put", "file", "songs@master:/b", "-f", "-", stdin="two")
    newest, first = songs.json("list", "job", "-p", "copy")
    songs("delete", "job", f"copy@{first['id']}")
    assert [job["id"] for job in songs.json("list", "job", "-p", "copy")] == [newest["id"]]
    assert songs("get", "file", f"copy@{first['id']}:/a") == "one"
    assert "copying a" in songs("logs", "-p", "copy"), "a run that the other job uses keeps its log"
    songs("put", "file", "songs@master:/c", "-f", "-", stdin="three")
    assert (last(songs)["processed"], last(songs)["skipped"]) == (1, 2)
    assert songs("fsck") is not None


def test_a_paused_pipeline_has_no_jobs_and_then_one_for_all(songs):
    songs("stop", "pipeline", "copy")
    assert songs("list", "pipeline", "--state", "paused").count("copy") >= 1
    assert json.loads(songs("inspect", "pipeline", "copy", "--raw"))["state"] == "PIPELINE_PAUSED"
    for name in "bc":
        songs("put", "file", f"songs@master:/{name}", "-f", "-", stdin=name)
    assert len(songs.json("list", "job", "-p", "copy")) == 1
    songs("start", "pipeline", "copy")
    assert [job["processed"] for job in songs.json("list", "job", "-p", "copy")] == [2, 1]
    songs("start", "pipeline", "copy")
    assert "it was not stopped" in songs.stderr
    songs("restart", "pipeline", "copy")
    assert (last(songs)["processed"], last(songs)["skipped"]) == (0, 3)


def test_a_failed_job_lists_failed_successful_and_skipped_datums(songs):
    songs("put", "file", "songs@master:/b", "-f", "-", "--no-run", stdin="bad")
    songs("put", "file", "songs@master:/c", "-f", "-", code=1, stdin="three")
    states = {r["inputs"][0]["path"]: r["state"] for r in songs.json("list", "datum", "copy")}
    assert states == {"/a": "skipped", "/b": "failed", "/c": "success"} or states == {
        "/a": "skipped", "/b": "failed", "/c": "skipped",
    }  # fmt: skip


def test_datums_of_a_spec_whose_pipeline_is_not_there(songs, tmp_path):
    spec = {
        **COPY,
        "pipeline": {"name": "none"},
        "input": {"cross": [COPY["input"], {"pfs": {"repo": "copy", "glob": "/", "name": "c"}}]},
    }
    (tmp_path / "none.json").write_text(json.dumps(spec))
    (datum,) = songs.json("list", "datum", "-f", "none.json")
    assert [part["path"] for part in datum["inputs"]] == ["/a", "/"]
    assert datum["state"] == "" and len(datum["id"]) == 64
    raw = json.loads(songs("list", "datum", "-f", "-", "--raw", stdin=json.dumps(COPY)))
    assert raw["data"][0]["file"]["path"] == "/a" and "state" not in raw
    songs("create", "pipeline", "-f", "none.json", "--no-run")
    songs("wait")
    assert songs.json("list", "datum", "none")[0]["id"] == datum["id"]
    lost = {**COPY, "input": {"pfs": {"repo": "lost", "glob": "/"}}}
    songs("list", "datum", "-f", "-", stdin=json.dumps(lost), code=2)


def test_logs_of_a_datum_of_an_input_since_and_of_the_engine(songs):
    songs("put", "file", "songs@master:/b", "-f", "-", stdin="bad", code=1)
    job = f"copy@{last(songs)['id']}"
    bad, good = songs.json("list", "datum", job)
    assert (bad["state"], good["state"]) == ("failed", "skipped")
    assert "this one is bad" in songs("logs", "-j", job, "--datum", bad["id"][:12])
    assert songs("logs", "-p", "copy", "--inputs", "/a,/none") == "copying a\n"
    assert songs("logs", "-p", "copy", "--inputs", good["inputs"][0]["hash"]) == "copying a\n"
    assert songs("logs", "-j", job, "--since", "0s") == ""
    assert "this one is bad" in songs("logs", "-j", job, "--since", "1h")
    assert songs("logs", "-j", job, "--inputs", "/b", "--worker").startswith("--- try 2 of 2: exit code 3\n")
    assert songs("logs", "-j", job, "--master") == f"{job}: failure: 1 of 2 datums failed\n"
    lines = [json.loads(line) for line in songs("logs", "-j", job, "--raw").splitlines()]
    assert {line["pipeline_name"] for line in lines} == {"copy"}
    said = [line["message"] for line in lines if line.get("user") and line["datum_id"] == bad["id"]]
    assert said == ["this one is bad", "this one is bad"]


def test_logs_are_followed_until_the_job_has_ended(songs, tmp_path):
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    script = f"echo first; touch {begun}; while [ ! -e {gate} ]; do sleep 0.05; done; echo last"
    slow = {**COPY, "pipeline": {"name": "slow"}, "transform": {"cmd": ["sh", "-c", script]}}
    songs("create", "pipeline", "--no-run", stdin=json.dumps(slow))
    running = threading.Thread(target=run_all)
    running.start()
    try:
        wait_until(begun.exists, "the program")
        threading.Thread(target=lambda: (time.sleep(0.5), gate.touch())).start()
        told = songs("logs", "-p", "slow", "--follow").splitlines()
    finally:
        gate.touch()
        running.join()
    assert [line for line in told if not line.startswith("===")] == ["first", "last"]


def test_a_stuck_datum_is_begun_again_and_uses_up_no_try(songs, tmp_path):
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    script = f"echo x >> {begun}; while [ ! -e {gate} ]; do sleep 0.05; done; cp $songs /pfs/out/"
    slow = {**COPY, "pipeline": {"name": "slow"}, "datum_tries": 1, "transform": {"cmd": ["sh", "-c", script]}}
    songs("create", "pipeline", "--no-run", stdin=json.dumps(slow))
    running = threading.Thread(target=run_all)
    running.start()
    try:
        wait_until(begun.exists, "the program")
        job = f"slow@{last(songs, 'slow')['id']}"
        songs("restart", "datum", job, "/none", code=2)
        assert "No datum of slow@" in songs.stderr
        songs("restart", "datum", job, "/a")
        assert "songs:/a: begun again" in songs.stderr
        wait_until(lambda: begun.read_text() == "x\nx\n", "the second time")
    finally:
        gate.touch()
        running.join()
    (datum,) = songs.json("list", "datum", "slow")
    assert (datum["state"], datum["tries"]) == ("success", 1)
    assert "restarted, as `restart datum` asked" in songs("logs", "-p", "slow")
    songs("restart", "datum", job, "/a", code=2)
    assert "has ended: success" in songs.stderr
    songs("restart", "datum", job, ",", code=2)


def run_all():
    with Store(default_home()) as store:
        Runner(store).run()


def test_durations_of_go():
    assert [parse_duration(text) for text in ("90s", "1h30m", "1.5m", "0", "250ms")] == [90, 5400, 90, 0, 0.25]
    for text in ("", "10", "s", "1h 30m", "-1s", "1d"):
        with pytest.raises(UsageError, match="is no duration"):
            parse_duration(text)
