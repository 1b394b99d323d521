"""`gc`: killed, failing or beside others, it takes nothing that a commit has or a job may use."""

import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from engine_bench import shell

from aeolian.engine.jobs.events import JobStarted
from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.storage import lock
from aeolian.engine.storage.objects import SMALL_BYTES
from aeolian.engine.storage.store import Store
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions import files
from aeolian.platform.addresses import Address

PADDING = "." * SMALL_BYTES

# Collects garbage, and kills itself before the n-th removal of a file, or at the end of the n-th transaction.
VICTIM = """
import os, signal, sys
from pathlib import Path
from aeolian.engine.storage.store import Store
from aeolian.engine.upkeep import collect_garbage

left = {sys.argv[2]: int(sys.argv[3])}

def passing(what):
    left[what] = left.get(what, 0) - 1
    if left[what] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Store(Path(sys.argv[1])) as store:
    sys.addaudithook(lambda event, values: passing(event))
    store.db._connection.set_trace_callback(passing)
    collect_garbage(store)
"""


@pytest.fixture
def littered(bench):
    """A store with runs, contents, nodes and logs that nothing needs, and `put_back`, which would have the runs used.

    The first job fails, since its datums write one path. What one of them wrote is in its commit; `bench.lost` is one
    whose output is in none.
    """
    bench.repo("songs")
    bench.pipeline("name", shell('cat "$songs" "$songs" > /pfs/out/$(head -n 1 "$songs")'), "songs")
    bench.old = {name: f"x\n{name}{PADDING}" for name in ("a", "b", "c")}
    bench.put("songs", bench.old)
    assert bench.run().failed
    kept = bench.contents("name")["x"]
    bench.lost = next(name for name, text in bench.old.items() if text * 2 != kept)
    bench.put("songs", {name: f"{name}\n{PADDING}" for name in ("a", "b", "c")})
    assert not bench.run().failed
    for folder in ("name/no-such-job", "no-such-pipeline/1"):
        log = bench.store.home / "logs" / folder / "1.log"
        log.parent.mkdir(parents=True)
        log.write_text("lost")
    for name in ("new-1", "new-2"):
        (bench.store.objects.folder / name).write_text("half")
    return bench


def put_back(bench):
    """Has the next job use a run of the first job whose output is in no commit, where it is still known."""
    bench.put("songs", {bench.lost: bench.old[bench.lost]})
    assert not bench.run().failed
    others = [name for name in bench.old if name != bench.lost]
    expected = {"x": bench.old[bench.lost]} | {name: f"{name}\n{PADDING}" for name in others}
    assert bench.contents("name") == {name: text * 2 for name, text in expected.items()}
    assert list(check(bench.store)) == []


