"""The strict reading of a spec: names in either case, types, and the combinations that Pachyderm refuses."""

import difflib
import json
import re
from typing import Any

from aeolian.engine.specs.cron import parse_moment, parse_schedule
from aeolian.engine.specs.documents import Document, Place
from aeolian.engine.specs.durations import seconds
from aeolian.engine.specs.fields import MESSAGES, NOT_APPLIED
from aeolian.engine.specs.globs import compile_glob
from aeolian.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
NAME_RULE = "letters, digits, _ and -, a letter or digit first, 63 at most"
REPROCESS_SPECS = ("until_success", "every_job")
_KINDS = ("pfs", "cross", "join", "group", "union", "cron")
_EXAMPLES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "map": "an object of texts",
    "duration": 'a duration such as "10m" or "1h30m"',
    "time": 'a time such as "2030-01-31T12:00:00Z"',
    "json": "text that holds JSON",
}


class Problems:
    """What is wrong with one document, gathered so that a person sees all of it at once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: list[str] = []
        self._not_applied: dict[str, str] = {}

    def add(self, place: Place, what: str) -> None:
        """One fault, at the value that `place` leads to."""
        line = self._document.line(place)
        where = f"{self._document.file}:{line}" if line else self._document.file
        self._found.append(f"{where}: {dotted(place) or 'the spec'}: {what}")

    def note(self, place: Place, reason: str) -> None:
        """A legal field that has no effect here."""
        self._not_applied.setdefault(dotted(place), reason)

    def not_applied(self) -> tuple[str, ...]:
        """A sentence for each legal field without effect."""
        return tuple(f"{name}: {reason}" for name, reason in self._not_applied.items())

    def raise_if_any(self) -> None:
        """Raises `UsageError` with every fault, one a line."""
        if self._found:
            raise UsageError("\n".join(self._found))


def dotted(place: Place) -> str:
    """A place as a person writes it: `input.cross[0].pfs.glob`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def check(data: Any, problems: Problems) -> Any:
    """`data` with snake_case names and plain types; every fault goes to `problems`."""
    value = _value(data, "CreatePipelineRequest", (), problems)
    if isinstance(value, dict):
        _check_pipeline(value, problems)
    return value


def _value(value: Any, kind: str, place: Place, problems: Problems) -> Any:
    if kind.endswith("[]"):
        if not isinstance(value, list):
            problems.add(place, f"is {_shown(value)}; a list belongs here")
            return []
        return [_value(part, kind[:-2], (*place, index), problems) for index, part in enumerate(value)]
    if kind in MESSAGES:
        return _message(value, kind, place, problems)
    read = _scalar(value, kind)
    if read is None:
        problems.add(place, f"is {_shown(value)}; {_EXAMPLES[kind]} belongs here")
        return {} if kind == "map" else value
    return read


def _message(value: Any, kind: str, place: Place, problems: Problems) -> dict[str, Any]:
    if not isinstance(value, dict):
        problems.add(place, f"is {_shown(value)}; an object with {_listed(MESSAGES[kind])} belongs here")
        return {}
    fields, read = MESSAGES[kind], {}
    for written, part in value.items():
        name = _snake(str(written))
        inner = (*place, str(written))
        if name not in fields:
            problems.add(inner, f"there is no such field. {_suggestion(name, kind)}")
            continue
        if name in read:
            problems.add(inner, f"{name} is there in both spellings")
        if part is None:
            continue
        read[name] = _value(part, fields[name], inner, problems)
        if read[name] and (reason := NOT_APPLIED.get((kind, name))):
            if name == "project" and read[name] in ("default", {"name": "default"}):
                continue
            problems.note(inner, reason)
    if kind == "SecretMount":
        _check_secret(read, place, problems)
    if kind == "Input" and value:
        _check_input_node(read, place, problems)
    return read


def _scalar(value: Any, kind: str) -> Any:
    """The value in its plain type, or None where it has another. Numbers may be texts, as in protobuf's JSON."""
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind in ("int", "float"):
        try:
            return (
                None
                if isinstance(value, bool)
                else int(value)
                if kind == "int" and value == value // 1
                else float(value)
            )
        except (TypeError, ValueError):
            return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else None
    if kind == "map":
        texts = isinstance(value, dict) and all(isinstance(part, str) for part in value.values())
        return {str(name): part for name, part in value.items()} if texts else None
    if not isinstance(value, str):
        return None
    try:
        if kind == "duration" and value:
            seconds(value)
        elif kind == "time" and value:
            parse_moment(value)
        elif kind == "json" and value:
            json.loads(value)
    except ValueError:
        return None
    return value


def _check_input_node(node: dict[str, Any], place: Place, problems: Problems) -> None:
    kinds = [kind for kind in _KINDS if kind in node]
    if len(kinds) != 1:
        have = " and ".join(kinds) or "none"
        problems.add(place, f"has {have}; exactly one of {', '.join(_KINDS)} belongs here")
        node.clear()
        return
    (kind,) = kinds
    value, inner = node[kind], (*place, kind)
    if kind == "pfs":
        _check_pfs(value, inner, problems)
    elif kind == "cron":
        for name in ("name", "spec"):
            if not value.get(name):
                problems.add(inner, f"lacks {name}")
        _check_schedule(value, inner, problems)
    elif not value:
        problems.add(inner, "is empty; it needs at least one input")


