"""What the server takes as names of projects, repos, branches, pipelines and inputs, and where each is at home."""

import re
from dataclasses import dataclass

DEFAULT_PROJECT = "default"
# A name in Kubernetes has 63 characters at most: `<project>-<pipeline>-v99`.
_LABEL, _VERSION = 63, len("-v99")


@dataclass(frozen=True)
class NameRule:
    """Which names are legal, and that rule in words, for "a repo's name has …"."""

    pattern: "re.Pattern[str]"
    words: str
    most: int | None = None

    def allows(self, name: str) -> bool:
        """Whether `name` is legal."""
        return self.pattern.fullmatch(name) is not None and (self.most is None or len(name) <= self.most)


_WORD = re.compile(r"[A-Za-z0-9_-]+")
_LEADING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
REPO = NameRule(_WORD, "letters, digits, _ and -")
BRANCH = NameRule(_WORD, "letters, digits, _ and -")
PIPELINE = NameRule(_LEADING, "letters, digits, _ and -, a letter or digit first, 51 at most", 51)
PROJECT = NameRule(_LEADING, "letters, digits, _ and -, a letter or digit first, 51 at most", 51)
# By what a name names.
RULES = {"repo": REPO, "branch": BRANCH, "pipeline": PIPELINE, "project": PROJECT}
# An input is a folder below /pfs and a variable of the environment.
INPUT = NameRule(re.compile(r"(?!(?:\.\.?|out|\.env)\Z)[^/=\0]+"), "any characters but / and =, and is not out or .env")


def longest_pipeline_name(project: str) -> int:
    """How long a pipeline's name may be in `project`."""
    return min(51, _LABEL - _VERSION - 1 - len(project))


def full_name(name: str, project: str = DEFAULT_PROJECT) -> str:
    """How a repo or pipeline is stored: `project/name`, or `name` alone in `default`; `name` may hold its project."""
    own, slash, rest = name.partition("/")
    if slash:
        project, name = own, rest
    return name if project in ("", DEFAULT_PROJECT) else f"{project}/{name}"


def split_name(full: str) -> tuple[str, str]:
    """The project and the name that a full name has: the reverse of `full_name`."""
    project, slash, name = full.partition("/")
    return (project, name) if slash else (DEFAULT_PROJECT, full)
