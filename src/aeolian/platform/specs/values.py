"""The types of a spec's values, as protobuf's JSON takes them: what is read is plain and has snake_case names.

A null is a field that is not there. A whole number may be written `3`, `3.0` or `"3"`; an enum as its name or number;
a field by its name (`datum_tries`) or by its name in JSON (`datumTries`), but not by both.
"""

import difflib
import json
import math
import re
from collections.abc import Callable
from typing import Any

from aeolian.platform.specs.cron import parse_moment
from aeolian.platform.specs.documents import Place
from aeolian.platform.specs.durations import seconds
from aeolian.platform.specs.fields import ENUMS, MESSAGES, NOT_APPLIED, ONE_OF
from aeolian.platform.specs.problems import Problems, show_value

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1)}
# What stands for a value that could not be read, so that the rest can be looked at.
_EMPTY: dict[str, Any] = {"map": {}, "bool": False, "float": 0.0, **dict.fromkeys(_RANGES, 0)}
_FLOAT_MOST = 3.4028235677973366e38


def read_value(value: Any, kind: str, place: Place, problems: Problems) -> Any:
    """`value` as a `kind` of `fields.py`; every fault goes to `problems`."""
    if kind.endswith("[]"):
        if not isinstance(value, list):
            problems.add(place, f"is {show_value(value)}; a list belongs here")
            return []
        return [read_value(part, kind[:-2], (*place, index), problems) for index, part in enumerate(value)]
    if kind in MESSAGES:
        return _read_message(value, kind, place, problems)
    try:
        return _READERS[kind](value) if kind in _READERS else _read_enum(value, ENUMS[kind])
    except ValueError as error:
        problems.add(place, f"is {show_value(value)}; {error}")
        return _EMPTY.get(kind, "")


def _read_message(value: Any, kind: str, place: Place, problems: Problems) -> dict[str, Any]:
    fields = MESSAGES[kind]
    if not isinstance(value, dict):
        problems.add(place, f"is {show_value(value)}; an object with {', '.join(fields)} belongs here")
        return {}
    names = {_json_name(name): name for name in fields} | {name: name for name in fields}
    seen, read = set(), {}
    for written, part in value.items():
        inner, name = (*place, written), names.get(written, "")
        if not name:
            problems.add(inner, f"there is no such field. {_suggest(written, kind)}")
        elif name in seen:
            problems.add(inner, f"{name} is there in both spellings")
        elif part is not None:
            read[name] = read_value(part, fields[name], inner, problems)
            if (reason := NOT_APPLIED.get((kind, name))) and (read[name] or read[name] == {}):
                problems.note(inner, reason)
        seen.add(name)
    either = [name for name in ONE_OF.get(kind, ()) if name in read]
    if len(either) > 1:
        problems.add(place, f"has {' and '.join(either)}; one of them belongs here")
    return read


def _json_name(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text belongs here")
    return value


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false belongs here")
    return value


def _read_int(kind: str) -> Callable[[Any], int]:
    low, high = _RANGES[kind]

    def read(value: Any) -> int:
        number = _as_number(value)
        if number is None or number != number // 1:
            raise ValueError("a whole number belongs here")
        if not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} belongs here")
        return int(number)

    return read


def _read_float(value: Any) -> float:
    number = _as_number(value)
    if number is None or abs(number) > _FLOAT_MOST:
        raise ValueError("a number belongs here")
    return float(number)


def _as_number(value: Any) -> int | float | None:
    """A number, or the number that a text holds; None for anything else, also for NaN and infinity."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) and len(value) < 400:
        value = float(value) if re.search("[.eE]", value) else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read_map(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise ValueError("an object of texts belongs here")
    return dict(value)


def _read_duration(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('decimal seconds as a text belong here, such as "600s" or "1.5s"')
    seconds(value)
    return value


def _read_time(value: Any) -> str:
    try:
        parse_moment(_read_text(value))
    except (ValueError, OverflowError):
        raise ValueError('a time such as "2030-01-31T12:00:00Z" belongs here') from None
    return str(value)


def _read_json(value: Any) -> str:
    try:
        if _read_text(value):
            json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ValueError("text that holds JSON belongs here") from None
    return str(value)


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def _read_enum(value: Any, names: tuple[str, ...]) -> str:
    number = None if isinstance(value, str) else _as_number(value)
    if number is not None and number in range(len(names)):
        return names[int(number)]
    if value not in names:
        raise ValueError(f"one of {', '.join(names)} belongs here")
    return str(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "str": _read_text,
    "bool": _read_bool,
    "float": _read_float,
    "map": _read_map,
    "duration": _read_duration,
    "time": _read_time,
    "json": _read_json,
    **{kind: _read_int(kind) for kind in _RANGES},
}


def _suggest(written: str, kind: str) -> str:
    """Where a field that is not there may belong, or what it may have meant."""
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), written)
    near = difflib.get_close_matches(name, MESSAGES[kind], 1, 0.6) or [
        field for field in MESSAGES[kind] if field.lower() == name.lower()
    ]
    if near:
        return f"Did you mean {near[0]}?"
    homes = sorted(message for message, fields in MESSAGES.items() if name in fields)
    if homes and (home := _home(homes[0])):
        return f"It belongs in {home}."
    return f"There are {', '.join(MESSAGES[kind])}."


def _home(message: str) -> str:
    """A field that holds such a message, for "it belongs in transform"."""
    for fields in MESSAGES.values():
        for name, kind in fields.items():
            if kind.removesuffix("[]") == message:
                return name
    return "the top level" if message == "CreatePipelineRequest" else ""
