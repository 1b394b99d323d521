"""`repo@branch:/path`, as `pachctl` writes it."""

import re
from dataclasses import dataclass

from aeolian.engine.specs.spec import DEFAULT_BRANCH
from aeolian.errors import UsageError

_ADDRESS = re.compile(r"([^@:]+)(?:@([^:]*))?(?::(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """A place in a repo.

    `reference` is a branch or a commit's id, `^` behind it for the one before; `path` starts with /.
    """

    repo: str
    reference: str = DEFAULT_BRANCH
    path: str = "/"

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
    parts = [part for part in (path or "").split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UsageError(f"{text!r} leaves its repo.", remedy="Write the path without `..`.")
    return Address(name, reference or DEFAULT_BRANCH, "/" + "/".join(parts))
