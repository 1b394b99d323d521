"""Pachyderm's globs: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `@(a|b)`, `*(a)`, `+(a)`, `?(a)`, `!(a)`, captures `(…)`.

`*` and `?` stop at `/`; `**` does not. Every pair of parentheses is a capture, counted from 1 at its opening.
"""

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache

from aeolian.errors import UsageError
from aeolian.platform.specs.glob_syntax import translate

_LITERAL = re.compile(r"[^*?\[\]{}!()@+^]*")
_PART = re.compile(r"\$(?:\$|(\d+)|\{(\d+)\})")


@dataclass(frozen=True)
class Glob:
    """A compiled glob. What it matches begins with `prefix`, also where that has a backslash: so the server has it."""

    text: str
    prefix: str
    pattern: "re.Pattern[str]"

    def match(self, path: str) -> tuple[str, ...] | None:
        """The captured texts if the whole `path` matches, else None."""
        found = self.pattern.match(path) if path.startswith(self.prefix) else None
        return None if found is None else tuple(group or "" for group in found.groups())

    @property
    def is_root(self) -> bool:
        """Whether it stands for the whole repo."""
        return self.text == "/"


@lru_cache(maxsize=1024)
def compile_glob(text: str) -> Glob:
    """The glob `text`, cleaned as a path is. Raises `UsageError` if it is malformed."""
    if not text:
        raise UsageError("The glob is empty.", remedy="Use / for one datum, /* for one a top-level entry.")
    whole = clean_path(text)
    try:
        pattern = re.compile(translate(whole))
    except (ValueError, OverflowError, RecursionError) as error:
        what = error.msg if isinstance(error, re.error) else str(error)
        remedy = "A \\ before a character takes it as it is."
        raise UsageError(f"The glob {text!r} is malformed: {what}.", remedy=remedy) from None
    return Glob(whole, _LITERAL.match(whole)[0], pattern)  # type: ignore[index]


def clean_path(text: str) -> str:
    """`text` with one `/` in front, none at the end, and without `.`, `..` and empty parts."""
    cleaned = posixpath.normpath(text)
    return "/" if cleaned == "." else "/" + cleaned.strip("/")


def expand(template: str, captures: tuple[str, ...]) -> str:
    """`template` with `$1`, `${1}` replaced by `captures[1]`, `$0` by the path, `$$` by `$`; what is missing is empty.

    `captures` is empty where nothing was captured, as for the glob `/`: then `$0` is empty too.
    """

    def text(found: "re.Match[str]") -> str:
        if found[0] == "$$":
            return "$"
        number = int(found[1] or found[2])
        return captures[number] if number < len(captures) else ""

    return _PART.sub(text, template)


def check_template(template: str) -> None:
    """Raises `UsageError` for a `$01` or a number too long: Pachyderm's worker crashes on them, again and again."""
    for found in _PART.finditer(template):
        number = found[1] or found[2] or ""
        if not re.fullmatch(r"|0|[1-9][0-9]{0,8}", number):
            raise UsageError(f"{found[0]} is no capture.", remedy="Write $1, $2, …; $0 is the path, $$ a dollar.")