def _check_secret(value: dict[str, Any], place: Place, problems: Problems) -> None:
    if not value.get("name"):
        problems.add(place, "lacks name")
    if not value.get("env_var") and not value.get("mount_path"):
        problems.add(place, "has neither env_var nor mount_path, so the program would not see it")
    if value.get("env_var") and not value.get("key"):
        problems.add(place, "lacks key, which env_var needs")
    if not str(value.get("mount_path") or "/x").startswith("/") or value.get("mount_path") == "/":
        problems.add((*place, "mount_path"), f"is {_shown(value['mount_path'])}; a folder's absolute path belongs here")


def _check_schedule(value: dict[str, Any], place: Place, problems: Problems) -> None:
    try:
        parse_schedule(value.get("spec") or "@daily")
    except UsageError as error:
        problems.add((*place, "spec"), str(error))


def _check_pfs(value: dict[str, Any], place: Place, problems: Problems) -> None:
    for name in ("repo", "glob"):
        if not value.get(name):
            problems.add(place, f"lacks {name}")
    if value.get("commit"):
        problems.add((*place, "commit"), "an input follows a branch; a fixed commit is refused by Pachyderm too")
    name = value.get("name") or value.get("repo") or ""
    if name == "out":
        problems.add(place, "its name would be /pfs/out, where the output goes; give it another `name`")
    elif name and not NAME.fullmatch(name):
        problems.add(place, f"{name!r} is no name; a name has {NAME_RULE}")
    if value.get("s3") and (value.get("glob") != "/" or value.get("lazy") or value.get("empty_files")):
        problems.add(place, "s3 goes with glob / only, and without lazy and empty_files")
    if value.get("glob"):
        try:
            compile_glob(value["glob"])
        except UsageError as error:
            problems.add((*place, "glob"), str(error))


def _check_pipeline(data: dict[str, Any], problems: Problems) -> None:
    name = data.get("pipeline", {}).get("name", "")
    if not name:
        problems.add(("pipeline",), "lacks name")
    elif not NAME.fullmatch(name):
        problems.add(("pipeline", "name"), f"{name!r} is no name; a name has {NAME_RULE}")
    if "tf_job" in data:
        problems.add(("tf_job",), "Pachyderm no longer runs it")
    if "transform" not in data:
        problems.add((), "lacks transform")
    if not data.get("input") and "spout" not in data:
        problems.add((), "lacks input")
    if "spout" not in data and not data.get("transform", {}).get("cmd"):
        problems.add(("transform",), "lacks cmd, the program and its arguments")
    if "service" in data and data.get("parallelism_spec", {}).get("constant", 1) != 1:
        problems.add(("parallelism_spec", "constant"), "a service has exactly one worker")
    if data.get("reprocess_spec", REPROCESS_SPECS[0]) not in ("", *REPROCESS_SPECS):
        problems.add(("reprocess_spec",), f"is one of {', '.join(REPROCESS_SPECS)}")
    for field in ("datum_tries",):
        if isinstance(data.get(field), int) and data[field] < 0:
            problems.add((field,), "cannot be negative")
    constant = data.get("parallelism_spec", {}).get("constant", 0)
    if isinstance(constant, int) and constant < 0:
        problems.add(("parallelism_spec", "constant"), "cannot be negative")
    if data.get("input"):
        _check_names(data["input"], ("input",), problems, inside="")


def _check_names(node: dict[str, Any], place: Place, problems: Problems, inside: str) -> set[str]:
    """The input names below `node`; in a cross or join two inputs of one name would share a folder."""
    if not node:
        return set()
    ((kind, value),) = node.items()
    if kind in ("pfs", "cron"):
        if value.get("s3") and inside in ("join", "group", "union"):
            problems.add((*place, kind), f"s3 cannot be inside a {inside}")
        if inside == "join" and not value.get("join_on"):
            problems.add((*place, kind), "lacks join_on, which an input of a join needs")
        if inside == "group" and not value.get("group_by"):
            problems.add((*place, kind), "lacks group_by, which an input of a group needs")
        return {value.get("name") or value.get("repo", "")}
    names: set[str] = set()
    for index, part in enumerate(value):
        within = kind if kind in ("join", "group") else inside or kind
        below = _check_names(part, (*place, kind, index), problems, within)
        if kind in ("cross", "join") and (twice := names & below):
            problems.add((*place, kind, index), f"the name {min(twice)!r} is there twice; give one another `name`")
        names |= below
    return names


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)


def _suggestion(name: str, kind: str) -> str:
    near = difflib.get_close_matches(name, MESSAGES[kind], 1, 0.6)
    if near:
        return f"Did you mean {near[0]}?"
    elsewhere = sorted(message for message, fields in MESSAGES.items() if name in fields)
    if elsewhere and (home := _home(elsewhere[0])):
        return f"It belongs in {home}."
    return f"There are {_listed(MESSAGES[kind])}."


def _home(message: str) -> str:
    """A field that holds such a message, for "it belongs in transform"."""
    for fields in MESSAGES.values():
        for name, kind in fields.items():
            if kind.removesuffix("[]") == message:
                return name
    return "the top level" if message == "CreatePipelineRequest" else ""


def _listed(fields: dict[str, str]) -> str:
    return ", ".join(fields)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:39] + "…"
