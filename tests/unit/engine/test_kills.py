"""Every command that changes a store, killed at any step: what it had promised is there, and the next ones go on.

Each kill happens in a process of its own, on a copy of one store, before one of the steps that the command makes
outside this process's memory: a statement of the database, a file opened, renamed or removed, a program started. Which
step is drawn with a fixed seed from all that the command makes when nobody kills it.
"""

import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import pytest
from engine_bench import Bench, shell

from aeolian.cli.main import main
from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.storage.database import Database
from aeolian.engine.storage.objects import SMALL_BYTES
from aeolian.engine.storage.store import Store
from aeolian.engine.upkeep import check, collect_garbage

# Of each command; there are eleven, and test_durability.py has all of the number for the jobs alone.
KILLS = max(int(os.environ.get("AEOLIAN_TEST_KILLS", "8")) // 8, 1)
STEPS = ("open", "os.", "shutil.", "subprocess.Popen", "fcntl.")
PADDING = "." * SMALL_BYTES
SPEC = {
    "pipeline": {"name": "copy"},
    "transform": {"cmd": shell('tr a-z A-Z < "$songs" > /pfs/out/$(basename "$songs"); echo said')},
    "input": {"pfs": {"repo": "songs", "glob": "/*"}},
    "datum_tries": 1,
}
COMMAND_LINES = {
    "gc": "gc",
    "fsck": "fsck",
    "squash commit": "squash commit {older}",
    "delete commit": "delete commit songs@{newest}",
    "delete repo": "delete repo spare",
    "delete pipeline": "delete pipeline bad",
    "delete file": "delete file songs@master:/a",
    "delete branch": "delete branch spare@side",
    "update pipeline": "update pipeline -f {spec}",
    "put file": "put file songs@master:/ -r -f {folder}",
    "copy file": "copy file songs@master:/a songs@master:/copied",
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The words that a command line may have, and `home`, a store with history, a failed job, and garbage."""
    home, folder, spec = tmp_path / "home", tmp_path / "folder", tmp_path / "copy.json"
    with Store(home) as store:
        bench = Bench(store, tmp_path)
        bench.repo("songs", "spare")
        spec.write_text(json.dumps(SPEC))
        bench.pipeline("copy", SPEC["transform"]["cmd"], "songs")
        bench.pipeline("all", shell("cat /pfs/copy/* > /pfs/out/all"), "copy", "/")
        bench.pipeline("bad", shell("if [ -e /pfs/songs/b ]; then echo > /pfs/out/b; exit 1; fi"), "songs", "/")
        bench.put("spare", {"x": "x" + PADDING})
        bench.put("spare", {"y": "y"}, branch="side")
        ids = []
        for contents in ({"a": "a" + PADDING}, {"a": "A" + PADDING, "b": "b"}, {"c": "c" + PADDING}):
            ids.append(bench.put("songs", contents).id)
            bench.run()
        with store.objects.intake() as intake:
            for text in ("lost", "lost" + PADDING):
                (tmp_path / "lost").write_text(text)
                intake.add(tmp_path / "lost")
    (home / "objects" / "new-half").write_text("half")
    spec.write_text(json.dumps(SPEC | {"salt": "another"}))
    folder.mkdir()
    for name in ("d", "e"):
        (folder / name).write_text(name + PADDING)
    (folder / "f").write_text("f")
    monkeypatch.chdir(tmp_path)
    return {"home": home, "older": ids[1], "newest": ids[2], "spec": spec, "folder": folder}


def run_killed(argv, home, step):
    """Runs a command on the store `home` and kills it before its `step`-th step: (whether it was, steps it made)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _be_the_command(argv, home, step, writing)
        finally:
            os._exit(7)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == (-signal.SIGKILL if step is not None and not text else 0), (argv, status, text)
    return not text, int(text or 0)


def _be_the_command(argv, home, step, writing):
    os.environ["AEOLIAN_HOME"] = str(home)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    made = 0

    def passing(*_):
        nonlocal made
        made += 1
        if made == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, values):
        if event.startswith(STEPS) and (event != "open" or str(values[0]).startswith(str(home))):
            passing()

    def open_database(database, path):
        prepare(database, path)
        database._connection.set_trace_callback(passing)

    prepare = Database.__init__
    Database.__init__ = open_database
    sys.addaudithook(hook)
    try:
        main(argv, standalone_mode=False)
    except SystemExit as end:
        if end.code not in (None, 0, 1):
            raise
    os.write(writing, str(made).encode())
    os._exit(0)


def state_of(home):
    """What every branch has had: state and tree of its commits, oldest first; and which pipelines there are."""
    with Store(home) as store:
        rows = store.db.all("SELECT repo, branch, state, tree FROM named_commit ORDER BY repo, branch, seq")
        pipelines = [tuple(row) for row in store.db.all("SELECT name, version FROM pipeline ORDER BY name")]
        repos = [row["name"] for row in store.db.all("SELECT name FROM repo ORDER BY name")]
        return [tuple(row) for row in rows], pipelines, repos


def refuse_damage(home):
    with Store(home) as store:
        assert list(check(store)) == []


def go_on(home):
    """What the next commands do: jobs, and later gc."""
    with Store(home) as store:
        Runner(store).run()


@pytest.mark.parametrize("command", COMMAND_LINES)
def test_a_command_that_is_killed_is_done_or_not_and_can_be_given_again(made, command):
    argv = COMMAND_LINES[command].format(**made).split()
    before, copy = state_of(made["home"]), made["home"].parent / "killed"
    shutil.copytree(made["home"], copy)
    _, steps = run_killed(argv, copy, None)
    after = state_of(copy)
    assert (after == before) == (command in ("gc", "fsck"))
    chance = random.Random(command)
    for step in sorted(chance.randint(1, steps) for _ in range(KILLS)):
        shutil.rmtree(copy)
        shutil.copytree(made["home"], copy)
        run_killed(argv, copy, step)
        refuse_damage(copy)
        found = state_of(copy)
        if found == before:
            run_killed(argv, copy, None)
        else:
            assert found[1:] == after[1:]
            committed = [row for row in found[0] if row[2] != "open"]
            assert set(committed) <= {*before[0], *after[0]}
            go_on(copy)
        assert state_of(copy) == after, f"killed before step {step} of {steps}"
        refuse_damage(copy)
        with Store(copy) as store:
            collect_garbage(store)
            assert not list(Path(copy, "objects").glob("new-*"))
            assert list(check(store)) == []
