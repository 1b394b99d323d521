"""The contract between the engine and a program, and what a program may not do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from engine_bench import shell

from aeolian.engine.jobs.places import Places, list_places
from aeolian.engine.jobs.records import list_datums
from aeolian.engine.programs.executors import ProcessExecutor
from aeolian.engine.upkeep import check, collect_garbage
from aeolian.engine.versions.program import image_slug
from aeolian.platform.specs.arguments import set_arguments


@pytest.fixture
def one(bench):
    """Runs a command on `songs` = {"a.txt": "hello"}; the job's outputs, or the datum's failure."""
    bench.repo("songs")
    bench.put("songs", {"a.txt": "hello", "sub/b.txt": "x" * 100_000})

    def run(cmd, glob="/a.txt", **more):
        bench.pipeline("p", cmd, "songs", glob, **more)
        bench.run()
        records = list_datums(bench.store, bench.job("p"))
        run.record = records[0] if records else None
        if bench.job("p").state != "success":
            return run.record.reason
        return bench.contents("p")

    return run


def test_environment(one):
    out = one(shell("env > /pfs/out/env; pwd > /pfs/out/pwd"), transform={"env": {"MODEL": "/pfs/songs/m", "X": "1"}})
    env = dict(line.split("=", 1) for line in out["env"].splitlines() if "=" in line)
    assert env["songs"].endswith("/pfs/songs/a.txt")
    assert env["MODEL"].endswith("/pfs/songs/m") and env["MODEL"] != "/pfs/songs/m"
    assert env["X"] == "1"
    assert env["PACH_DATUM_ID"] == one.record.id
    assert env["PACH_JOB_ID"] == env["PACH_OUTPUT_COMMIT_ID"] == one.record.job
    assert env["songs_COMMIT"] == one.record.inputs[0]["commit"]
    assert (env["PPS_PIPELINE_NAME"], env["PPS_PROJECT_NAME"], len(env["PPS_SPEC_COMMIT"])) == ("p", "default", 32)
    assert "OMP_NUM_THREADS" in env


def test_no_shell_between(one):
    assert one(["/bin/sh", "-c", 'printf "%s|" "$0" "$@" > /pfs/out/x', "$HOME;", "a b", "*"]) == {"x": "$HOME;|a b|*|"}


def test_stdin_lines_end_in_line_feeds(one):
    assert one(["sh"], transform={"stdin": ["printf 1 > /pfs/out/x", "cat /pfs/songs/a.txt >> /pfs/out/x"]}) == {
        "x": "1hello"
    }


def test_arguments_of_every_shape_are_resolved(one):
    cmd = ["python3", "-Sc", "import sys; open(sys.argv[2] + '/x', 'w').write(open(sys.argv[1][5:]).read())"]
    assert one([*cmd, "--in=/pfs/songs/a.txt", "/pfs/out"]) == {"x": "hello"}


def test_a_word_that_only_looks_like_a_path_is_left_alone(tmp_path):
    from aeolian.engine.programs.executors import Command

    argv = ("x", "/pfsx", "a/pfs/b", "/pfs", "--a=/pfs/b:/pfs/c", "/src/x.py", "s3://src/x", "/src")
    (tmp_path / "pfs").mkdir()
    command = Command(argv, {}, (), "", tmp_path / "pfs", tmp_path / "s", tmp_path, 1)
    pfs, src = tmp_path / "pfs", tmp_path / "s"
    expected = ["x", "/pfsx", "a/pfs/b", str(pfs), f"--a={pfs}/b:{pfs}/c", f"{src}/x.py", "s3://src/x", str(src)]
    assert ProcessExecutor().launch(command).argv == expected


def test_a_folder_is_a_datum_with_all_it_holds(one):
    assert one(shell("find /pfs/songs/ -type f | sed 's/.*songs//' > /pfs/out/x"), "/sub") == {"x": "/sub/b.txt\n"}


def test_accepted_return_codes(one):
    assert one(shell("echo x > /pfs/out/x; exit 7"), transform={"accept_return_code": [7]}) == {"x": "x\n"}


def test_tries(one, bench):
    count = bench.folder / "count"
    script = shell(f"echo x >> {count}; test $(wc -l < {count}) = 3; echo ok > /pfs/out/x")
    assert one(script, datum_tries=3) == {"x": "ok\n"}
    assert one.record.tries == 3


def test_a_recovered_datum_has_no_output_and_the_job_goes_on(one, bench):
    assert one(shell("echo x > /pfs/out/x; exit 1"), transform={"err_cmd": ["true"]}) == {}
    assert (bench.job("p").state, bench.job("p").recovered) == ("success", 1)


def test_an_error_handler_that_fails_too_is_a_failure(one):
    assert one(shell("exit 1"), transform={"err_cmd": ["false"]}) == "exit code 1"


def test_the_error_handler_of_one_try_does_not_end_the_tries(one, bench):
    seen = bench.folder / "seen"
    script = shell(f"test -e {seen} && cp /pfs/songs/a.txt /pfs/out/x || {{ touch {seen}; exit 1; }}")
    assert one(script, datum_tries=3, transform={"err_cmd": ["true"]}) == {"x": "hello"}
    job = bench.job("p")
    assert (job.processed, job.recovered, one.record.state, one.record.tries) == (1, 0, "success", 2)


def test_an_error_handler_that_went_well_once_recovers_the_datum_when_all_tries_have_failed(one, bench):
    once, count = bench.folder / "once", bench.folder / "count"
    handler = shell(f"echo x >> {count}; mkdir {once}")
    assert one(["false"], datum_tries=3, transform={"err_cmd": handler}) == {}
    assert (bench.job("p").state, bench.job("p").recovered, one.record.tries) == ("success", 1, 3)
    assert count.read_text() == "x\n" * 3


def test_accepted_return_codes_hold_for_the_error_handler_too(one, bench):
    transform = {"err_cmd": shell("exit 7"), "accept_return_code": [7]}
    assert one(shell("exit 1"), transform=transform) == {}
    assert (bench.job("p").state, bench.job("p").recovered) == ("success", 1)


def test_the_error_handler_of_a_command_that_is_not_there_recovers(one, bench):
    assert one(["/no/such"], transform={"err_cmd": ["true"]}) == {}
    assert bench.job("p").recovered == 1


def test_after_a_timeout_there_is_no_time_left_for_the_error_handler(one, bench):
    ran = bench.folder / "ran"
    reason = one(["sleep", "100000"], datum_timeout="0.05s", transform={"err_cmd": ["touch", str(ran)]})
    assert reason == "it ran longer than 0.05 s"
    assert (bench.job("p").failed, bench.job("p").recovered, ran.exists()) == (1, 0, False)


def test_an_output_that_is_refused_is_not_recovered(one):
    assert "a link that leaves /pfs" in one(shell("ln -s /etc/passwd /pfs/out/x"), transform={"err_cmd": ["true"]})


def test_too_long(one):
    assert one(["sleep", "100000"], datum_timeout="0.05s") == "it ran longer than 0.05 s"


def test_no_such_program_is_said_and_not_tried_again(one):
    assert one(["/no/such"], datum_tries=3) == "'/no/such' cannot be started: No such file or directory"
    assert one.record.tries == 1


def test_a_program_that_path_lacks_is_said_with_the_remedy(one):
    assert one(["no-such-program"]).startswith(
        "'no-such-program' cannot be started: PATH has no such program; install it"
    )


def test_a_working_folder_that_is_not_there_is_said(one):
    reason = one(["true"], transform={"working_dir": "/no/such"})
    assert reason == "its working_dir '/no/such' is no folder of this machine"


def test_killed_by_a_signal(one):
    assert one(shell("kill -SEGV $$")) == "killed by SIGSEGV"
    assert one(shell("kill -KILL $$")) == "killed by SIGKILL, as where memory is short"
    assert one(shell("exit 137")) == "exit code 137 (SIGKILL), as where memory is short"
    assert one(shell("exit 3")) == "exit code 3"


def test_what_a_program_leaves_running_is_killed(one):
    out = one(shell("sleep 1000 >/dev/null 2>&1 & echo $! > /pfs/out/pid"))
    assert not alive(int(out["pid"]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans over")
def test_a_daemon_that_left_its_group_is_killed_too(one):
    daemon = (
        "import os, sys, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0);"
        " open(sys.argv[1] + '/out/pid', 'w').write(str(os.getpid())); open('ready', 'w').close(); time.sleep(1000)"
    )
    out = one(shell(f'mkfifo ready; python3 -Sc "{daemon}" /pfs & cat ready'))
    assert not alive(int(out["pid"]))


def test_the_log_has_both_streams(one):
    one(shell("echo out; echo err >&2"))
    assert one.record.log.read_text() == "out\nerr\n"


@pytest.mark.parametrize("glob", ["/a.txt", "/sub"], ids=["small", "large"])
def test_a_program_that_writes_into_its_input_fails_alone_and_damages_nothing(one, bench, glob):
    before = bench.contents("songs")
    reason = one(
        shell("for f in $(find /pfs/songs/ -type f); do chmod u+w $f; echo bad >> $f; done; echo x > /pfs/out/x"), glob
    )
    assert "the program changed its input /pfs/songs/" in reason
    assert bench.contents("songs") == before
    assert list(check(bench.store)) == []


def test_links_to_inputs_are_those_files(one, bench):
    out = one(
        shell("ln -s /pfs/songs/sub/b.txt /pfs/out/l; ln /pfs/songs/sub/b.txt /pfs/out/h; ln -s h /pfs/out/m"), "/sub"
    )
    assert out == dict.fromkeys("lhm", "x" * 100_000)


def alive(pid):
    """Whether a process runs; one that ended and that nobody reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


