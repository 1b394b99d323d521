"""The language of chains: text to a `Chain`, and back.

    compress | mix(dry, 0.5: delay 0.25 1 | pitch 7) | reverb wet=0.2 | loudness -16

    chain  = step { "|" step }            effects in order; `dry` alone is none
    step   = word { value | name=value }  values in the order of the effect's fields
           | "mix" "(" branch { "," branch } ")"
           | the name of a preset
    branch = [ weight ":" ] chain         added up, each times its weight

A value is a number, or yes or no.
"""

import dataclasses
import difflib
import re
from dataclasses import dataclass
from typing import Any

from aeolian.effects.chain import Branch, Chain, Mix
from aeolian.effects.effect import REQUIRED, Effect
from aeolian.effects.presets import PRESETS
from aeolian.errors import UsageError

MAX_CHARACTERS = 10_000
MAX_EFFECTS = 64
MAX_DEPTH = 4
DRY = "dry"
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<word>[A-Za-z][\w-]*)|(?P<sign>[|(),:=]))"
)
_BOOLEANS = {"yes": True, "no": False}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_chain(text: str) -> Chain:
    """Read a chain. Raises `UsageError`, which names the word, where it is, and what was expected."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"The chain has {len(text):,} characters; expected at most {MAX_CHARACTERS:,}.")
    chain = _Parser(_split(text), text).read_all()
    return check_size(chain)


def check_size(chain: Chain) -> Chain:
    """Give the chain back. Raises `UsageError` if it has more effects than anybody would write."""
    if sum(1 for _ in chain.walk()) > MAX_EFFECTS:
        raise UsageError(f"The chain has more than {MAX_EFFECTS} effects.")
    return chain


def find_effect(word: str) -> type[Effect]:
    """Find an effect by its word. Raises `UsageError` with the nearest words."""
    found = Effect.words.get(word)
    if found is None:
        known = sorted({*Effect.words, *PRESETS, DRY})
        near = difflib.get_close_matches(word, known, 1, 0.5)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
        raise UsageError(f"There is no effect {word!r}.", remedy=hint)
    return found


def build_effect(kind: type[Effect], values: dict[str, Any]) -> Effect:
    """Make an effect from its fields by name. Raises `UsageError` for a name it has not, or one that is missing."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in values:
        if name not in fields:
            raise UsageError(f"{kind.word}: has no {name!r}; expected {' or '.join(fields) or 'no value'}.")
    missing = [name for name, field in fields.items() if field.default is REQUIRED and name not in values]
    if missing:
        raise UsageError(f"{kind.word}: {missing[0]} is missing: {fields[missing[0]].metadata['help']}")
    return kind(**values)


def write_chain(chain: Chain) -> str:
    """Write a chain as `parse_chain` reads it."""
    return " | ".join(_write(effect) for effect in chain.effects) or DRY


def _write(effect: Effect) -> str:
    if isinstance(effect, Mix):
        branches = (
            ("" if branch.weight == 1 else f"{_number(branch.weight)}: ") + write_chain(branch.chain)
            for branch in effect.branches
        )
        return f"mix({', '.join(branches)})"
    return " ".join([effect.word, *(f"{name}={_number(value)}" for name, value in effect.changed().items())])


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value).removesuffix(".0")


def _split(text: str) -> list[_Token]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].split()[0]
            raise UsageError(f"{rest!r} in the chain is neither a word, a number nor one of | ( ) , : =.")
        tokens.append(_Token(str(match.lastgroup), match[str(match.lastgroup)], match.start(str(match.lastgroup))))
        at = match.end()
    return [*tokens, _Token("end", "the end", end)]


class _Parser:
    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens, self._text, self._at = tokens, text, 0

    def read_all(self) -> Chain:
        if len(self._tokens) == 1:
            raise UsageError("The chain is empty.", remedy="Write effects, as in: compress | reverb; dry is no effect.")
        chain = self._read_chain(0)
        if self._now.kind != "end":
            raise self._unexpected("| or the end")
        return chain

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _took(self, sign: str) -> bool:
        took = self._now.kind == "sign" and self._now.text == sign
        self._at += took
        return took

    def _unexpected(self, expected: str) -> UsageError:
        where = "" if self._now.kind == "end" else f" at character {self._now.at + 1}"
        return UsageError(f"The chain has {self._now.text!r}{where}; expected {expected}.")

    def _read_chain(self, depth: int) -> Chain:
        effects = list(self._read_step(depth))
        while self._took("|"):
            effects += self._read_step(depth)
        return Chain(tuple(effects))

    def _read_step(self, depth: int) -> tuple[Effect, ...]:
        if self._now.kind != "word":
            raise self._unexpected("the word of an effect")
        word = self._next().text.lower()
        if word == DRY:
            return ()
        if word == Mix.word:
            return (self._read_mix(depth + 1),)
        if word in PRESETS:
            return _Parser(_split(PRESETS[word]), PRESETS[word]).read_all().effects
        return (build_effect(kind := find_effect(word), self._read_values(kind)),)

    def _read_mix(self, depth: int) -> Mix:
        if depth > MAX_DEPTH:
            raise UsageError(f"The chain has mixes within mixes {depth} deep; expected at most {MAX_DEPTH}.")
        if not self._took("("):
            raise self._unexpected("( and the chains to mix, as in mix(dry, delay 0.25)")
        branches = [self._read_branch(depth)]
        while self._took(","):
            branches.append(self._read_branch(depth))
        if not self._took(")"):
            raise self._unexpected("| or , or )")
        return Mix(tuple(branches))

    def _read_branch(self, depth: int) -> Branch:
        if self._now.kind != "number":
            return Branch(self._read_chain(depth))
        weight = float(self._next().text)
        if not self._took(":"):
            raise self._unexpected(": after the weight, as in 0.5: delay 0.25")
        return Branch(self._read_chain(depth), weight)

    def _read_values(self, kind: type[Effect]) -> dict[str, Any]:
        names = [field.name for field in dataclasses.fields(kind)]
        values: dict[str, Any] = {}
        while self._now.kind in ("number", "word"):
            token = self._next()
            if token.kind == "word" and self._took("="):
                name, value = token.text, self._read_value(kind, token.text)
            else:
                if len(values) == len(names):
                    raise UsageError(
                        f"{kind.word}: {token.text!r} is one value too many; expected {' '.join(names) or 'none'}, "
                        "or | before the next effect."
                    )
                name, value = names[len(values)], self._value_of(kind, names[len(values)], token)
            if name in values:
                raise UsageError(f"{kind.word}: {name} is given twice.")
            values[name] = value
        return values

    def _read_value(self, kind: type[Effect], name: str) -> Any:
        if self._now.kind not in ("number", "word"):
            raise self._unexpected(f"a value of {kind.word}'s {name}")
        return self._value_of(kind, name, self._next())

    @staticmethod
    def _value_of(kind: type[Effect], name: str, token: _Token) -> Any:
        if token.kind == "number":
            return float(token.text)
        if token.text in _BOOLEANS:
            return _BOOLEANS[token.text]
        near = difflib.get_close_matches(token.text, [*Effect.words, *PRESETS], 1, 0.7)
        hint = f"Write | before {near[0]}." if near else ""
        raise UsageError(f"{kind.word}: {name} is {token.text!r}; expected a number, yes or no.", remedy=hint)
