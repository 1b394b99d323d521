"""A file of 2 GB through three stages that pass it on, beside one bare copy of it, measured in the same run.

    python benchmarks/large_file.py [MiB]

Counts copies by what the kernel says was written. Stages pass the file on as a link; one that writes it anew writes
one copy itself, which the engine takes in without another.
"""

import contextlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from aeolian.engine.jobs.scheduler import Runner
from aeolian.engine.programs import read_only
from aeolian.engine.storage.store import Store
from aeolian.engine.versions import files, pipelines, repos
from aeolian.engine.versions.commits import resolve
from aeolian.platform.addresses import Address, parse_address
from aeolian.platform.sources.selection import select
from aeolian.platform.specs.files import parse_documents
from aeolian.platform.specs.spec import parse

MIB = 1024 * 1024
LIMIT_COPIES = 2


def written():
    """Bytes that this process and its children have written so far, as the kernel counts them."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"])


def measured(work):
    before, start = written(), time.perf_counter()
    work()
    return time.perf_counter() - start, written() - before


def make_file(path, mebibytes):
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(mebibytes):
            file.write(number.to_bytes(8, "big") + block[8:])
        os.fsync(file.fileno())


def bare_copy(source, target):
    with source.open("rb") as read, target.open("wb") as write:
        shutil.copyfileobj(read, write, MIB)
        os.fsync(write.fileno())
    target.unlink()


def stage(name, repo, script):
    transform = {"cmd": ["/bin/sh", "-ec", script]}
    document = {"pipeline": {"name": name}, "transform": transform, "input": {"pfs": {"repo": repo, "glob": "/*"}}}
    return parse(parse_documents(json.dumps(document), f"{name}.json")[0])


def row(what, seconds, copies, ratio):
    print(f"{what:<44} {seconds:>8.2f} s {copies:>8.2f} copies   {ratio}")


def through_three_stages(work, source, how, script, bare_s):
    size = source.stat().st_size
    with Store(work / how) as store:
        repos.create_repo(store, "in")
        made = [("a", "in"), ("b", "a"), ("c", "b")]
        pipelines.create_pipelines(store, [stage(name, reads, script.format(reads)) for name, reads in made])
        put_s, put_bytes = measured(
            lambda: files.put_files(store, "in", "master", select([str(source)], parse_address("in@master")).items)
        )
        row("put", put_s, put_bytes / size, f"{put_s / bare_s:.1f} × bare copy")
        run_s, run_bytes = measured(lambda: run(store))
        row(f"three stages, {how}", run_s, run_bytes / size, f"{run_s / bare_s:.2f} × bare copy")
        again = store.objects.path(next(iter(store.trees.entries(tree_of(store, "c")))).object)
        assert again.stat().st_size == size
    shutil.rmtree(work / how)
    return (put_bytes + run_bytes) / size


def run(store):
    assert not Runner(store).run().failed


def tree_of(store, repo):
    return resolve(store, Address(repo, "master")).tree


def main(mebibytes=2048):
    if sys.platform != "linux":
        print("needs Linux, which counts what was written")
        return
    work = Path(tempfile.mkdtemp(prefix="aeolian-large-", dir=os.environ.get("AEOLIAN_BENCH_DIR")))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work)
        source = work / "song.wav"
        make_file(source, mebibytes)
        bare_s, bare_bytes = measured(lambda: bare_copy(source, work / "copy"))
        row(f"bare copy of {mebibytes} MiB", bare_s, bare_bytes / source.stat().st_size, "")
        if not read_only.works_in(work):
            print("no mount namespaces here: each stage gets a copy")
        link = 'ln -s "${0}" /pfs/out/'
        linked = through_three_stages(work, source, "passed-on", link, bare_s)
        written_anew = through_three_stages(work, source, "written-anew", 'cp "${0}" /pfs/out/', bare_s)
        print(f"in all {linked:.2f} copies (limit {LIMIT_COPIES}); {written_anew:.2f} where each of three writes one")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
