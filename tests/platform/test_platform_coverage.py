"""What of Pachyderm's own suite is covered, and that nothing is counted twice."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def read_claims():
    """The functions that tests name."""
    found = set()
    for path in HERE.glob("test_*.py"):
        for words in re.findall(r"^@pachyderm\((.*?)\)$", path.read_text(), re.DOTALL | re.MULTILINE):
            found |= set(re.findall(r'"([^"]+)"', words))
    return found


def read_rest():
    """The functions that no test covers."""
    lines = (HERE / "not_tried.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_function_is_covered_or_said_not_to_be():
    rest, claims = read_rest(), read_claims()
    assert len(rest) == len(set(rest))
    assert not set(rest) & claims
    assert all(re.fullmatch(r"[a-z/]+\.Test\w+", name) for name in {*rest, *claims})
    assert len(rest) + len(claims) == 423, "functions in the twelve packages of Pachyderm 2.12.2 that users depend on"
