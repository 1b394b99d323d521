"""Large inputs are the store's own objects under a second name, and no program can change them."""

import fcntl
import os
import sys

import pytest
from engine_bench import shell

from aeolian.engine.jobs import scratch, worker
from aeolian.engine.jobs.records import failed_datums
from aeolian.engine.programs import read_only
from aeolian.engine.programs.read_only import works_in
from aeolian.engine.storage import objects
from aeolian.engine.storage.objects import SMALL_BYTES
from aeolian.engine.upkeep import check

TEXT = "x" * (SMALL_BYTES + 1)
INODE = ["python3", "-c", "import os; print(os.stat(os.environ['songs']).st_ino, file=open('/pfs/out/inode', 'w'))"]


@pytest.fixture
def large(bench, monkeypatch):
    """A store in which what does not lie in the database counts as large; where the kernel mounts for us."""
    monkeypatch.setattr(scratch, "WORTH_BYTES", len(TEXT))
    monkeypatch.setattr(worker, "WORTH_BYTES", len(TEXT))
    if not works_in(bench.store.scratch):
        pytest.skip("needs Linux, and leave to make a mount namespace (most containers do not give it)")
    bench.repo("songs")
    bench.put("songs", {"big": TEXT, "small": "s"})
    return bench


def inodes(bench):
    return {path.stat().st_ino for path in bench.store.objects.folder.glob("??/*")}


def test_the_program_sees_the_object_itself_and_what_is_small_beside_it(large):
    script = "import os; out = open('/pfs/out/seen', 'w');"
    script += "[print(file.name, file.stat().st_ino, file=out) for file in os.scandir('/pfs/songs')]"
    large.pipeline("p", ["python3", "-c", script], "songs", glob="/")
    assert not large.run().failed
    seen = dict(line.split() for line in large.contents("p")["seen"].splitlines())
    assert {int(seen["big"])} == inodes(large)
    assert int(seen["small"]) not in inodes(large)


def test_three_stages_that_pass_a_file_on_keep_it_once(large):
    before = inodes(large)
    for name, reads in (("a", "songs"), ("b", "a"), ("c", "b")):
        large.pipeline(name, shell(f"ln -s $(readlink -f ${reads}) /pfs/out/"), reads)
    assert not large.run().failed
    assert large.contents("c") == {"big": TEXT, "small": "s"}
    assert inodes(large) == before
    assert {path.stat().st_nlink for path in large.store.objects.folder.glob("??/*")} == {1}


@pytest.mark.parametrize(
    "attack",
    [
        'echo bad > "$songs"',
        'echo bad >> "$songs"',
        'truncate -s 1 "$songs"',
        'chmod 777 "$songs"; echo bad > "$songs"',
        'rm "$songs"; echo bad > "$songs"',
        'mv "$songs" "$songs.new"',
        'ln "$songs" /pfs/out/linked && echo bad > /pfs/out/linked',
        'cd "$(dirname "$songs")"; echo bad > ./big',
        'unshare -rm sh -c "umount $songs; echo bad > $songs"',
    ],
)
def test_nothing_that_a_program_does_to_its_input_changes_the_store(large, attack):
    large.pipeline("p", shell(f"{attack}"), {"pfs": {"repo": "songs", "glob": "/big"}})
    large.run()
    (failed,) = failed_datums(large.store, large.job("p"))
    assert failed.exit_code != 0
    assert list(check(large.store)) == []
    assert large.contents("songs")["big"] == TEXT


def test_where_the_kernel_does_not_mount_for_us_it_is_a_copy(large, monkeypatch):
    monkeypatch.setattr("aeolian.engine.programs.executors.works_in", lambda folder: False)
    large.pipeline("p", INODE, {"pfs": {"repo": "songs", "glob": "/big"}})
    assert not large.run().failed
    assert int(large.contents("p")["inode"]) not in inodes(large)
    large.pipeline("p", shell('echo bad >> "$songs"'), {"pfs": {"repo": "songs", "glob": "/big"}}, update=True)
    large.run()
    assert "changed its input" in failed_datums(large.store, large.job("p"))[0].reason
    assert list(check(large.store)) == []


