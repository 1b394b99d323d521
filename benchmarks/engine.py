"""The engine's own cost, beside the bare system calls that no engine can do without, measured in the same run.

    python benchmarks/engine.py [files] [datums]

Prints what took how long, the limit that issue 3 sets, and the ratio to the bare work.
"""

import contextlib
import io
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import files, pipelines, repos
from aeolian.engine.versions.commits import list_commits
from aeolian.platform.addresses import parse_address
from aeolian.platform.sources.selection import Item, select
from aeolian.platform.specs.files import parse_documents
from aeolian.platform.specs.spec import parse


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def make_files(folder, count):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06d}.txt").write_bytes(f"file {number}\n".encode() * 50)


def pipeline(name, repo, cmd, glob="/*"):
    text = json.dumps(
        {"pipeline": {"name": name}, "transform": {"cmd": cmd}, "input": {"pfs": {"repo": repo, "glob": glob}}}
    )
    return parse(parse_documents(text, f"{name}.json")[0])


def row(what, figure, limit, ratio=""):
    print(f"{what:<52} {figure:>16} {limit:>14} {ratio}")


def bare_copy(source, target):
    target.mkdir()
    for path in source.iterdir():
        shutil.copyfile(path, target / path.name)


def bare_spawns(count, parallel=2):
    running = []
    for _ in range(count):
        running.append(subprocess.Popen(["/bin/true"], stdin=subprocess.DEVNULL))
        if len(running) >= parallel:
            running.pop(0).wait()
    for process in running:
        process.wait()


def put(store, folder, repo="in"):
    found = select([str(folder)], parse_address(f"{repo}@master:/"), recursive=True)
    return files.put_files(store, repo, "master", found.items)


def put_bytes(store, path, data, repo="in"):
    return files.put_files(store, repo, "master", [Item(io.BytesIO(data), path)])


def many_files(work, count):
    make_files(work / "source", count)
    bare_s, _ = timed(lambda: bare_copy(work / "source", work / "copied"))
    with Store(work / "many") as store:
        repos.create_repo(store, "in")
        put_s, _ = timed(lambda: put(store, work / "source"))
        row(f"put {count} small files", f"{count / put_s:,.0f} files/s", "≥ 3,000", f"{put_s / bare_s:.1f} × bare copy")
        pipelines.create_pipelines(store, [pipeline("whole", "in", ["/bin/true"], "/")])
        runner = Runner(store)
        first_s, _ = timed(runner.run)
        row(f"one datum of {count} files", f"{first_s:.2f} s", "", f"{first_s / bare_s:.1f} × bare copy")
        again_s, _ = timed(lambda: (pipelines.run_pipeline(store, "whole"), runner.run()))
        row("run with nothing to do", f"{again_s * 1e3:.0f} ms", "≤ 500 ms")


def many_datums(work, count):
    make_files(work / "inputs", count)
    bare_s, _ = timed(lambda: bare_spawns(count))
    with Store(work / "datums") as store:
        repos.create_repo(store, "in")
        put(store, work / "inputs")
        pipelines.create_pipelines(store, [pipeline("each", "in", ["/bin/true"])])
        runner = Runner(store)
        run_s, _ = timed(runner.run)
        row(
            f"{count} datums of /bin/true",
            f"{run_s / count * 1e3:.1f} ms each",
            "≤ 15 ms",
            f"{run_s / bare_s:.1f} × bare spawn",
        )


def one_more(work, count):
    """Every datum stands as if done, then one file comes."""
    with Store(work / "done") as store:
        repos.create_repo(store, "in")
        put(store, work / "source")
        pipelines.create_pipelines(store, [pipeline("each", "in", ["/bin/cp", "-r", "/pfs/in/.", "/pfs/out/"])])
        runner = Runner(store)
        first_s, _ = timed(runner.run)
        row(f"{count} datums of /bin/cp", f"{first_s / count * 1e3:.1f} ms each", "≤ 15 ms")
        noop_s, _ = timed(lambda: (pipelines.run_pipeline(store, "each"), runner.run()))
        row(f"run with nothing to do over {count} datums", f"{noop_s * 1e3:.0f} ms", "≤ 500 ms")
        one_s, _ = timed(lambda: (put_bytes(store, "/new.txt", b"new"), runner.run()))
        row(f"one file added to {count}", f"{one_s * 1e3:.0f} ms", "≤ 500 ms")


def history(work, what, path_of, commits=1000, rounds=100):
    """Commit 1000 beside commit 10, one file each, in turn: what a longer history costs, and a fuller repo."""
    with Store(work / f"short-{what}") as short, Store(work / f"long-{what}") as long:
        costs = {short: [], long: []}
        for store, before in ((short, 10), (long, commits - rounds)):
            repos.create_repo(store, "in")
            for number in range(before):
                put_bytes(store, path_of(number), b"%d" % number)
        for number in range(rounds):
            for store, before in ((short, 10), (long, commits - rounds)):
                path = path_of(before + number)
                costs[store].append(timed(lambda s=store, p=path, n=number: put_bytes(s, p, b"%d" % n))[0])
        early, late = statistics.median(costs[short]), statistics.median(costs[long])
        row(f"commit {commits}, {what}", f"{late * 1e3:.2f} ms", "±20 %", f"{late / early:.2f} × commit 10")
        assert len(list_commits(long, "in")) == commits


def main(count=10_000, datums=1_000):
    work = Path(tempfile.mkdtemp(prefix="aeolian-benchmark-"))
    row("what", "figure", "limit", "beside the bare work")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work)
        many_files(work, count)
        many_datums(work, datums)
        one_more(work, count)
        history(work, "one of 10 files anew", lambda n: f"/{n % 10}.txt")
        history(work, "a file more each", lambda n: f"/{n}.txt")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row("peak memory", f"{peak:.0f} MiB", "≤ 300 MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
