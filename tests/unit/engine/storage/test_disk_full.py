"""A disk that fills up, at one write after another: nothing is half there, and with more space all goes on."""

import json
import shutil
import subprocess
import sys

import pytest
from waiting import SAFETY_S

# Runs on a file system of its own whose size is a little larger each time, until all fits.
SCRIPT = """
import json, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from engine_bench import Bench, shell
from aeolian.engine.versions import files
from aeolian.engine.storage.store import Store
from aeolian.engine.upkeep import check
from aeolian.errors import AeolianError

place, told = Path(sys.argv[1]) / "disk", []
place.mkdir()
mount = lambda *words: subprocess.run(["mount", *words, str(place)], check=True)
source = Path(sys.argv[1]) / "source"
source.mkdir()
wanted = {"small": "s", "big": "b" * 150_000, "bigger": "B" * 300_000}
for name, text in wanted.items():
    (source / name).write_text(text)

def work(bench, there):
    if "songs" not in there:
        bench.repo("songs")
    if "p" not in there:
        bench.pipeline("p", shell('cat "$songs" "$songs" > /pfs/out/$(basename "$songs")'), "songs")
    if "all" not in there:
        bench.pipeline("all", shell("cat /pfs/p/* > /pfs/out/all"), "p", "/")
    bench.put_folder("songs@master:/", source)
    if bench.run(cores=1).failed:
        raise AeolianError(bench.job("p").reason or bench.job("all").reason)

for size_kib in range(200, 4000, 100):
    mount("-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs")
    failure = ""
    try:
        with Store(place / "home") as store:
            work(Bench(store, place), [])
    except AeolianError as error:
        failure = f"{type(error).__name__}: {error}"
    mount("-o", "remount,size=64m")
    if failure:
        with Store(place / "home") as store:
            assert list(check(store)) == [], list(check(store))
            bench = Bench(store, place)
            names = [row["name"] for row in store.db.all("SELECT name FROM repo")]
            for row in store.db.all("SELECT id, state FROM revision r JOIN commit_set s USING (seq)"):
                assert row["state"] in ("finished", "failed", "open")
            if "songs" in names and store.db.one("SELECT 1 FROM revision r JOIN branch b ON b.id = r.branch_id"
                                                 " JOIN repo p ON p.id = b.repo_id WHERE p.name = 'songs'"):
                assert bench.contents("songs") == wanted, "a commit is whole or does not exist"
            work(bench, names)
    with Store(place / "home") as store:
        bench = Bench(store, place)
        assert bench.contents("p") == {name: text * 2 for name, text in wanted.items()}
        assert sorted(bench.contents("all")["all"]) == sorted("".join(wanted.values()) * 2)
        assert list(check(store)) == []
    subprocess.run(["umount", str(place)], check=True)
    told.append(failure)
    if not failure and len(told) > 3:
        break
print(json.dumps(told))
"""


@pytest.fixture
def namespace():
    """The words that start a program where it may mount; skips where the kernel does not allow that."""
    words = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs Linux, and leave to make a user namespace (most containers do not give it)")
    return words


def test_a_full_disk_loses_nothing_and_with_more_space_all_goes_on(namespace, tmp_path, request):
    argv = [*namespace, sys.executable, "-c", SCRIPT, str(tmp_path), str(request.path.parent.parent)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SAFETY_S, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    failures = [text for text in told if text]
    assert len(failures) >= 5, told
    assert told[-1] == "", "in the end there was room"
    assert all(text.startswith(("DiskFull: No space left in", "StorageError: No space left for")) for text in failures)


# On a file system that something else has filled, all but a little: what makes room is done, or says so.
ON_A_FULL_DISK = """
import io, json, os, shutil, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from engine_bench import Bench, shell
from aeolian.engine import history
from aeolian.engine.storage.disk import DiskFull
from aeolian.engine.storage.store import Store
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions import repos

place, told = Path(sys.argv[1]) / "disk", []
place.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], check=True)
home = Path(sys.argv[1]) / "home"
with Store(home) as store:
    bench = Bench(store, place)
    bench.repo("songs", "spare")
    bench.pipeline("p", shell('cat "$songs" "$songs" > /pfs/out/$(basename "$songs")'), "songs")
    bench.put("spare", {"x": "x" * 100_000})
    ids = []
    for text in "ab":
        ids.append(bench.put("songs", {text: text * 100_000}).id)
        assert not bench.run().failed
    with store.objects.intake() as intake:
        for n in range(300):
            intake.add_stream(io.BytesIO(b"%d" % n * 200))
        for n in range(10):
            intake.add_stream(io.BytesIO(b"%d" % n * 100_000))
WORK = {
    "gc": collect_garbage,
    "squash": lambda store: history.squash(store, ids[0]),
    "delete": lambda store: history.delete(store, ids[1]),
    "delete repo": lambda store: repos.delete_repo(store, "spare"),
}
for name, work in WORK.items():
    for left_kib in (0, 4, 32, 128, 512):
        shutil.copytree(home, place / "home")
        with open(place / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(65536)) == 65536:
                    pass
            except OSError:
                pass
            os.ftruncate(filler.fileno(), max(filler.tell() - left_kib * 1024, 0))
        failure = ""
        try:
            with Store(place / "home") as store:
                work(store)
        except DiskFull as error:
            failure = str(error)
        (place / "filler").unlink()
        with Store(place / "home") as store:
            assert list(check(store)) == [], (name, left_kib, list(check(store)))
            if failure:
                work(store)
                assert list(check(store)) == []
            collect_garbage(store)
            assert list(check(store)) == []
        shutil.rmtree(place / "home")
        told.append([name, left_kib, failure])
subprocess.run(["umount", str(place)], check=True)  # nothing holds a file of it open
print(json.dumps(told))
"""


def test_what_makes_room_on_a_full_disk_is_done_or_says_so(namespace, tmp_path, request):
    argv = [*namespace, sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path), str(request.path.parent.parent)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert any(failure for _, _, failure in told)
    needed = {"gc": 32}  # to open the database; for its log, gc makes room itself
    assert [(name, kib) for name, kib, failure in told if failure and kib >= needed.get(name, 512)] == []