def test_the_program_is_started_as_any_other(large):
    script = (
        "import os, signal, sys; out = open('/pfs/out/told', 'w');"
        "print(os.environ['OF_THE_SPEC'], os.path.basename(os.getcwd()), sys.stdin.read(), file=out);"
        "print(signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN, sys.flags.isolated, file=out);"
        "print(sorted(os.listdir('/proc/self/fd')), file=out)"
    )
    transform = {"stdin": ["a", "b"], "working_dir": "/pfs/songs", "env": {"OF_THE_SPEC": "ä"}}
    for name, repo in (("linked", "songs"), ("plain", "others")):
        if repo == "others":
            large.repo(repo)
            large.put(repo, {"big": "small"})
        source = {"pfs": {"repo": repo, "name": "songs", "glob": "/big"}}
        large.pipeline(name, ["python3", "-c", script], source, transform=transform)
    assert not large.run().failed
    told = large.contents("linked")["told"]
    assert told == large.contents("plain")["told"]
    assert told.startswith("ä songs a\nb\n\n")


def test_a_program_that_cannot_be_started_is_told_and_not_tried_again(large):
    large.pipeline("p", ["/no/such"], {"pfs": {"repo": "songs", "glob": "/big"}}, datum_tries=3)
    large.run()
    (failed,) = failed_datums(large.store, large.job("p"))
    assert (failed.reason, failed.tries) == ("'/no/such' cannot be started: No such file or directory", 1)


def test_more_files_than_the_kernel_takes_arguments_are_copied(large, monkeypatch):
    monkeypatch.setattr(scratch, "MOST_FILES", 1)
    large.put("songs", {"another": TEXT + "y"})
    count = "import os, glob; linked = [os.stat(f).st_nlink == 2 for f in glob.glob('/pfs/songs/*')];"
    count += "print(sum(linked), file=open('/pfs/out/n', 'w'))"
    large.pipeline("p", ["python3", "-c", count], "songs", glob="/")
    assert not large.run().failed
    assert large.contents("p") == {"n": "1\n"}


def test_a_program_of_many_datums_gets_copies(large):
    script = (
        "import os, pathlib, sys; from aeolian.stages.batching import each_datum\n"
        "def work():\n"
        "    out = pathlib.Path(sys.argv[1]) / os.path.basename(os.environ['songs'])\n"
        "    out.write_text(str(os.stat(os.environ['songs']).st_nlink))\n"
        "each_datum(work)"
    )
    large.pipeline("p", ["python3", "-c", script, "/pfs/out"], "songs", transform={"datum_batching": True})
    assert not large.run().failed
    assert large.contents("p")["big"] == "1"


def test_a_machine_without_namespaces_says_no(tmp_path, monkeypatch):
    monkeypatch.setattr(read_only, "__file__", str(tmp_path / "refuses.py"))
    (tmp_path / "refuses.py").write_text("import sys; sys.exit(127)")
    assert not works_in.__wrapped__(tmp_path)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not works_in.__wrapped__(tmp_path)


def test_where_the_file_system_can_share_blocks_a_file_that_comes_in_is_not_copied(bench, monkeypatch):
    cloned = []

    def ioctl(target, request, source):
        assert request == objects._FICLONE
        cloned.append(os.fstat(source).st_ino)
        os.pwrite(target, os.pread(source, len(TEXT), 0), 0)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    source = bench.folder / "big"
    source.write_text(TEXT)
    with bench.store.objects.intake() as intake:
        name, size = intake.add(source)
    assert cloned == [source.stat().st_ino]
    assert (size, b"".join(bench.store.objects.read(name)).decode()) == (len(TEXT), TEXT)
    assert not bench.store.objects.write_to(name, size, bench.folder / "out", link=True), "a clone is better still"
    assert (bench.folder / "out").read_text() == TEXT
