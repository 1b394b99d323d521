"""The engine of this machine as a platform: what the command line does not ask of it itself."""

from concurrent.futures import ThreadPoolExecutor

from engine_bench import shell

from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.local.platform import LocalPlatform
from aeolian.engine.storage.store import Store
from aeolian.platform.protocol import LogQuery


def test_lines_of_logs_are_of_their_datums_and_tell_who_wrote_them(bench):
    bench.repo("in")
    bench.put("in", {"a": "", "b": ""})
    script = "echo said of $(basename $in); [ $(basename $in) = a ]"
    bench.pipeline("p", shell(script), "in", datum_tries=1)
    bench.run()
    platform = LocalPlatform(bench.store)
    lines = list(platform.read_logs(LogQuery(pipeline="p")))
    assert {line.text for line in lines if line.user} == {"said of a", "said of b"}
    assert [line.text for line in lines if not line.user] == ["--- failed: exit code 1"]
    [failed] = [each for each in platform.list_datums("p") if each.state == "failed"]
    of_one = list(platform.read_logs(LogQuery(job=f"p@{failed.job}", datum=failed.id[:12])))
    assert [line.text for line in of_one] == ["said of b", "--- failed: exit code 1"]
    assert {line.datum for line in of_one} == {failed.id}


def test_waiting_for_jobs_ends_when_another_has_done_them(bench):
    bench.repo("in")
    bench.pipeline("p", shell("cp $in /pfs/out/"), "in")
    commit = bench.put("in", {"a": "1"})
    platform = LocalPlatform(bench.store)
    seen = platform.wait_for_jobs(commit.id)
    assert [job.state for job in next(seen)] == ["created"]

    def run():
        with Store(bench.store.home) as other:
            return Runner(other).run()

    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(run).result().failed
    *_, last = seen
    assert [(job.pipeline, job.state, job.processed) for job in last] == [("p", "success", 1)]