HOSTILE = {
    "ln -s /etc/passwd /pfs/out/x": "a link that leaves /pfs",
    "ln -s ../../../../../../../../../../../../../../etc/passwd /pfs/out/x": "a link that leaves /pfs",
    "ln -s / /pfs/out/x": "a link that leaves /pfs",
    "ln -s nowhere /pfs/out/x": "a link that leads nowhere",
    "ln -s x /pfs/out/x": "a link that leads nowhere",
    "ln -s . /pfs/out/x": "a link to a folder",
    "ln -s / /pfs/songs/x; ln -s /pfs/songs /pfs/out/x": "a link in a linked folder",
    "ln -s /pfs /pfs/out/x": "a link to a folder that is of no input",
    "rm -rf /pfs/.scratch/out; ln -s /etc /pfs/.scratch/out": "in the place of the folder /pfs/out",
    "truncate -s 1T /pfs/out/x": "which claims 1,099,511,627,776 bytes",
    "touch '/pfs/out/a*b'": "has a meaning in globs",
    "touch '/pfs/out/caf\u00e9'": "is not a printable ASCII character",
    "touch '/pfs/out/a\nb'": "is not a printable ASCII character",
}


@pytest.mark.parametrize("script", HOSTILE)
def test_what_cannot_be_an_output_is_refused_by_name(one, script):
    assert HOSTILE[script] in one(shell(script))


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes device files; run as root")
def test_devices_are_refused(one):
    assert "a character device" in one(shell("mknod /pfs/out/x c 1 3"))


