"""One file more where there are many: what it costs to put it, and to run what follows, at 1,000, 10,000 and 100,000.

    python benchmarks/scale.py [files ...]

The datums that are there count as done: their results are written as the engine writes them, without a program. What is
timed is real: one more file, and the job that runs `cp` on it, or on all of them (glob `/`, which is as much work as
there are files). A figure should not grow with the number of files, but for that one.
"""

import contextlib
import io
import shutil
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


def measure(work, count):
    with Store(work / f"each-{count}") as store:
        repos.create_repo(store, "in")
        put_s, _ = timed(lambda: put(store, count))
        row(f"put {count} files", f"{put_s:.2f} s", "")
        pipelines.create_pipelines(store, [pipeline("each", "in", ["/bin/cp", "-r", "/pfs/in/.", "/pfs/out/"])])
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
        for count in sizes or SIZES:
            measure(work, count)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