def killed_gc(bench, event, number):
    """Runs the victim; whether it was killed, and not done before."""
    argv = [sys.executable, "-c", VICTIM, str(bench.store.home), event, str(number)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize(("event", "number"), [("COMMIT", 1), *(("os.remove", n) for n in range(1, 7))])
def test_gc_that_is_killed_loses_nothing(littered, event, number):
    assert killed_gc(littered, event, number)
    assert list(check(littered.store)) == []
    put_back(littered)


def test_what_a_killed_gc_left_the_next_one_takes(littered):
    assert killed_gc(littered, "os.remove", 3), "two halves went, then the rows; then it was killed"
    freed = collect_garbage(littered.store)
    assert (freed.objects, freed.datums) == (2, 0)
    left = {path.parent.name + path.name for path in littered.store.objects.folder.glob("??/*")}
    assert len(left) == 10, "old and new songs, what was made of the new ones, and what of one of the old"
    assert not list(littered.store.objects.folder.glob("new-*"))
    assert not (littered.store.home / "logs" / "no-such-pipeline" / "1").exists()


def files_of(bench):
    return sorted(bench.store.objects.folder.glob("??/*"))


def test_gc_that_cannot_end_its_transaction_takes_nothing(littered):
    before = files_of(littered)

    def full(action, name, *_):
        return sqlite3.SQLITE_DENY if (action, name) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK

    littered.store.db._connection.set_authorizer(full)
    with pytest.raises(sqlite3.DatabaseError):
        collect_garbage(littered.store)
    littered.store.db._connection.set_authorizer(None)
    assert files_of(littered) == before
    put_back(littered)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux, to see which file is synced")
def test_what_is_gone_from_the_database_is_on_the_disk_before_the_files_go(littered, monkeypatch):
    done, unlink, fsync = [], Path.unlink, os.fsync

    def note_unlink(path, missing_ok=False):
        done.append("unlink" if path.parent.parent == littered.store.objects.folder else "")
        unlink(path, missing_ok)

    def note_fsync(descriptor):
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(Path, "unlink", note_unlink)
    monkeypatch.setattr(os, "fsync", note_fsync)
    collect_garbage(littered.store)
    assert [what for what in done if what] == ["store.db-wal", "unlink", "unlink"]


def test_a_file_that_cannot_be_removed_is_named_and_the_others_go(littered, monkeypatch):
    kept, unlink = [], Path.unlink

    def refuse(path, missing_ok=False):
        if path.parent.parent == littered.store.objects.folder and not kept:
            kept.append(path)
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    freed = collect_garbage(littered.store)
    assert freed.failures == (f"{kept[0]} cannot be removed: Input/output error",)
    assert (freed.objects, freed.datums) == (3, 2)
    monkeypatch.undo()
    assert collect_garbage(littered.store).objects == 1
    put_back(littered)


def test_gc_keeps_the_runs_that_a_job_at_work_takes_over(littered):
    """The job has looked up what it need not run, and gc comes before its end."""
    littered.put("songs", {littered.lost: littered.old[littered.lost], "d": "d\n" + PADDING})
    with Store(littered.store.home) as other:

        def meanwhile(event):
            if isinstance(event, JobStarted):
                assert event.skipped == 3
                collect_garbage(other)

        assert not littered.run(listener=meanwhile).failed
    assert littered.contents("name")["x"] == littered.old[littered.lost] * 2
    assert list(check(littered.store)) == []


def test_a_run_whose_row_is_gone_fails_the_job_rather_than_losing_its_files(littered):
    littered.put("songs", {littered.lost: littered.old[littered.lost], "d": "d\n" + PADDING})

    def meanwhile(event):
        if isinstance(event, JobStarted):
            littered.store.db.run("DELETE FROM datum WHERE job_id = (SELECT min(id) FROM job)")

    assert littered.run(listener=meanwhile).failed
    assert "The store lacks the run" in littered.job("name").reason


# Puts one large file after another and deletes it again, so that there is garbage at any time.
PUTTER = """
import sys
from io import BytesIO
from pathlib import Path
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import files
with Store(Path(sys.argv[1])) as store:
    for n in range(20):
        items = [files.Item(BytesIO(b"%d" % (n % 3) * 70000), "/large"), files.Item(BytesIO(b"%d" % (n % 3)), "/small")]
        files.put_files(store, "songs", "master", items, clear=True)
"""


def test_two_gcs_beside_two_puts_lose_nothing(bench):
    bench.repo("songs")
    code = "import sys; from pathlib import Path; from aeolian.engine.storage.store import Store\n"
    code += "from aeolian.engine.upkeep import collect_garbage\n"
    code += "with Store(Path(sys.argv[1])) as store:\n    for _ in range(20): collect_garbage(store)"
    processes = [
        subprocess.Popen([sys.executable, "-c", text, str(bench.store.home)], stderr=subprocess.PIPE)
        for text in (PUTTER, code, PUTTER, code)
    ]
    assert [process.communicate()[1] for process in processes] == [b""] * 4
    assert bench.contents("songs") == {"large": "1" * 70000, "small": "1"}
    assert list(check(bench.store)) == []


def test_what_a_killed_engine_left_in_scratch_goes_unless_datums_run(bench):
    left = bench.store.scratch / "p-1" / "pfs"
    left.mkdir(parents=True)
    with lock.held(bench.store.lock):
        collect_garbage(bench.store)
        assert left.exists()
    collect_garbage(bench.store)
    assert not left.exists()


def test_who_wants_to_run_jobs_waits_for_upkeep_and_does_not_leave_them(bench):
    bench.repo("songs")
    bench.pipeline("p", shell('cp "$songs" /pfs/out/'), "songs")
    bench.put("songs", {"a": "1"})
    with ThreadPoolExecutor() as pool, Store(bench.store.home) as other:
        with lock.held_for_upkeep(bench.store.lock) as mine:
            assert mine
            running = pool.submit(Runner(other).run)
            with pytest.raises(TimeoutError):
                running.result(0.2)
        assert not running.result().elsewhere
    assert bench.contents("p") == {"a": "1"}


def test_what_is_copied_cannot_go_before_it_is_committed_anew(bench, monkeypatch):
    """Between finding and committing, a deletion of the commit and gc would take it: gc has to wait already."""
    bench.repo("songs")
    bench.put("songs", {"a": "a" + PADDING})
    resolve, waits = files.resolve, []

    def look(*values):
        with (bench.store.objects.folder / "lock").open("a") as lock_of_gc:
            try:
                fcntl.flock(lock_of_gc, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits.append(True)
        return resolve(*values)

    monkeypatch.setattr(files, "resolve", look)
    files.copy_path(bench.store, Address("songs", "master", "/a"), Address("songs", "master", "/b"))
    assert waits == [True]
    assert bench.contents("songs") == {"a": "a" + PADDING, "b": "a" + PADDING}