def test_folders_without_permissions_do_not_stay(one, bench):
    one(shell("mkdir -p /pfs/out/d; echo x > /pfs/out/d/x; chmod 555 /pfs/out/d /pfs/songs"))
    assert list(bench.store.scratch.iterdir()) == []


def test_empty_files_have_names_alone(bench):
    bench.repo("songs")
    bench.put("songs", {"a": "hello"})
    node = {"pfs": {"repo": "songs", "glob": "/*", "empty_files": True}}
    bench.pipeline("p", shell("wc -c < $songs | tr -d ' ' > /pfs/out/x"), node)
    bench.run()
    assert bench.contents("p") == {"x": "0\n"}


def test_a_link_to_a_file_without_contents_is_that_file_with_its_content(bench):
    bench.repo("songs")
    bench.put("songs", {"dir/f": "foo", "dir/sub/g": "x" * 100_000})
    node = {"pfs": {"repo": "songs", "glob": "/*", "empty_files": True}}
    bench.pipeline("p", shell("ln -s /pfs/songs/dir/f /pfs/out/f; ln -s /pfs/songs/dir /pfs/out/all"), node)
    bench.run()
    assert bench.contents("p") == {"f": "foo", "all/f": "foo", "all/sub/g": "x" * 100_000}


def test_one_gpu_one_datum_at_a_time(bench):
    bench.repo("songs")
    bench.put("songs", {str(n): "" for n in range(6)})
    lock = bench.folder / "lock"
    gpu = {"resource_limits": {"gpu": {"type": "nvidia.com/gpu", "number": 1}}}
    bench.pipeline("p", shell(f"mkdir {lock}; sleep 0.01; rmdir {lock}"), "songs", **gpu)
    assert not bench.run(cores=4).failed


def test_a_pipeline_of_a_project_has_one_folder_for_its_logs_and_one_for_a_datum(bench):
    with Places(bench.store.scratch, "P/p", lasting=True) as places:
        folder = places.mine().folder
        folder.mkdir()
        assert folder.parent == bench.store.scratch
        assert list_places(bench.store.scratch, "P/p") == [folder]
        assert list_places(bench.store.scratch, "p") == []
    log = bench.store.log("j" * 32, "P/p", "d" * 64)
    assert log.relative_to(bench.store.home / "logs").parts == ("P.p", "j" * 32, f"{'d' * 32}.log")
    bench.repo("songs")
    bench.pipeline("p", shell("echo said"), "songs")
    bench.put("songs", {"a": "1"})
    bench.store.db.run("UPDATE pipeline SET name = 'P/p'")
    job = bench.job("P/p")
    kept, lost = (bench.store.log(job.id, name, "d" * 64) for name in ("P/p", "Q/p"))
    for path in (kept, lost):
        path.parent.mkdir(parents=True)
        path.touch()
    collect_garbage(bench.store)
    assert (kept.exists(), lost.exists()) == (True, False)


