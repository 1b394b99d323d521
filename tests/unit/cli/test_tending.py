"""`aeolian tend`: work and ticks as they come, and a clean end."""

import functools
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from waiting import SAFETY_S

from aeolian.cli.tending import tend_store
from aeolian.engine.storage import lock
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import files, pipelines, repos
from aeolian.platform.sources.selection import Item
from aeolian.platform.specs.files import read_specs

SPECS = """
pipeline: {name: copy}
transform: {cmd: [sh, -c, 'cp $songs /pfs/out/']}
input: {pfs: {repo: songs, glob: /*}}
---
pipeline: {name: nightly}
transform: {cmd: [sh, -c, 'ls /pfs/tick > /pfs/out/x; %s']}
input: {cron: {name: tick, spec: '@daily', start: '2030-01-01T00:00:00Z', overwrite: true}}
"""


@pytest.fixture
def store(tmp_path):
    (tmp_path / "specs.yaml").write_text(SPECS % "exit 3" + "datum_tries: 1\n")
    with Store(tmp_path / "home") as store:
        repos.create_repo(store, "songs")
        pipelines.create_pipelines(store, read_specs(tmp_path / "specs.yaml"))
        yield store


def test_it_works_ticks_tells_failures_and_goes_on(store, capfd):
    moment = datetime(2030, 1, 1, 23, tzinfo=UTC)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        nonlocal moment
        moment += timedelta(hours=1)
        if len(slept) == 3:
            raise KeyboardInterrupt

    def look():
        if len(slept) == 2:
            files.put_files(store, "songs", "master", [Item(BytesIO(b"1"), "/a")])

    tend_store(store, 7.0, look, now=lambda: moment, sleep=sleep)
    said = capfd.readouterr().err
    assert slept == [7.0] * 3
    assert "nightly: tick of 2030-01-02T00:00:00Z" in said
    assert said.index("pipeline nightly failed") < said.index("copy: success, 1 processed")
    assert said.splitlines()[-1] == "stopped"


def test_it_waits_for_another_process_and_then_does_what_is_left(store, capfd):
    files.put_files(store, "songs", "master", [Item(BytesIO(b"1"), "/a")])
    looked = threading.Event()

    def stop(seconds):
        raise KeyboardInterrupt

    tending = threading.Thread(target=lambda: tend_store(store, 0, looked.set, sleep=stop))
    with lock.held(store.lock):
        tending.start()
        assert looked.wait(SAFETY_S)
        tending.join(0.2)
        assert tending.is_alive()
    tending.join(SAFETY_S)
    said = capfd.readouterr().err
    assert "copy: success, 1 processed" in said
    assert "at work on this store" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_signal_ends_it_cleanly(store, number):
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    tending = subprocess.Popen(
        [f"{Path(sys.executable).parent}/aeolian", "tend", "--interval", "60"],
        env={**os.environ, "AEOLIAN_HOME": str(store.home)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed,
    )
    try:
        assert tending.stderr.readline() == "tending; Ctrl-C ends it\n"
        tending.send_signal(number)
        assert tending.communicate(timeout=SAFETY_S)[1] == "stopped\n"
    finally:
        tending.kill()
    assert tending.returncode == 0
