"""Killed at any moment, damaged, or worked on by two at once: nothing half done, nothing finished lost."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest
from engine_bench import shell

from aeolian.engine import upkeep
from aeolian.engine.jobs.records import list_datums, list_jobs
from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.storage import lock
from aeolian.engine.storage.database import Database
from aeolian.engine.storage.objects import SMALL_BYTES
from aeolian.engine.storage.store import Store
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions import files, pipelines, repos
from aeolian.engine.versions.commits import list_commits
from aeolian.errors import AeolianError, StorageError
from aeolian.platform.sources.selection import Item

KILLS = int(os.environ.get("AEOLIAN_TEST_KILLS", "8"))
BIG = "x" * (SMALL_BYTES + 1)

# Puts batches of files, runs what follows, and says on stdout which commits it was told are made.
VICTIM = """
import sys
from io import BytesIO
from pathlib import Path
from aeolian.engine.versions import files
from aeolian.platform.sources.selection import Item
from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.storage.store import Store
with Store(Path(sys.argv[1])) as store:
    for batch in range(int(sys.argv[2]), int(sys.argv[2]) + 1000):
        items = [Item(BytesIO(b"%d %d" % (batch, n) + b"." * (n % 2 * 70000)), f"/{batch}-{n}") for n in range(4)]
        print(files.put_files(store, "songs", "master", items).commit.id, batch, flush=True)
        Runner(store).run()
