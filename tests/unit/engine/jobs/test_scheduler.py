"""What runs at once: jobs that do not need one another, as far as cores and the GPU reach."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import pytest
from engine_bench import shell
from waiting import SAFETY_S, wait_until

from aeolian.engine.jobs import resources
from aeolian.engine.jobs.records import list_jobs
from aeolian.engine.jobs.resources import Resources, Stopped
from aeolian.engine.programs.executors import ProcessExecutor
from aeolian.errors import AeolianError

GPU = {"resource_limits": {"gpu": {"type": "nvidia.com/gpu", "number": 1}}}
# `x=1; until …` waits for another program that has to run at the same time; it gives up after 20 s.
WAIT_FOR = "n=0; until [ -e {0} ]; do n=$((n+1)); [ $n -lt 2000 ] || exit 9; sleep 0.01; done"


def states(bench):
    return {(job.pipeline, job.seq): job.state for job in list_jobs(bench.store)}


def meet(bench, mine, other):
    return shell(f"touch {bench.folder / mine}; {WAIT_FOR.format(bench.folder / other)}")


def test_pipelines_that_do_not_need_one_another_run_at_once(bench):
    bench.repo("songs")
    bench.pipeline("a", meet(bench, "a", "b"), "songs")
    bench.pipeline("b", meet(bench, "b", "a"), "songs")
    bench.put("songs", {"x": ""})
    assert not bench.run(cores=2).failed


def test_a_pipeline_waits_for_what_it_reads_and_its_outcome_is_told_in_order(bench):
    bench.repo("songs")
    bench.pipeline("first", shell("sleep 0.1; cp $songs /pfs/out/"), "songs")
    bench.pipeline("second", shell("cp $first /pfs/out/"), "first")
    bench.pipeline("both", shell("cat $songs $second > /pfs/out/x"), {"cross": [_pfs("songs"), _pfs("second")]})
    bench.put("songs", {"x": "1"})
    assert [job.pipeline for job in bench.run(cores=4).jobs] == ["first", "second", "both"]
    assert bench.contents("both") == {"x": "11"}


def _pfs(repo):
    return {"pfs": {"repo": repo, "glob": "/*"}}


def test_the_next_commit_is_begun_while_the_one_before_is_still_at_work_downstream(bench):
    bench.repo("songs")
    begun = bench.folder / "two"
    bench.pipeline("first", shell('case "$songs" in *two) touch "$MARK";; esac; cp "$songs" /pfs/out/'), "songs",
                   transform={"env": {"MARK": str(begun)}})  # fmt: skip
    wait = WAIT_FOR.format(begun)
    bench.pipeline("second", shell(f'{wait}; cp "$first" /pfs/out/'), "first")
    bench.run(cores=1)
    bench.put("songs", {"one": "1"})
    bench.put("songs", {"two": "2"})
    assert not bench.run(cores=2).failed
    assert bench.contents("second") == {"one": "1", "two": "2"}


def test_a_pipeline_that_is_made_before_what_it_reads_has_run_gets_that_when_it_has(bench):
    bench.repo("songs")
    bench.put("songs", {"x": "1"})
    for name, reads in (("a", "songs"), ("b", "a"), ("c", "b")):
        bench.pipeline(name, shell(f"cp ${reads} /pfs/out/"), reads)
    assert [job.pipeline for job in bench.run().jobs] == ["a", "b", "c"]
    assert bench.contents("c") == {"x": "1"}


def test_one_pipeline_never_runs_two_jobs_at_once(bench):
    bench.repo("songs")
    lock = bench.folder / "lock"
    bench.pipeline("p", shell(f"mkdir {lock}; sleep 0.02; rmdir {lock}; cp $songs /pfs/out/"), "songs")
    for name in "abcd":
        bench.put("songs", {name: name})
    assert not bench.run(cores=4).failed
    assert bench.contents("p") == {name: name for name in "abcd"}


def test_all_jobs_together_take_no_more_than_the_cores(bench):
    bench.repo("songs")
    one, two = bench.folder / "1", bench.folder / "2"
    script = f"if mkdir {one}; then m={one}; else mkdir {two}; m={two}; fi; sleep 0.01; rmdir $m"
    for name in "abc":
        bench.pipeline(name, shell(script), "songs")
    bench.put("songs", {str(n): "" for n in range(10)})
    assert not bench.run(cores=2).failed


def test_one_gpu_for_all_pipelines(bench):
    bench.repo("songs")
    lock = bench.folder / "lock"
    for name in "abc":
        bench.pipeline(name, shell(f"mkdir {lock}; sleep 0.02; rmdir {lock}"), "songs", **GPU)
    bench.put("songs", {"x": "", "y": ""})
    assert not bench.run(cores=4).failed


def test_a_program_on_the_gpu_leaves_the_cores_to_others_and_one_without_does_not(bench, monkeypatch):
    bench.repo("songs")
    bench.put("songs", {"x": ""})
    bench.pipeline("train", meet(bench, "train", "other"), "songs", datum_timeout="5s", **GPU)
    bench.pipeline("other", meet(bench, "other", "train"), "songs", datum_timeout="5s")
    monkeypatch.setattr("aeolian.engine.jobs.job_run.has_gpu", lambda: True)
    assert not bench.run(cores=2).failed


def test_whether_there_is_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_DEVICES", tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert not resources.has_gpu()
    (tmp_path / "nvidia0").touch()
    assert resources.has_gpu()


def test_threads_are_shared_among_jobs_that_start_together(bench, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    bench.repo("songs", "others")
    for name, repo in (("a", "songs"), ("b", "songs"), ("alone", "others")):
        bench.pipeline(name, shell("printf $OMP_NUM_THREADS > /pfs/out/threads"), repo)
    bench.put("songs", {"x": ""})
    bench.run(cores=4)
    bench.put("others", {"x": ""})
    bench.run(cores=4)
    assert [bench.contents(name)["threads"] for name in ("a", "b", "alone")] == ["2", "2", "4"]


def test_leftovers_of_one_pipeline_are_ended_and_the_other_with_the_same_datum_goes_on(bench):
    """Datums of two pipelines that read the same files have one id; ending strays must not mix them up."""
    bench.repo("songs")
    begun, over = bench.folder / "b-has-begun", bench.folder / "a-is-over"
    bench.pipeline("a", shell(f"{WAIT_FOR.format(begun)}; cp $songs /pfs/out/"), "songs")
    bench.pipeline("after-a", shell(f"touch {over}"), {"pfs": {"repo": "a", "glob": "/"}})
    bench.pipeline("b", shell(f"touch {begun}; {WAIT_FOR.format(over)}; cp $songs /pfs/out/"), "songs")
    bench.put("songs", {"x": "1"})
    assert not bench.run(cores=2).failed
    assert bench.contents("b") == {"x": "1"}


@dataclass(frozen=True)
class Lacks(ProcessExecutor):
    """An executor without the image of one pipeline."""

    missing: str

    def ready(self, spec):
        if spec.name == self.missing:
            raise AeolianError(f"no image for {spec.name}")
        return self


def test_a_job_that_lacks_its_image_is_left_and_the_others_are_done_first(bench):
    bench.repo("songs")
    for name, reads in (("a", "songs"), ("after-a", "a"), ("b", "songs"), ("after-b", "b")):
        bench.pipeline(name, shell(f"cp ${reads.replace('-', '_')} /pfs/out/"), reads)
    bench.put("songs", {"x": "1"})
    with pytest.raises(AeolianError, match="no image for a"):
        bench.run(executor=Lacks("a"))
    assert {name for (name, _), state in states(bench).items() if state == "created"} == {"a", "after-a"}
    assert bench.contents("after-b") == {"x": "1"}
    assert not bench.run().failed
    assert bench.contents("after-a") == {"x": "1"}


def test_a_failed_pipeline_stops_what_reads_it_and_nothing_else(bench):
    bench.repo("songs")
    bench.pipeline("bad", shell("exit 3"), "songs")
    bench.pipeline("after-bad", shell("true"), "bad")
    bench.pipeline("good", shell("sleep 0.1; cp $songs /pfs/out/"), "songs")
    bench.put("songs", {"x": "1"})
    bench.run(cores=2)
    assert {name: state for (name, _), state in states(bench).items()} == {
        "bad": "failure",
        "after-bad": "unrunnable",
        "good": "success",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
def test_ctrl_c_ends_every_job(bench):
    bench.repo("songs")
    for name in "ab":
        bench.pipeline(name, shell(f"echo $$ > {bench.folder / name}.new; mv {bench.folder / name}.new "
                                   f"{bench.folder / name}; sleep 1000"), "songs",
                       parallelism_spec={"constant": 1})  # fmt: skip
    bench.put("songs", {str(n): "" for n in range(5)})
    code = (
        "import signal, sys; from pathlib import Path; from aeolian.engine.storage.store import Store;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from aeolian.engine.jobs.scheduler import Runner; Runner(Store(Path(sys.argv[1])), cores=2).run()"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(bench.store.home)], stderr=subprocess.DEVNULL)
    wait_until(lambda: all((bench.folder / name).exists() for name in "ab"), "both programs")
    programs = [int((bench.folder / name).read_text()) for name in "ab"]
    run.send_signal(signal.SIGINT)
    run.wait(SAFETY_S)
    for program in programs:
        with pytest.raises(ProcessLookupError):
            os.kill(program, 0)
    assert {job.state for job in list_jobs(bench.store)} == {"running"}


def test_who_wants_many_cores_is_not_passed_by():
    shared, order = Resources(2), []
    small_has, small_may_end, line = threading.Event(), threading.Event(), []

    def small():
        with shared.held(1):
            small_has.set()
            small_may_end.wait(SAFETY_S)
            order.append("small")

    def big():
        with shared.held(2):
            order.append("big")

    def late():
        with shared.held(1):
            order.append("late")

    for work in (small, big, late):
        thread = threading.Thread(target=work)
        line.append(thread)
        thread.start()
        small_has.wait(SAFETY_S)
        while work is big and not shared._line:
            time.sleep(0.001)
    small_may_end.set()
    for thread in line:
        thread.join(5)
    assert order == ["small", "big", "late"]


def test_who_waits_when_all_is_stopped_has_no_turn():
    shared, ended = Resources(1), []

    def waiting():
        try:
            with shared.held(1):
                ended.append("had it")
        except Stopped:
            ended.append("stopped")

    with shared.held(1):
        thread = threading.Thread(target=waiting)
        thread.start()
        shared.stop()
        thread.join(5)
    assert ended == ["stopped"]
