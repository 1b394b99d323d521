# ruff: noqa: E501
"""Ask Pachyderm's own code of globs, schedules, documents and wrong specs: writes `tests/unit/platform/specs/*.json`.

    .venv/bin/python scripts/make_spec_goldens.py /tmp/oracle

The oracle is `scripts/pachyderm_oracle.go`, which says how it is built; v2.12.2 made the files that are kept.
"""

import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "tests" / "unit" / "engine" / "specs"
sys.path.insert(0, str(FOLDER))
from spec_cases import DOCUMENTS, mutate_specs  # noqa: E402

PATHS = [
    "/a", "/b", "/ab", "/a.txt", "/ab.txt", "/b.txt", "/1x", "/a/b", "/a/b/c", "/x-1", "/abab", "/-", "/1", "/a|b", "/a,b", "/a$b",
    "/ab/ab.txt", "/a b", "/$1", "/aab", "/ba", "/é",
]  # fmt: skip
PIECES = {
    "a": 6, "b": 6, "ab": 3, "*": 8, "**": 3, "?": 4, "/": 3, ".txt": 3, "1": 3, "-": 2, "\\": 1, "\\(": 1, "[a-c]": 3, "[!a]": 3, "[^b]": 2,
    "[[:digit:]]": 3, "[[:alpha:]b]": 1, "[a!b]": 1, "[:digit:]": 1, "[\\]]": 1, "[a-": 0.2, "]": 1, "(": 6, "@(": 3, "*(": 4, "+(": 3,
    "?(": 3, "!(": 8, "^(": 0.3, "|": 6, ")": 10, "{": 5, "}": 5, ",": 5, "@": 1, "!": 1, "^": 1, "+": 1, "$": 1, "\\|": 1, "é": 1,
    "[z-a]": 0.2, "[a-]": 1, "[-a]": 1, "[[:punct:]]": 1, "[+--]": 1, "./": 1, "../": 1,
}  # fmt: skip
TEMPLATES = ["$0", "$1", "$2-$1", "${1}$$", "$$1$", "$1b${x}", "${10}"]
HAND_GLOBS = [
    "/", "", ".", "/*", "*", "/**", "./*", "/a/../b.txt", "a/", "//a", "[[:digit:]]*", "/!(a).txt", "/(!(a)).txt", "/*(*.csv|!(*.txt))",
    "/*[!x]*", "/(a", "/{a", "/[a", "/!(a", "/a\\", "/+()", "/@()", "/{}", "/(*)-(*)", "/{a,b}.txt", "/@(a|b|ab)*",
]  # fmt: skip


def draw_glob(rng: random.Random) -> str:
    """A random glob, many of them malformed."""
    pieces = rng.choices(list(PIECES), list(PIECES.values()), k=rng.randint(1, 8))
    return rng.choice(["/"] * 9 + [""]) + "".join(pieces)


def draw_cron(rng: random.Random) -> str:
    """A random schedule, many of them malformed."""
    if rng.random() < 0.15:
        every = rng.choice(
            ["1h30m", "90s", "1.5h", "10ms", "5", "-1s", "+2m", "0", " 1m", "1m ", "1d", "", "300000h", "3000000h"]
        )
        return rng.choice(
            ["@every " + every, "@never", " @never ", "@daily", "@Daily", "@weekly", "@hourly", "@yearly", "@reboot"]
        )
    return rng.choice([" "] * 9 + ["  "]).join(
        _draw_field(rng, low, high)
        for low, high in [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)][: rng.choice([5] * 12 + [4])]
    )


def _draw_field(rng: random.Random, low: int, high: int) -> str:
    def part() -> str:
        first, last = rng.randint(low, high), rng.randint(low, high)
        step = rng.randint(1, 9)
        forms = [
            "*",
            "*",
            "*",
            f"*/{step}",
            f"*/{step}",
            "?",
            str(first),
            str(first),
            f"{min(first, last)}-{max(first, last)}",
        ]
        forms += [f"{first}-{last}/{step}", f"{first}/{step}"]
        odd = [
            f"+{first}",
            f"0{first}",
            f"{high + 1}",
            "-1",
            "*-3",
            "",
            "mon",
            "JAN",
            "jan-mar",
            "sun-SAT/2",
            "*/0",
            "x",
            "1-2-3",
            "1/2/3",
        ]
        return rng.choice(odd) if rng.random() < 0.02 else rng.choice(forms)

    return ",".join(part() for _ in range(rng.choice([1, 1, 1, 2])))


def ask(oracle: str, kind: str, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The oracle's answers, in the order of the questions."""
    lines = "\n".join(map(json.dumps, questions))
    said = subprocess.run([oracle, kind], input=lines, capture_output=True, text=True, check=True).stdout
    answers = [json.loads(line) for line in said.splitlines()]
    for answer in answers:
        if "error" in answer:
            answer["error"] = answer["error"][:100]
    assert len(answers) == len(questions)
    return answers


def write(name: str, head: dict[str, Any], cases: list[Any]) -> None:
    """Writes one file of goldens, a case a line."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    shared = "".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in head.items())
    (FOLDER / name).write_text(f'{{{shared}"cases": [\n{lines}\n]}}\n', encoding="utf-8")


def main() -> None:
    """Draws, asks and writes."""
    oracle, rng = sys.argv[1], random.Random(13)
    globs = [*HAND_GLOBS, *(draw_glob(rng) for _ in range(1000))]
    answers = ask(oracle, "globs", [{"text": glob, "paths": PATHS, "templates": TEMPLATES} for glob in globs])
    write(
        "globs.json",
        {"paths": PATHS, "templates": TEMPLATES},
        [{"glob": g} | a for g, a in zip(globs, answers, strict=True)],
    )

    start = datetime(2024, 1, 1, tzinfo=UTC)
    crons = [(draw_cron(rng), start + timedelta(seconds=rng.randrange(10**8))) for _ in range(600)]
    answers = ask(oracle, "crons", [{"text": text, "after": after.isoformat()} for text, after in crons])
    cases = [{"spec": t, "after": after.isoformat()} | a for (t, after), a in zip(crons, answers, strict=True)]
    write("crons.json", {}, cases)

    answers = ask(oracle, "specs", [{"text": text} for text in DOCUMENTS])
    write("documents.json", {}, [{"text": text} | a for text, a in zip(DOCUMENTS, answers, strict=True)])

    answers = ask(oracle, "specs", [{"text": json.dumps(spec)} for spec in mutate_specs()])
    verdicts = "".join("x" if "error" in answer else "." for answer in answers)
    write("mutations.json", {}, [verdicts[place : place + 100] for place in range(0, len(verdicts), 100)])


if __name__ == "__main__":
    main()
