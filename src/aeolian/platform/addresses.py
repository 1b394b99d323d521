"""`project/repo@branch:/path`, as `pachctl` writes it, and a commit's ancestry: `master^2`, `master~1`, `master.1`."""

import posixpath
import re
from dataclasses import dataclass, field

from aeolian.errors import UsageError
from aeolian.platform.specs.names import DEFAULT_PROJECT, full_name
from aeolian.platform.specs.spec import DEFAULT_BRANCH

ID = re.compile(r"[0-9a-f]{8,32}")  # a commit's id, or its start
ID_LENGTH = 32
_ADDRESS = re.compile(r"([^@:]+)(?:@([^:]*))?(?::(.*))?", re.DOTALL)
_ANCESTRY = re.compile(r"([^\^~.]*)(?:([\^~.])(\d+)|(\^+|~+|\.+))?")


@dataclass(frozen=True)
class Address:
    """A place in a repo.

    `repo` is a full name, `project/name` outside the project `default`; `reference` is a branch or a commit's id, with
    `^` and its kin behind it for an ancestor; `path` starts with / and is clean. `written` is the path as it was
    written, "" where none was.
    """

    repo: str
    reference: str = DEFAULT_BRANCH
    path: str = "/"
    written: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.repo}@{self.reference}:{self.path}"


def parse_address(text: str, *, project: str = DEFAULT_PROJECT, needs_branch: bool = False) -> Address:
    """Return the place that `text` names: the branch is `master` and the path `/` where it does not say.

    A repo without a project is one of `project`. Raises `UsageError`, with `needs_branch` also for want of a branch.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no address.", remedy="Write it as repo@branch:/path.")
    repo, reference, path = found.groups()
    if needs_branch and not reference:
        raise UsageError(
            f"{text!r} has no branch and no commit's id.", remedy=f"Name one: {repo}@{DEFAULT_BRANCH}:{path or '/'}"
        )
    clean = posixpath.normpath(f"/{path or ''}").replace("//", "/")
    return Address(full_name(repo, project), reference or DEFAULT_BRANCH, clean, path or "")


def parse_reference(text: str) -> tuple[str, int]:
    """Return the branch or id in `text`, and how many commits back: `b^2` 2, `b~~` 2; `b.1`, the first, is -1.

    Raises `UsageError` where signs of two kinds are mixed.
    """
    found = _ANCESTRY.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} names no commit.", remedy="Write branch^, branch^2, branch~1 or branch.1.")
    name, sign, number, signs = found.groups()
    steps = int(number) if sign else len(signs or "")
    return name, -steps if (sign or signs or "")[:1] == "." else steps
