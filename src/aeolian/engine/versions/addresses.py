"""`repo@branch:/path`, as `pachctl` writes it."""

import posixpath
import re
from dataclasses import dataclass, field

from aeolian.engine.specs.spec import DEFAULT_BRANCH
from aeolian.errors import UsageError

_ADDRESS = re.compile(r"([^@:]+)(?:@([^:]*))?(?::(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """A place in a repo.

    `reference` is a branch or a commit's id, `^` behind it for the one before; `path` starts with / and is clean.
    `written` is the path as it was written, "" where none was.
    """

    repo: str
    reference: str = DEFAULT_BRANCH
    path: str = "/"
    written: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.repo}@{self.reference}:{self.path}"


def parse_address(text: str) -> Address:
    """The place that `text` names: the branch is `master` and the path `/` where it does not say.

    Raises `UsageError`.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no address.", remedy="Write it as repo@branch:/path.")
    repo, reference, path = found.groups()
    project, slash, name = repo.rpartition("/")
    if slash and project != "default":
        raise UsageError(f"There is no project {project!r}.", remedy="The local store has one project, `default`.")
    clean = posixpath.normpath(f"/{path or ''}").replace("//", "/")
    return Address(name, reference or DEFAULT_BRANCH, clean, path or "")
