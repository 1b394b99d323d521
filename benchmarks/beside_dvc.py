"""The engine beside `dvc`: the same files, the same two stages; a run with nothing to do, and one with one file more.

    python benchmarks/beside_dvc.py [files] [rounds]

Both are run as their command lines, in turn. Each is asked to look at the whole folder: `dvc repro`, and `aeolian put
file` of the folder, which then runs what follows. dvc gets an environment of its own, from requirements/peers/dvc.txt,
made once below the folder for temporary files; where its packages cannot be had, that is said, and nothing is measured.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.peers import environment

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
LIMIT = 5.0


def make_files(folder, count):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06d}.txt").write_bytes(f"file {number}\n".encode() * 20)


def set_up_dvc(work, dvc):
    stages = {
        name: {"cmd": f"rm -rf {name} && cp -r {source} {name}", "deps": [source], "outs": [name]}
        for name, source in (("one", "in"), ("two", "one"))
    }
    (work / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    run(dvc, "init", "--no-scm", "--quiet")
    run(dvc, "config", "core.analytics", "false")


def set_up_aeolian(work):
    specs = [
        {
            "pipeline": {"name": name},
            "transform": {"cmd": ["cp", "-r", f"/pfs/{source}/.", "/pfs/out/"]},
            "input": {"pfs": {"repo": source, "glob": "/*"}},
        }
        for name, source in (("one", "in"), ("two", "one"))
    ]
    (work / "pipelines.json").write_text(json.dumps(specs))
    run(aeolian(), "up", "pipelines.json", "--no-run")


def aeolian():
    return str(BIN / "aeolian")


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def seconds(*argv):
    start = time.perf_counter()
    run(*argv)
    return time.perf_counter() - start


def compare(what, work, rounds, commands, before_each):
    took = {name: [] for name in commands}
    for number in range(rounds):
        for name, argv in commands.items():
            before_each(work, f"{name}-{number}")
            # Whoever comes second sees the other's new file too; both look at all there is.
            took[name].append(seconds(*argv))
    ours, theirs = (statistics.median(took[name]) for name in ("aeolian", "dvc"))
    print(f"{what:<36} {ours:>8.2f} s  dvc {theirs:>6.2f} s  {theirs / ours:>5.1f} × (limit ≥ {LIMIT:g} ×)")


def main(count=10_000, rounds=5):
    peer = environment("dvc")
    dvc = str(peer / "dvc") if peer else None
    if dvc is None:
        return
    work = Path(tempfile.mkdtemp(prefix="aeolian-beside-dvc-"))
    os.chdir(work)
    # Bytecode is kept, as on anyone's machine.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["AEOLIAN_HOME"] = str(work / ".aeolian")
    try:
        make_files(work / "in", count)
        set_up_dvc(work, dvc)
        set_up_aeolian(work)
        commands = {"aeolian": (aeolian(), "put", "file", "in@master:/", "-r", "-f", "in"), "dvc": (dvc, "repro")}
        first = {name: seconds(*argv) for name, argv in commands.items()}
        ours, theirs = first["aeolian"], first["dvc"]
        what = f"first run, {count} files"
        print(f"{what:<36} {ours:>8.2f} s  dvc {theirs:>6.2f} s  a process a file, and one for all")
        for argv in commands.values():
            run(*argv)
        time.sleep(2.1)  # until file times tell a change for certain
        for argv in commands.values():
            run(*argv)
        compare("nothing to do", work, rounds, commands, lambda work, name: None)
        compare("one file more", work, rounds, commands, lambda work, name: (work / "in" / name).write_text(name))
    finally:
        os.chdir(ROOT)
        shutil.rmtree(work)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
