"""A program writes in its own folder and nowhere else of the machine, also as root; what was there can be read."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from engine_bench import shell

from aeolian.engine.jobs.records import list_datums
from aeolian.engine.programs import landlock
from aeolian.engine.programs.read_only import works_in

pytestmark = pytest.mark.skipif(not landlock.works_here(), reason="needs Landlock: Linux 5.19 or later")
LARGE_BYTES = 33 << 20


@pytest.fixture
def elsewhere():
    """A folder that is nobody's scratch and not below /tmp, where the project itself may lie, with one file."""
    places = (Path(__file__).resolve().parents[4], Path.home(), Path("/var/lib"))
    closed = (place for place in places if not any(place.is_relative_to(each) for each in landlock.OPEN_FOLDERS))
    place = next((place for place in closed if os.access(place, os.W_OK)), None)
    if place is None:
        pytest.skip("needs a folder outside of /tmp to which this user may write")
    folder = Path(tempfile.mkdtemp(dir=place, prefix=".landlock-"))
    (folder / "there").write_text("before\n")
    yield folder
    shutil.rmtree(folder)


def run(bench, script, large=False, **more):
    """The state and the reason of a datum whose program is this shell script."""
    bench.repo("in")
    bench.put("in", {"f": "x" * LARGE_BYTES if large else "hello\n"})
    bench.pipeline("p", shell(script), "in", datum_tries=1, **more)
    bench.run()
    return bench.job("p")


WRITES = ["echo > {}/new", "echo >> {}/there", "rm {}/there", "mkdir {}/d", "mv {}/there {}/gone", "ln -s a {}/link",
          "cp --reflink=never {}/there {}/copy", "truncate -s 0 {}/there", "mkfifo {}/pipe"]  # fmt: skip


@pytest.mark.parametrize("large", [False, True], ids=["small", "linked"])
def test_nothing_of_the_machine_can_be_changed(bench, elsewhere, large):
    if large and not works_in(bench.store.scratch):
        pytest.skip("needs leave to mount")
    tries = "; ".join(f"{text.replace('{}', str(elsewhere))} 2>/dev/null && echo '{text}'" for text in WRITES)
    job = run(bench, f"({tries}; true) > /pfs/out/done", large)
    assert job.state == "success"
    assert bench.contents("p") == {"done": ""}
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"there": "before\n"}


def test_what_a_program_needs_works(bench, elsewhere):
    script = (
        f"cat {elsewhere}/there > /pfs/out/read; echo a > $TMPDIR/a; mv $TMPDIR/a /pfs/out/moved;"
        "mkdir /pfs/out/d; ln /pfs/out/moved /pfs/out/d/linked; echo n > /dev/null;"
        "echo told > /dev/stderr; mktemp -p /dev/shm > s; rm $(cat s); cd /pfs/out; echo c > $XDG_CACHE_HOME/kept"
    )
    assert run(bench, script).state == "success"
    assert bench.contents("p") == {"read": "before\n", "moved": "a\n", "d/linked": "a\n"}
    assert "told" in list_datums(bench.store, bench.job("p"))[0].log.read_text()
    assert (bench.store.cache / "kept").read_text() == "c\n"


def test_a_program_of_many_datums_is_confined_too(bench, elsewhere):
    code = (
        "from pathlib import Path; import os\nfrom aeolian.stages.batching import each_datum\n"
        f"def work():\n    try: Path({str(elsewhere)!r}, 'new').write_text('x'); r = 'written'\n"
        "    except OSError as error: r = error.strerror\n"
        "    Path(os.environ['PACH_OUT'], Path(os.environ['in']).name).write_text(r)\neach_datum(work)"
    )
    bench.repo("in")
    bench.put("in", {"a": "1", "b": "2"})
    transform = {"datum_batching": True, "env": {"PACH_OUT": "/pfs/out"}}
    bench.pipeline("p", [sys.executable, "-c", code], "in", transform=transform)
    bench.run()
    assert bench.contents("p") == dict.fromkeys(("a", "b"), "Permission denied")


def test_the_thread_that_starts_a_program_is_the_only_one_confined(bench, elsewhere):
    run(bench, "true")
    (elsewhere / "ours").write_text("still")
    landlock.start_confined(lambda: None, [], (elsewhere / "ours").open("ab"))
    assert (elsewhere / "ours").read_text() == "still"
    with pytest.raises(ZeroDivisionError):
        landlock.start_confined(lambda: 1 // 0, [], (elsewhere / "ours").open("ab"))
    done = landlock.start_confined(
        lambda: subprocess.run(["touch", elsewhere / "new"], capture_output=True, check=False),
        [], (elsewhere / "ours").open("ab"))  # fmt: skip
    assert done.returncode == 1


def test_no_device_that_holds_data_is_open_to_programs():
    modes = [os.fstat(number).st_mode for number, is_folder in landlock._open_to_all() if not is_folder]
    assert modes
    assert all(stat.S_ISCHR(mode) for mode in modes)
    opened = {str(Path(f"/proc/self/fd/{number}").readlink()) for number, _ in landlock._open_to_all()}
    assert opened.isdisjoint({"/", "/dev", "/dev/mem", "/dev/kmsg", "/dev/console"})
