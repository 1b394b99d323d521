"""One file more where there are many: what it costs to put it, and to run what follows, at 1,000, 10,000 and 100,000.

    python benchmarks/scale.py [files ...]

First, 2,000 files of 4 KiB through `cp`, one more, and nothing new: beside a real pachd where `pachctl` finds one.

The datums that are there count as done: their results are written as the engine writes them, without a program. What is
timed is real: one more file, and the job that runs `cp` on it, or on all of them (glob `/`, which is as much work as
there are files). A figure should not grow with the number of files, but for that one.
"""

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from engine import pipeline, row, timed

from aeolian.engine.jobs import ledger
from aeolian.engine.jobs.changes import Plan
from aeolian.engine.jobs.inputs import datums
from aeolian.engine.jobs.records import outstanding
from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.jobs.worker import Result
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import catalog, files, pipelines, repos
from aeolian.engine.versions.program import program_hash

COPIES = 2_000
COPY = ["/bin/cp", "-r", "/pfs/in/.", "/pfs/out/"]
SIZES = (1_000, 10_000, 100_000)
SECONDS = {"download": 0.0, "process": 0.0, "upload": 0.0}


def put(store, count, first=0):
    items = [files.Item(io.BytesIO(b"file %d\n" % n * 50), f"/{n:07d}") for n in range(first, first + count)]
    return files.put_files(store, "in", "master", items)


def count_as_done(store):
    """Ends the outstanding job of each pipeline as if each datum had been copied to its output."""
    for job in outstanding(store):
        made = catalog.version(store, job.pipeline_row, job.version)
        code = program_hash(store, made)
        read = ledger.sources(store, job.seq, made.spec)
        ledger.begin(store, job, code, read)
        every = datums(made.spec.input, lambda part, read=read: read[part.repo, part.branch], store.trees)
        done = {}
        with store.db.transaction():
            for datum in every:
                outputs = [entry for part in datum.inputs for entry in part.entries]
                result = Result("success", tries=1, outputs=outputs, started=time.time(), seconds=dict(SECONDS))
                hash_ = datum.hash(code)
                done[datum.id] = ledger.Known(hash_, ledger.keep_result(store, job, datum, hash_, result), job.row)
        counts = {"success": len(every), "skipped": 0, "failed": 0, "recovered": 0, "total": len(every)}
        ledger.finish(store, job, Plan(every), done, counts)


def copies(work, count):
    """What a `cp` of each file costs, one file more, and a job with nothing to do; seconds of each."""
    with Store(work / "copies") as store:
        repos.create_repo(store, "in")
        files.put_files(
            store, "in", "master", [files.Item(io.BytesIO(data), f"/{name}") for name, data in four_kib(count)]
        )
        pipelines.create_pipelines(store, [pipeline("copy", "in", COPY)])
        all_s, outcome = timed(Runner(store).run)
        put(store, 1)
        one_s, _ = timed(Runner(store).run)
        none_s, _ = timed(lambda: (pipelines.run_pipeline(store, "copy"), Runner(store).run()))
        assert [job.processed for job in outcome.jobs] == [count]
    return {f"{count} files of 4 KiB through cp": all_s, "one file more": one_s, "nothing new": none_s}


def four_kib(count):
    return ((f"{n:05d}", n.to_bytes(4, "big") * 1024) for n in range(count))


def copies_on_pachd(work, count):
    """The same on the pachd that `pachctl` finds; nothing where there is none."""
    if shutil.which("pachctl") is None or not answers("version", "--timeout=5s"):
        return {}
    name, folder = f"bench-{time.time_ns()}", work / "four-kib"
    folder.mkdir()
    for file, data in four_kib(count):
        (folder / file).write_bytes(data)
    little = {"cpu": 0.01, "memory": "64Mi"}
    spec = {
        "pipeline": {"name": f"{name}-copy"},
        "transform": {"cmd": COPY, "image": "python:3.11-slim-bookworm"},
        "input": {"pfs": {"repo": name, "name": "in", "glob": "/*"}},
        "autoscaling": True,
        "resource_requests": little,
        "sidecar_resource_requests": little,
    }
    (work / "spec.json").write_text(json.dumps(spec))
    copy = ("wait", "commit", f"{name}-copy@master")
    try:
        pachctl("create", "repo", name)
        pachctl("put", "file", f"{name}@master:/", "-r", "-f", str(folder))
        all_s, _ = timed(lambda: (pachctl("create", "pipeline", "-f", str(work / "spec.json")), pachctl(*copy)))
        pachctl("put", "file", f"{name}@master:/one-more", "-f", str(folder / "00000"))
        one_s, _ = timed(lambda: pachctl(*copy))
        none_s, _ = timed(lambda: (pachctl("rerun", "pipeline", f"{name}-copy"), pachctl(*copy)))
    finally:
        answers("delete", "pipeline", f"{name}-copy")
        answers("delete", "repo", name)
    return {f"{count} files of 4 KiB through cp": all_s, "one file more": one_s, "nothing new": none_s}


def pachctl(*words):
    subprocess.run(["pachctl", *words], check=True, capture_output=True)


def answers(*words):
    return subprocess.run(["pachctl", *words], check=False, capture_output=True).returncode == 0


def beside_pachd(work, count):
    ours, theirs = copies(work, count), copies_on_pachd(work, count)
    for what, seconds in ours.items():
        beside = f"pachd {theirs[what]:.2f} s: {theirs[what] / seconds:.1f} ×" if theirs else "no pachd answers"
        row(what, f"{seconds:.2f} s", "", beside)


def measure(work, count):
    with Store(work / f"each-{count}") as store:
        repos.create_repo(store, "in")
        put_s, _ = timed(lambda: put(store, count))
        row(f"put {count} files", f"{put_s:.2f} s", "")
        pipelines.create_pipelines(store, [pipeline("each", "in", COPY)])
        count_as_done(store)
        for number, what in enumerate(("one more", "and one more")):
            one_s, _ = timed(partial(put, store, 1, count + number))
            run_s, outcome = timed(Runner(store).run)
            assert [(job.processed, job.skipped >= count) for job in outcome.jobs] == [(1, True)]
            row(f"{what}: put", f"{one_s * 1e3:.0f} ms", "flat")
            row(f"{what}: the job, glob /*", f"{run_s * 1e3:.0f} ms", "flat")
    with Store(work / f"all-{count}") as store:
        repos.create_repo(store, "in")
        put(store, count)
        pipelines.create_pipelines(store, [pipeline("all", "in", ["/bin/true"], "/")])
        run_s, _ = timed(Runner(store).run)
        row(f"one datum of {count} files", f"{run_s:.2f} s", "", f"{run_s / count * 1e6:.0f} µs a file")


def main(*sizes):
    work = Path(tempfile.mkdtemp(prefix="aeolian-benchmark-"))
    row("what", "figure", "should be")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work)
        beside_pachd(work, COPIES)
        for count in sizes or SIZES:
            measure(work, count)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