def test_flags_are_set_in_place():
    cmd = ("train.py", "--epochs", "500", "--size=2", "--last")
    assert set_arguments(cmd, (("--epochs", "3"), ("--size", "9"), ("--new", "x"))) == (
        "train.py", "--epochs", "3", "--size=9", "--last", "--new", "x",
    )  # fmt: skip


@pytest.mark.parametrize("image", ["generate", "aeolian/generate:1.0", "h.example:5000/a/generate@sha256:abc"])
def test_the_slug_of_an_image(image):
    assert image_slug(image) == "generate"


def test_what_a_killed_engine_left_running_is_ended(bench):
    from aeolian.engine.jobs.worker import clear_scratch
    from aeolian.engine.programs.processes import PID_FILE, _start_time

    left = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    folder = bench.store.scratch / "p-x"
    folder.mkdir()
    (folder / PID_FILE).write_text(f"{left.pid} {_start_time(left.pid)} id-of-a-datum")
    clear_scratch(bench.store)
    assert left.wait() == -signal.SIGKILL
    assert not folder.exists()


SWEPT = """
import os, pathlib, sys
pfs = pathlib.Path(os.environ["PFS"])
seen = {str(path.relative_to(pfs)) for path in pfs.rglob("*")} - {f".scratch/in/{pathlib.Path(os.environ['in']).name}"}
there = {".env", ".scratch", ".scratch/in", ".scratch/out", "in", "out"}
assert seen == there, sorted(seen ^ there)
assert not os.listdir(os.environ["TMPDIR"]) and os.listdir(pfs / "in/") == [pathlib.Path(os.environ["in"]).name]
(pfs / "out" / pathlib.Path(os.environ["in"]).name).write_text(str(os.stat(pfs / ".scratch/in").st_ino))
exec(sys.argv[1])
"""
LEFT = [
    "pass",
    "[(pfs / name).write_text('x') for name in ('beside', 'out/../../stray', '.scratch/x')]",
    "(pfs / 'in').unlink(); (pfs / 'in').symlink_to('/')",
    "os.chmod(pfs / '.scratch/in', 0o500)",
    "import shutil; shutil.rmtree(pfs / '.scratch/out'); (pfs / '.scratch/out').symlink_to(pfs)"
    " if os.environ['in'].endswith('a') else os.mkdir(pfs / '.scratch/out')",
    "d = pathlib.Path(os.environ['TMPDIR'], 'deep/er'); d.mkdir(parents=True); (d / 'f').touch(); os.chmod(d, 0)",
    "(pfs / '.env').unlink(); (pfs / '.env').symlink_to('/dev/null')",
    "os.mkfifo(pfs / '.scratch/in/pipe'); os.mkdir(pfs / 'in2')",
]


@pytest.mark.parametrize("left", LEFT)
def test_a_datum_sees_nothing_of_what_the_one_before_it_left(bench, left):
    bench.repo("in")
    bench.put("in", {name: name for name in "abc"})
    transform = {"env": {"PFS": "/pfs"}}
    bench.pipeline("p", [sys.executable, "-c", SWEPT, left], "in", transform=transform)
    bench.run(cores=1)
    reasons = [record.log.read_text() for record in list_datums(bench.store, bench.job("p"))]
    made = bench.contents("p")
    if "symlink_to(pfs)" in left:
        assert bench.job("p").failed == 1
    else:
        assert sorted(made) == list("abc"), reasons
    if left == "pass":
        assert len(set(made.values())) == 1, "a folder is made once for all datums of a thread"
    assert list(bench.store.scratch.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are ours on Linux alone")
def test_an_orphan_that_ended_by_itself_is_waited_for(bench):
    bench.repo("in")
    bench.put("in", {name: name for name in "abc"})
    # The program goes on until its child, which has lost its parent, has ended.
    script = (
        "f=$TMPDIR/pid; (sh -c 'echo $$ > $TMPDIR/pid' &); while ! [ -s $f ]; do :; done;"
        "while [ -e /proc/$(cat $f)/exe ]; do :; done; cp $f /pfs/out/$PACH_DATUM_ID"
    )
    bench.pipeline("p", shell(script), "in")
    bench.run(cores=1)
    pids = [int(text) for text in bench.contents("p").values()]
    assert len(pids) == 3
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
