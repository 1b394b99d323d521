"""Chains as JSON: a list of objects, each with the word of an effect and the fields that differ from the default.

[{"effect": "delay", "delay_s": 0.25}, {"effect": "mix", "branches": [{"weight": 0.5, "chain": []}]}]
"""

import json
from typing import Any

from aeolian.effects.chain import Branch, Chain, Mix
from aeolian.effects.effect import Effect
from aeolian.effects.language import MAX_CHARACTERS, MAX_DEPTH, build_effect, check_size, find_effect, parse_chain
from aeolian.errors import UsageError


def read_chain(text: str) -> Chain:
    """Read a chain in either form: JSON if it begins with `[`, else the language, without lines that begin with `#`.

    Raises `UsageError`.
    """
    if text.lstrip().startswith("["):
        return from_json(text)
    return parse_chain("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))


def to_json(chain: Chain) -> str:
    """Write a chain as JSON."""
    return json.dumps(_plain(chain))


def from_json(text: str) -> Chain:
    """Read a chain from JSON. Raises `UsageError`, which names what is wrong and where."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"The chain has {len(text):,} characters; expected at most {MAX_CHARACTERS:,}.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The chain is no JSON: {error}.") from error
    return check_size(_chain(value, "the chain", 0))


def _plain(chain: Chain) -> list[dict[str, Any]]:
    return [_plain_effect(effect) for effect in chain.effects]


def _plain_effect(effect: Effect) -> dict[str, Any]:
    if isinstance(effect, Mix):
        branches = [{"weight": branch.weight, "chain": _plain(branch.chain)} for branch in effect.branches]
        return {"effect": effect.word, "branches": branches}
    return {"effect": effect.word, **effect.changed()}


def _chain(value: Any, where: str, depth: int) -> Chain:
    if depth > MAX_DEPTH:
        raise UsageError(f"The chain has mixes within mixes {depth} deep; expected at most {MAX_DEPTH}.")
    return Chain(tuple(_effect(item, f"{where}[{i}]", depth) for i, item in enumerate(_list(value, where))))


def _effect(value: Any, where: str, depth: int) -> Effect:
    if not isinstance(value, dict) or not isinstance(value.get("effect"), str):
        raise UsageError(f'{where} is {value!r}; expected an object such as {{"effect": "reverb"}}.')
    values = {name: item for name, item in value.items() if name != "effect"}
    kind = find_effect(value["effect"])
    if kind is Mix and "branches" in values:
        branches = enumerate(_list(values["branches"], f"{where}.branches"))
        values["branches"] = tuple(_branch(item, f"{where}.branches[{i}]", depth + 1) for i, item in branches)
    return build_effect(kind, values)


def _branch(value: Any, where: str, depth: int) -> Branch:
    if not isinstance(value, dict) or "chain" not in value or not value.keys() <= {"chain", "weight"}:
        raise UsageError(f'{where} is {value!r}; expected an object such as {{"weight": 0.5, "chain": []}}.')
    return Branch(_chain(value["chain"], f"{where}.chain", depth), value.get("weight", 1.0))


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError(f"{where} is {value!r}; expected a list.")
    return value
