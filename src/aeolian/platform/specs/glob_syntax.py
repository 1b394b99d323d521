r"""From a glob to a regular expression, as ohmyglob, which Pachyderm uses, reads it.

A glob is a list of pieces: text, `*`, `**`, `?`, a class `[a-z]`, alternatives `{a,b}` and captures `(a|b)`, `@(…)`,
`*(…)`, `+(…)`, `?(…)`, `!(…)`. Four things there are unlike other globs:

- A negated class matches `/` too, and a posix class `[[:digit:]]` also holds the brackets around its name.
- Inside `{…}` a text runs up to `}` or `,`, also over `|` and `)`. After `@`, `!`, `^`, `+` it runs up to `? * [ { (`.
- What is still open at the end is closed there.
- `!(a)` refuses an `a` at its place: anywhere if text, `*` or `**` come after the first `!(…)`, else only at the end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

BASIC = "?*[{("
EXTENDED = BASIC + "@!^+"
POSIX = {
    ":alnum:": "0-9A-Za-z",
    ":alpha:": "A-Za-z",
    ":ascii:": "\x00-\x7f",
    ":blank:": "\t ",
    ":cntrl:": "\x00-\x1f\x7f",
    ":digit:": "0-9",
    ":graph:": "!-~]",
    ":lower:": "a-z",
    ":print:": " -~",
    ":punct:": "!-/:-@[-`{-~",
    ":space:": "\t\n\v\f\r ",
    ":upper:": "A-Z",
    ":word:": "0-9A-Za-z_",
    ":xdigit:": "0-9A-Fa-f",
}
# Stand where a negation may end, and after what bounds it. No path has such characters.
_NEGATION_END, _BOUNDARY = "\uffff", "\ufffe"


class Token(NamedTuple):
    """A piece: `kind` is text, class, open, close, or, or one of `*`, `**`, `?`."""

    kind: str
    text: str = ""


@dataclass
class _Group:
    """What is open: `{`, or the sign before a `(`; its alternatives so far are expressions."""

    sign: str
    alternatives: list[str] = field(default_factory=lambda: [""])

    def close(self) -> str:
        if self.sign == "!":
            refused = "|".join(text + _NEGATION_END for text in self.alternatives)
            return f"((?:(?!(?:{refused}))[^/]*))"
        inner = "|".join(self.alternatives)
        if self.sign == "{":
            return f"(?:{inner})"
        return f"({inner})" if self.sign == "@" else f"((?:{inner}){self.sign})"


def translate(glob: str) -> str:
    """The expression that a whole path matches. Raises `ValueError` with what is malformed."""
    groups = [_Group("")]
    for kind, text in _tokens(glob.partition("\0")[0]):
        if kind == "open":
            groups.append(_Group(text))
        elif kind == "or":
            groups[-1].alternatives.append("")
        elif kind == "close":
            closed = groups.pop().close()
            groups[-1].alternatives[-1] += closed
        else:
            groups[-1].alternatives[-1] += _expression(kind, text)
    while len(groups) > 1:
        closed = groups.pop().close()
        groups[-1].alternatives[-1] += closed
    return _bound(groups[0].alternatives[0]) + r"\Z"


def _bound(expression: str) -> str:
    """Ends every negation, by what comes after the first."""
    place = expression.find(_NEGATION_END + ")")
    if place > 0:
        expression = expression.replace(_NEGATION_END, "" if _BOUNDARY in expression[place:] else "$")
    return expression.replace(_BOUNDARY, "")


def _expression(kind: str, text: str) -> str:
    if kind == "text":
        return re.escape(text) + _BOUNDARY
    if kind == "class":
        return _class(text)
    return {"*": "[^/]*" + _BOUNDARY, "**": ".*" + _BOUNDARY, "?": "[^/]"}[kind]


def _class(text: str) -> str:
    """`text` is the characters and ranges, after `!` where the class is negated."""
    negated, characters = text[:1] == "!", text[1:]
    for name, members in POSIX.items():
        characters = characters.replace(name, members)
    if not characters:
        raise ValueError("a [] holds no character")
    parts, place = [], 0
    while place < len(characters):
        first, last = characters[place], characters[place + 2 : place + 3]
        if characters[place + 1 : place + 2] == "-" and last:
            if first > last:
                raise ValueError(f"{first}-{last} in a class runs backwards")
            parts.append(f"{re.escape(first)}-{re.escape(last)}")
            place += 3
        else:
            parts.append(re.escape(first))
            place += 1
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _tokens(glob: str) -> Iterator[Token]:
    place = braces = captures = 0
    while place < len(glob):
        c, after = glob[place], glob[place + 1 : place + 2]
        if c == "{":
            braces += 1
            yield Token("open", c)
        elif (c == "," and braces) or (c == "|" and captures):
            yield Token("or")
        elif c == "}" and braces:
            braces -= 1
            yield Token("close")
        elif c == ")" and captures:
            captures -= 1
            yield Token("close")
        elif c == "[":
            text, place = _read_class(glob, place + 1)
            yield Token("class", text)
            continue
        elif c == "(" or (c in "@!+?*" and after == "("):
            captures += 1
            place += c != "("
            yield Token("open", "@" if c == "(" else c)
        elif c == "^" and after == "(":
            raise ValueError("^( is no group; !( negates")
        elif c == "*" and after == "*" and glob[place + 2 : place + 3] != "(":
            place += 1
            yield Token("**")
        elif c in "*?":
            yield Token(c)
        else:
            ends = BASIC if c in "@!^+" else EXTENDED + ("}," if braces else ")|" if captures else "")
            text, place = _read_text(glob, place, ends)
            if text:
                yield Token("text", text)
            continue
        place += 1


def _read_text(glob: str, place: int, ends: str) -> tuple[str, int]:
    """The text from `place` to one of `ends`, without the `\\` that take characters as they are; and where it ends."""
    text = ""
    while place < len(glob) and glob[place] not in ends:
        place += glob[place] == "\\"
        text += glob[place : place + 1]
        place += 1
    return text, min(place, len(glob))


def _read_class(glob: str, place: int) -> tuple[str, int]:
    """What stands in a class, after `!` or a space; and the place after its `]`."""
    sign, text, in_posix = " ", "", False
    while place < len(glob):
        c = glob[place]
        if c == "\\":
            text += glob[place + 1 : place + 2]
            place += 2
            continue
        place += 1
        if c == "]" and not in_posix:
            return sign + text, place
        in_posix = c == "[" or (in_posix and c != "]")
        if c in "!^" and sign == " ":
            sign = "!"
        else:
            text += c
    raise ValueError("a [ is never closed")
