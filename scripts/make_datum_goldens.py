"""Ask a real pachd which datums random nested inputs make: writes `tests/unit/engine/jobs/datums.json`.

Needs `pachctl` beside a running pachd (2.12.2 made the file that is kept). Makes three repos there and removes them.
A file that pachd names several times in one datum (a group over a cross) is kept once.
"""

import argparse
import json
import random
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

PATHS = {
    "a": ["/1-x.mid", "/2-y.mid", "/3-x.txt", "/d/3.mid", "/d/1-x.mid", "/1-k/e"],
    "b": ["/1-p.txt", "/2-q.txt", "/9-x.txt", "/1-z/2-q.txt"],
    "c": ["/1-x", "/2-x", "/2-p", "/5-y"],
}
# pachd lists a datum's files without the names of its inputs, so each input of a spec has a repo of its own.
FILES = {f"{letter}{copy}": paths for copy in range(4) for letter, paths in PATHS.items()}
GLOBS = [
    "/", "/*", "/(*)-(*)", "/(*)-(*).*", "/(?)-*", "/{1,2}-(*)", "/@(1|2|9)-*", "/*/(*)-*", "/**", "/!(1*)", "/(d|1-?)",
    "/+([0-9])-(*)", "/(*)", "/?-(x|y)*", "/nothing-(*)", "./(*)-x*", "/[[:digit:]]-(*)",
]  # fmt: skip
TEMPLATES = ["$1", "$1", "$1", "$2", "${1}", "$0", "", "$1$2", "x", "$$1", "$3"]
SETS = ["cross", "join", "join", "group", "group", "union"]
OUT = Path(__file__).parent.parent / "tests" / "unit" / "engine" / "jobs" / "datums.json"


def draw_input(rng: random.Random, depth: int, repos: list[str], names: "count[int]") -> dict[str, Any]:
    """A random input, `depth` levels of cross, join, group and union deep at most."""
    if depth == 0 or rng.random() < 0.25:
        part: dict[str, Any] = {
            "repo": repos.pop(rng.randrange(len(repos))),
            "glob": rng.choice(GLOBS),
            "name": f"n{next(names)}",
        }
        for field in ("join_on", "group_by"):
            if template := rng.choice(TEMPLATES):
                part[field] = template
        if rng.random() < 0.4:
            part["outer_join"] = True
        return {"pfs": part}
    kind = rng.choice(SETS)
    return {kind: [draw_input(rng, depth - 1, repos, names) for _ in range(rng.choice([1, 2, 2, 2, 3]))]}


def _draw(rng: random.Random, depth: int) -> dict[str, Any]:
    """An input that does not need more repos than there are."""
    while True:
        try:
            return draw_input(rng, depth, list(FILES), count())
        except ValueError:
            continue


def list_datums(node: dict[str, Any], prefix: str) -> list[list[str]]:
    """The datums that pachd makes of an input: the addresses of each one's files, all in order."""
    text = json.dumps(node).replace('"repo": "', f'"repo": "{prefix}')
    spec = {"pipeline": {"name": "p"}, "transform": {"cmd": ["true"]}, "input": json.loads(text)}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(spec, file)
        file.flush()
        command = ["pachctl", "list", "datum", "-f", file.name, "--raw"]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.strip()
    decoder, datums = json.JSONDecoder(), set()
    while said:
        value, end = decoder.raw_decode(said)
        said = said[end:].strip()
        datums.add(tuple(sorted({_address(file, prefix) for file in value.get("data", [])})))
    return sorted(map(list, datums))


def _address(file: dict[str, Any], prefix: str) -> str:
    repo = file["file"]["commit"]["repo"]["name"].removeprefix(prefix)
    return f"{repo}:{file['file']['path'].rstrip('/') or '/'}"


def main() -> None:
    """Makes the repos, asks, writes, and removes the repos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=240)
    parser.add_argument("--prefix", default="datum-goldens-")
    options = parser.parse_args()
    for repo, paths in FILES.items():
        subprocess.run(["pachctl", "create", "repo", options.prefix + repo], check=True)
        with tempfile.TemporaryDirectory() as folder:
            for path in paths:
                file = Path(folder + path)
                file.parent.mkdir(exist_ok=True)
                file.write_text(repo + path)
            subprocess.run(
                ["pachctl", "put", "file", f"{options.prefix}{repo}@master:/", "-r", "-f", "."], cwd=folder, check=True
            )
    rng = random.Random(13)
    inputs = [_draw(rng, 1 + index % 3) for index in range(options.n)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda node: list_datums(node, options.prefix), inputs))
    cases = [{"input": node, "datums": datums} for node, datums in zip(inputs, answers, strict=True)]
    lines = ",\n".join(json.dumps(case) for case in cases)
    OUT.write_text(f'{{"files": {json.dumps(FILES)},\n"cases": [\n{lines}\n]}}\n')
    for repo in FILES:
        subprocess.run(["pachctl", "delete", "repo", options.prefix + repo], check=True)


if __name__ == "__main__":
    main()
