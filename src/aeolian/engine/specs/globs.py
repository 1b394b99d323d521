"""Pachyderm's globs: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `@(a|b)`, `*(a)`, `+(a)`, `?(a)`, `!(a)`, captures `(…)`.

`*`, `?` and classes stop at `/`; `**` does not. Every pair of parentheses is a capture, counted from 1 at its
opening, as in ohmyglob, which Pachyderm uses.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from aeolian.errors import UsageError

# A group captures all that it repeats over, not its last round.
_CLOSERS = {"@": "))", "*": ")*)", "+": ")+)", "?": ")?)"}


@dataclass(frozen=True)
class Glob:
    """A compiled glob."""

    text: str
    pattern: "re.Pattern[str]"

    def match(self, path: str) -> tuple[str, ...] | None:
        """The captured texts if the whole `path` matches, else None."""
        found = self.pattern.fullmatch(path)
        return None if found is None else tuple(group or "" for group in found.groups())

    @property
    def is_root(self) -> bool:
        """Whether it stands for the whole repo."""
        return self.text == "/"


@lru_cache(maxsize=1024)
def compile_glob(text: str) -> Glob:
    """The glob `text`; a missing first `/` is supplied, a last one dropped. Raises `UsageError` if it is malformed."""
    if not text:
        raise UsageError("The glob is empty.", remedy="Use / for one datum, /* for one a top-level entry.")
    whole = "/" + text.strip("/")
    return Glob(whole, re.compile(_Translation(whole).run(), re.DOTALL))


def expand(template: str, captures: tuple[str, ...]) -> str:
    """`template` with `$1`, `$2`, `${1}` replaced by captured texts; a capture that is not there is empty."""

    def text(found: "re.Match[str]") -> str:
        number = int(found[1] or found[2])
        return captures[number - 1] if 0 < number <= len(captures) else ""

    return re.sub(r"\$(?:(\d+)|\{(\d+)\})", text, template)


class _Translation:
    """One pass over a glob, building the regular expression. `captures` is False inside lookaheads."""

    def __init__(self, text: str, *, captures: bool = True) -> None:
        self.text = text
        self.place = 0
        self.closers: list[str] = []  # what closes each open bracket, in the expression
        self.group = "((?:" if captures else "(?:(?:"

    def run(self) -> str:
        out = []
        while self.place < len(self.text):
            out.append(self._next())
        if self.closers:
            raise self._error(f"a {'{' if self.closers[-1] == '}' else '('} is never closed")
        return "".join(out)

    def _next(self) -> str:
        c, after = self.text[self.place], self.text[self.place + 1 : self.place + 2]
        if c == "!" and after == "(":
            return self._negation()
        if c in _CLOSERS and after == "(":
            self.place += 2
            self.closers.append(_CLOSERS[c])
            return self.group
        self.place += 1
        if c == "*" and after == "*":
            self.place += 1
            return ".*"
        if c == "*":
            return "[^/]*"
        if c == "?":
            return "[^/]"
        if c == "[":
            return self._character_class()
        if c == "\\":
            return self._escape()
        if c in "({":
            self.closers.append("))" if c == "(" else "}")
            return self.group if c == "(" else "(?:"
        return self._separator_or_literal(c)

    def _separator_or_literal(self, c: str) -> str:
        closer = self.closers[-1] if self.closers else ""
        if c == ")" and closer not in ("", "}"):
            return self.closers.pop()
        if c == "}" and closer == "}":
            self.closers.pop()
            return ")"
        if c in ")}]":
            raise self._error(f"the {c} at character {self.place} was never opened")
        if (c == "," and closer == "}") or (c == "|" and closer not in ("", "}")):
            return "|"
        return re.escape(c)

    def _negation(self) -> str:
        """`!(a|b)`: any text within the segment such that the segment is not what it would be with a or b."""
        start = self.place + 2
        end = self._closing(start)
        inner = self.text[start:end]
        segment_end = end + 1
        while segment_end < len(self.text) and self.text[segment_end] != "/":
            segment_end += 1
        refused = _Translation(f"@({inner}){self.text[end + 1 : segment_end]}", captures=False).run()
        self.place = end + 1
        return f"{'(' if self.group == '((?:' else '(?:'}(?!{refused}(?:/|\\Z))[^/]*)"

    def _closing(self, start: int) -> int:
        depth = 1
        for place in range(start, len(self.text)):
            depth += (self.text[place] == "(") - (self.text[place] == ")")
            if not depth:
                return place
        raise self._error("a ( is never closed")

    def _escape(self) -> str:
        if self.place == len(self.text):
            raise self._error("it ends in a backslash")
        self.place += 1
        return re.escape(self.text[self.place - 1])

    def _character_class(self) -> str:
        negated = self.text[self.place : self.place + 1] in ("!", "^")
        start = self.place + negated
        end = self.text.find("]", start + 1)
        if end < 0:
            raise self._error("a [ is never closed")
        self.place = end + 1
        body = self.text[start:end].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
        expression = f"[^/{body}]" if negated else f"[{body}]"
        try:
            re.compile(expression)
        except re.error as error:
            raise self._error(f"{self.text[start:end]!r} is no set of characters: {error}") from None
        return expression

    def _error(self, what: str) -> UsageError:
        remedy = "A \\ before a character takes it as it is."
        return UsageError(f"The glob {self.text!r} is malformed: {what}.", remedy=remedy)