"""


def test_killed_at_any_moment(bench):
    bench.repo("songs")
    bench.pipeline("copy", shell("cp /pfs/songs/* /pfs/out/"), "songs")
    bench.pipeline("all", shell("ls /pfs/copy | wc -l > /pfs/out/n"), "copy", "/")
    chance = random.Random(1)
    batch, promised = 0, []
    for _ in range(KILLS):
        victim = subprocess.Popen(
            [sys.executable, "-c", VICTIM, str(bench.store.home), str(batch)], stdout=subprocess.PIPE, text=True
        )
        first = victim.stdout.readline()
        timer = threading.Timer(chance.random() * 0.25, victim.send_signal, [signal.SIGKILL])
        timer.start()
        rest = victim.stdout.read()
        victim.wait()
        promised += [line.split()[0] for line in (first + rest).splitlines() if len(line.split()) == 2]
        batch += 1000
        assert list(check(bench.store)) == []
    made = {commit.id for commit in list_commits(bench.store, "songs")}
    assert set(promised) <= made
    assert not bench.run().failed
    assert bench.contents("copy") == bench.contents("songs")
    assert bench.contents("all")["n"].strip() == str(len(bench.contents("songs")))
    assert set(Counter(path.partition("-")[0] for path in bench.contents("songs")).values()) == {4}, "whole commits"
    assert list(check(bench.store)) == []


def test_finished_datums_of_an_interrupted_job_are_kept(bench):
    bench.repo("songs")
    count = bench.folder / "count"
    stop = bench.folder / "stop"
    script = (
        f'echo x >> {count}; if [ $(wc -l < {count}) = 3 ]; then echo > {stop}; sleep 1000; fi; cp "$songs" /pfs/out/'
    )
    bench.pipeline("p", shell(script), "songs")
    bench.put("songs", {str(n): "" for n in range(5)})
    code = (
        "import sys; from pathlib import Path; from aeolian.engine.storage.store import Store;"
        "from aeolian.engine.jobs.scheduler import Runner; Runner(Store(Path(sys.argv[1])), cores=1).run()"
    )
    os.mkfifo(stop)
    victim = subprocess.Popen([sys.executable, "-c", code, str(bench.store.home)])
    stop.read_text()
    victim.kill()
    victim.wait()
    assert not bench.run().failed
    assert count.read_text() == "x\n" * 6, "three before the kill, of which two ended well; then three"
    assert set(bench.contents("p")) == set("01234")


def test_two_at_once_one_runs_and_picks_up_the_others_commits(bench):
    bench.repo("songs")
    bench.pipeline("p", shell('cp "$songs" /pfs/out/'), "songs")
    bench.put("songs", {"a": "1"})
    with Store(bench.store.home) as other:
        events = []

        def meanwhile(event):
            if type(event).__name__ == "JobStarted" and not events:
                events.append(event)
                bench.put("songs", {"b": "2"})
                assert Runner(other).run().elsewhere

        outcome = Runner(bench.store, listener=meanwhile).run()
    assert [job.state for job in outcome.jobs] == ["success", "success"]
    assert bench.contents("p") == {"a": "1", "b": "2"}


def test_two_processes_put_at_once_and_neither_loses_a_commit(bench):
    bench.repo("songs")
    bench.pipeline("copy", shell('cp "$songs" /pfs/out/'), "songs")
    code = VICTIM.replace("+ 1000", "+ 5")
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(bench.store.home), start], stdout=subprocess.PIPE)
        for start in ("0", "1000")
    ]
    assert [process.communicate() and process.returncode for process in both] == [0, 0]
    bench.run()
    assert len(list_commits(bench.store, "songs")) == 10
    assert len(bench.contents("songs")) == 40
    assert bench.contents("copy") == bench.contents("songs")
    assert list(check(bench.store)) == []


def test_the_lock_goes_with_the_process(bench):
    code = (
        "import sys; from pathlib import Path; from aeolian.engine.storage.lock import held\n"
        "with held(Path(sys.argv[1])) as mine: print(mine, flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(bench.store.lock)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "True\n"
    with lock.held(bench.store.lock) as mine:
        assert not mine
    holder.kill()
    holder.wait()
    with lock.held(bench.store.lock) as mine:
        assert mine


def test_a_transaction_is_whole_or_nothing(bench):
    with pytest.raises(ZeroDivisionError), bench.store.db.transaction():
        repos.create_repo(bench.store, "a")
        1 / 0  # noqa: B018
    assert repos.list_repos(bench.store) == []


def test_no_space_is_said_and_undone(bench, monkeypatch):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (bench.folder / "b").write_text(BIG)
    with pytest.raises(StorageError, match="No space left for"):
        files.put_files(bench.store, "songs", "master", [Item(bench.folder / "b", "/b")])
    monkeypatch.undo()
    assert bench.contents("songs") == {"a": "1"}
    assert not list(bench.store.objects.folder.glob("new-*"))
    assert list(check(bench.store)) == []


@pytest.fixture
def filled(bench):
    bench.repo("songs")
    bench.pipeline("p", shell('cp "$songs" /pfs/out/'), "songs")
    bench.put("songs", {"small": "1", "big": BIG})
    bench.run()
    return bench


def test_fsck_finds_planted_damage(filled):
    assert list(check(filled.store)) == []
    (path,) = filled.store.objects.folder.glob("??/*")
    path.chmod(0o644)
    path.write_text("y" * len(BIG))
    assert any("its bytes have another hash" in fault for fault in check(filled.store))
    path.unlink()
    faults = list(check(filled.store))
    assert any("of /big is missing" in fault for fault in faults)
    filled.store.db.run("UPDATE small_object SET data = x'00'")
    assert len(list(check(filled.store))) > len(faults)


def test_fsck_beside_a_put_and_a_gc_finds_nothing(filled, monkeypatch):
    contents = upkeep._contents

    def meanwhile(store):
        yield from contents(store)
        filled.put("songs", {"new": "n" + BIG})

    monkeypatch.setattr(upkeep, "_contents", meanwhile)
    assert list(check(filled.store)) == []


def test_fsck_finds_a_run_that_is_gone(filled):
    filled.store.db.run("DELETE FROM datum WHERE id = (SELECT min(id) FROM datum)")
    assert any("its run 1 is missing" in fault for fault in check(filled.store))


def test_a_damaged_tree_is_found(filled):
    filled.store.db.run("UPDATE node SET data = replace(data, 'small', 'smell')")
    assert any("tree node" in fault for fault in check(filled.store))


def test_gc_keeps_all_that_a_branch_or_the_next_job_needs(filled):
    with filled.store.objects.intake() as intake:
        (filled.folder / "lost").write_text("lost" + BIG)
        intake.add(filled.folder / "lost")
    filled.put("songs", {"big": "changed"})
    filled.run()
    freed = collect_garbage(filled.store)
    assert (freed.objects, freed.size) == (1, len(BIG) + 4)
    assert list(check(filled.store)) == []
    pipelines.run_pipeline(filled.store, "p")
    filled.run()
    assert [record.state for record in list_datums(filled.store, filled.job("p"))] == ["skipped", "skipped"]


def test_gc_beside_a_running_job_takes_nothing_that_it_or_a_branch_needs(bench):
    bench.repo("songs")
    bench.pipeline("copy", shell('cat "$songs" "$songs" > /pfs/out/$(basename "$songs")'), "songs")
    bench.pipeline("all", shell("cat /pfs/copy/* > /pfs/out/all"), "copy", "/")
    for round_ in range(3):
        bench.put("songs", {str(n): f"{round_} {n} " + BIG for n in range(4)})
    with Store(bench.store.home) as other:
        run = threading.Thread(target=bench.run, kwargs={"cores": 2})
        run.start()
        swept = 0
        while run.is_alive():
            collect_garbage(other)
            swept += 1
        run.join()
    assert swept > 5
    assert {job.state for job in list_jobs(bench.store)} == {"success"}
    assert bench.contents("copy") == {str(n): f"2 {n} {BIG}" * 2 for n in range(4)}
    assert list(check(bench.store)) == []


def test_gc_frees_what_a_deleted_pipeline_made(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "1"})
    bench.pipeline("p", shell("head -c 100000 /dev/urandom > /pfs/out/x"), "songs")
    bench.run()
    assert collect_garbage(bench.store).objects == 0
    pipelines.delete_pipeline(bench.store, "p")
    assert collect_garbage(bench.store).size == 100_000
    assert bench.contents("songs") == {"a": "1"}
    assert not list((bench.store.home / "logs").glob("*/*"))


def test_good_datums_of_a_failed_job_survive_gc(bench):
    bench.repo("songs")
    count = bench.folder / "count"
    bench.pipeline("p", shell(f'echo x >> {count}; grep -v bad "$songs" > /pfs/out/$(basename "$songs")'), "songs")
    bench.put("songs", {"a": "bad", "b": "good"})
    assert bench.run().failed
    collect_garbage(bench.store)
    bench.put("songs", {"a": "fine"})
    assert not bench.run().failed
    assert count.read_text() == "x\n" * 3


def test_a_store_of_another_layout_is_refused(bench):
    bench.store.db.run("PRAGMA user_version = 99")
    with pytest.raises(AeolianError, match="layout 99"):
        Store(bench.store.home)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "store.db").write_text(json.dumps({}) + "x" * 5000)
    with pytest.raises(StorageError, match="cannot be used"):
        Database(tmp_path / "store.db")
