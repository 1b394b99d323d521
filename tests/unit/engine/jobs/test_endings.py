"""Jobs that end before they are done, and what a failed or killed job leaves on its output branch."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from engine_bench import Bench, shell
from waiting import SAFETY_S, wait_until

from aeolian.engine.jobs.records import list_datums, list_jobs
from aeolian.engine.jobs.resources import Resources, Stopped
from aeolian.engine.storage.store import Store
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions import pipelines
from aeolian.engine.versions.endings import kill_job
from aeolian.engine.versions.pausing import start_pipeline, stop_pipeline

CODE = (
    "import sys; from pathlib import Path; from aeolian.engine.storage.store import Store;"
    "from aeolian.engine.jobs.scheduler import Runner; Runner(Store(Path(sys.argv[1])), cores=2).run()"
)


def copy_but(name, otherwise):
    """A program that copies its datum, and does something else for the file `name`."""
    return shell(f'case "$songs" in */{name}) {otherwise};; *) cp "$songs" /pfs/out/;; esac')


@pytest.fixture
def stuck(bench):
    """songs → p, whose datum `b` never ends → q; and songs → r. Returns the process that runs them, at `b`."""
    bench.repo("songs")
    at_b = bench.folder / "at-b"
    stay = f"echo $$ > {at_b}.new; mv {at_b}.new {at_b}; test -e {bench.folder}/ends || sleep 100000"
    bench.pipeline("p", copy_but("b", stay), "songs")
    bench.pipeline("q", shell("true"), "p", "/")
    bench.put("songs", {"a": "1", "b": "2"})
    with subprocess.Popen([sys.executable, "-c", CODE, str(bench.store.home)]) as process:
        wait_until(lambda: at_b.exists() and done_in(bench, "p") == 1, "a datum that is done and one that is not")
        bench.pid = int(at_b.read_text())
        try:
            yield process
        finally:
            process.kill()


def done_in(bench, name):
    row = bench.job(name).row
    return bench.store.db.one("SELECT count(*) AS n FROM datum WHERE job_id = ?", row)["n"]


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def ends(process):
    process.wait(SAFETY_S)
    return process.returncode == 0


def test_a_job_that_another_process_runs_is_killed_and_the_rest_goes_on(bench, stuck):
    (bench.folder / "ends").touch()
    bench.put("songs", {"b": "3"})
    assert kill_job(bench.store, bench.store.db.one("SELECT min(id) AS n FROM job")["n"], "job stopped")
    assert ends(stuck) and gone(bench.pid)
    jobs = {(job.pipeline, job.seq): job for job in list_jobs(bench.store)}
    first, second = sorted({seq for _, seq in jobs})
    assert (jobs["p", first].state, jobs["p", first].reason) == ("killed", "job stopped")
    assert (jobs["p", first].total, jobs["p", first].processed, jobs["p", first].failed) == (2, 1, 0)
    assert jobs["q", first].state == "unrunnable"
    assert (jobs["p", second].state, jobs["q", second].state) == ("success", "success")
    assert bench.contents("p", jobs["p", first].id) == {"a": "1"}
    assert list(check(bench.store)) == []


def test_an_update_ends_the_job_of_the_version_before(bench, stuck):
    bench.pipeline("p", shell('cp "$songs" /pfs/out/'), "songs", update=True)
    assert ends(stuck) and gone(bench.pid)
    assert bench.contents("p") == {"a": "1", "b": "2"}
    states = [(job.version, job.state, job.reason) for job in list_jobs(bench.store, pipeline="p")]
    assert states == [(2, "success", ""), (1, "killed", "all jobs killed because pipeline was updated")]


def test_a_deleted_pipeline_takes_its_running_job_along(bench, stuck):
    pipelines.delete_pipeline(bench.store, "q")
    pipelines.delete_pipeline(bench.store, "p")
    assert ends(stuck) and gone(bench.pid)
    assert list_jobs(bench.store) == []
    assert list(check(bench.store)) == []


def test_a_stopped_pipeline_has_no_jobs_until_it_is_started_and_then_one_for_all_it_missed(bench, stuck):
    bench.pipeline("p", copy_but("b", "sleep 100000"), "songs", update=True)
    assert stop_pipeline(bench.store, "p") == 1
    assert ends(stuck) and gone(bench.pid)
    assert bench.job("p").reason == "all jobs killed because pipeline was stopped"
    before = len(list_jobs(bench.store, pipeline="p"))
    bench.delete("songs", "/b")
    bench.put("songs", {"c": "3"})
    bench.put("songs", {"d": "4"})
    assert not bench.run().jobs
    assert len(list_jobs(bench.store, pipeline="p")) == before
    assert pipelines.inspect_pipeline(bench.store, "p").stopped
    assert start_pipeline(bench.store, "p")
    assert [(job.pipeline, job.state) for job in bench.run().jobs] == [("p", "success"), ("q", "success")]
    assert bench.contents("p") == {"a": "1", "c": "3", "d": "4"}
    assert not start_pipeline(bench.store, "p")


def test_what_was_stopped_without_missing_anything_has_a_job_that_skips_all(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", shell("true"), "songs")
    bench.run()
    stop_pipeline(bench.store, "p")
    assert start_pipeline(bench.store, "p")
    (ended,) = bench.run().jobs
    assert (ended.state, ended.processed, ended.skipped) == ("success", 0, 1)


def test_a_job_that_was_not_begun_is_ended_at_once(bench):
    bench.repo("songs")
    bench.pipeline("p", shell("echo > /pfs/out/x"), "songs")
    bench.put("songs", {"a": "1"})
    job = bench.job("p")
    assert kill_job(bench.store, job.row, "job stopped")
    assert not kill_job(bench.store, job.row, "again")
    assert not bench.run().jobs
    assert (bench.job("p").state, bench.job("p").reason) == ("killed", "job stopped")
    assert bench.contents("p") == {}


def test_a_killed_job_adds_what_was_done_to_what_the_last_good_one_made(bench):
    bench.repo("songs")
    bench.pipeline("p", copy_but("z", "sleep 100000"), "songs", parallelism_spec={"constant": 1})
    bench.put("songs", {"a": "1"})
    bench.run()
    bench.put("songs", {"b": "2", "z": ""})
    thread = threading.Thread(target=lambda: Bench(Store(bench.store.home), bench.folder).run())
    thread.start()
    wait_until(lambda: done_in(bench, "p") == 1, "the first datum")
    kill_job(bench.store, bench.job("p").row, "job stopped")
    thread.join(SAFETY_S)
    assert not thread.is_alive()
    assert bench.contents("p") == {"a": "1", "b": "2"}


def test_a_job_that_takes_too_long_is_killed_and_no_datum_has_failed(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", ["sleep", "100000"], "songs", job_timeout="0.05s", transform={"err_cmd": ["true"]})
    (ended,) = bench.run().jobs
    job = bench.job("p")
    assert (ended.state, ended.reason) == (job.state, job.reason) == ("killed", "job timed out")
    assert (job.total, job.failed, job.recovered, job.processed) == (1, 0, 0, 0)
    assert bench.contents("p") == {}


def test_what_reads_a_failed_head_cannot_run_until_it_is_repaired(bench):
    bench.repo("songs", "other")
    bench.put("other", {"o": "1"})
    bench.pipeline("p", copy_but("bad", "exit 1"), "songs")
    cross = {"cross": [{"pfs": {"repo": "p", "glob": "/"}}, {"pfs": {"repo": "other", "glob": "/"}}]}
    bench.pipeline("q", shell("cat /pfs/p/* /pfs/other/* > /pfs/out/all"), cross)
    bench.put("songs", {"a": "x"})
    bench.run()
    assert bench.contents("q") == {"all": "x1"}
    bench.put("songs", {"bad": ""})
    bench.put("other", {"o": "2"})
    bench.run()
    job = bench.job("q")
    assert (job.state, job.reason) == ("unrunnable", "unrunnable because the following upstream pipelines failed: p")
    assert bench.contents("q") == {"all": "x1"}, "its commit holds what the last good one held"
    assert bench.contents("q", "master^^") == {"all": "x1"}
    bench.delete("songs", "/bad")
    bench.run()
    assert bench.contents("q") == {"all": "x2"}


def test_skipped_datums_are_listed_and_their_outputs_are_in_the_failed_commit(bench):
    bench.repo("songs")
    bench.pipeline("p", copy_but("bad", "exit 1"), "songs")
    bench.put("songs", {"a": "1", "gone": "2"})
    bench.run()
    bench.delete("songs", "/gone")
    bench.put("songs", {"bad": "", "c": "3"})
    bench.run()
    job = bench.job("p")
    assert (job.state, job.total, job.processed, job.skipped, job.failed) == ("failure", 3, 1, 1, 1)
    assert sorted(record.state for record in list_datums(bench.store, job)) == ["failed", "skipped", "success"]
    assert bench.contents("p") == {"a": "1", "c": "3"}
    collect_garbage(bench.store)
    assert list(check(bench.store)) == []
    assert bench.contents("p") == {"a": "1", "c": "3"}


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        ('echo "$songs" | sed "s=.*/==" > /pfs/out/same', {"same": "a\n"}),
        ('case "$songs" in */a) echo a > /pfs/out/x;; *) mkdir /pfs/out/x; echo b > /pfs/out/x/y;; esac', {"x": "a\n"}),
        ('case "$songs" in */b) echo a > /pfs/out/x;; *) mkdir /pfs/out/x; echo b > /pfs/out/x/y;; esac', None),
    ],
)
def test_of_a_path_that_two_datums_write_the_failed_commit_has_one(bench, script, kept):
    bench.repo("songs")
    bench.pipeline("p", shell(script), "songs")
    bench.put("songs", {"a": "1", "b": "2"})
    assert bench.run().failed
    ids = {record.label: record.id for record in list_datums(bench.store, bench.job("p"))}
    contents = bench.contents("p")
    assert len(contents) == 1
    if kept is not None and ids["songs:/a"] < ids["songs:/b"]:
        assert contents == kept
    assert bench.job("p").datums


def test_who_is_given_up_while_it_waits_for_cores_or_the_gpu_has_no_turn():
    shared, outcome, given_up = Resources(1), [], threading.Event()

    def waiting(gpu):
        try:
            with shared.held(1, gpu=gpu, given_up=given_up.is_set):
                outcome.append("had it")
        except Stopped:
            outcome.append("given up")

    with shared.held(1, gpu=True):
        threads = [threading.Thread(target=waiting, args=(gpu,)) for gpu in (True, False)]
        for thread in threads:
            thread.start()
        given_up.set()
        shared.wake()
        for thread in threads:
            thread.join(SAFETY_S)
    assert outcome == ["given up"] * 2
    with shared.held(1, gpu=True):
        outcome.append("free again")
    assert outcome[-1] == "free again"
