"""Files into and out of a real pachd: `aeolian` beside `pachctl`, in turn, in one run. Says so where no pachd answers.

python benchmarks/cluster.py [files]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine import row, timed

FILES = 2_000
AEOLIAN = [str(Path(sys.executable).with_name("aeolian"))]
ROUNDS = 3


def ask(*words):
    subprocess.run(words, check=True, capture_output=True)


def make_files(folder, count):
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05d}").write_bytes(number.to_bytes(4, "big") * 1024)


def best(work):
    return min(timed(work)[0] for _ in range(ROUNDS))


def is_there():
    address = os.environ.get("PACHD_ADDRESS", "")
    if not address or shutil.which("pachctl") is None:
        return ""
    answer = subprocess.run(["pachctl", "version", "--timeout=5s"], check=False, capture_output=True)
    return address if answer.returncode == 0 else ""


def main(count=FILES):
    address = is_there()
    if not address:
        print("no pachd answers at PACHD_ADDRESS: nothing is measured")
        return
    aeolian, repo = [*AEOLIAN, "--context", address], f"bench-{time.time_ns()}"
    row("what", "aeolian", "pachctl", "pachctl / aeolian")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        make_files(work / "files", count)
        (work / "large").write_bytes(os.urandom(200 << 20))
        ask("pachctl", "create", "repo", repo)
        try:
            places = {command: f"{repo}@{command}" for command in ("aeolian", "pachctl")}
            commands = {"aeolian": aeolian, "pachctl": ["pachctl"]}
            tell(
                f"put {count} files of 4 KiB",
                {
                    who: best(
                        lambda who=who: ask(
                            *commands[who], "put", "file", f"{places[who]}:/", "-r", "-f", str(work / "files")
                        )
                    )
                    for who in commands
                },
            )
            tell(
                f"get {count} files of 4 KiB",
                {
                    who: best(lambda who=who: get(commands[who], f"{places[who]}:/", work / f"got-{who}", count))
                    for who in commands
                },
            )
            tell(
                "put 200 MiB",
                {
                    who: best(
                        lambda who=who: ask(
                            *commands[who], "put", "file", f"{places[who]}-large:/f", "-f", str(work / "large")
                        )
                    )
                    for who in commands
                },
            )
        finally:
            ask("pachctl", "delete", "repo", repo, "--force")


def get(command, place, folder, count):
    shutil.rmtree(folder, ignore_errors=True)
    ask(*command, "get", "file", place, "-r", "-o", str(folder))
    assert sum(1 for path in folder.rglob("*") if path.is_file()) == count


def tell(what, seconds):
    ours, theirs = seconds["aeolian"], seconds["pachctl"]
    row(what, f"{ours:.2f} s", f"{theirs:.2f} s", f"{theirs / ours:.2f} ×")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
