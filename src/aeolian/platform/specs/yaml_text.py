"""YAML as the server reads it: each document as plain data, and the line of each of its values.

The server's reader (yaml.v3 of Go) takes plain words as YAML 1.2 does: `yes`, `no` and `on` are texts. What JSON does
not have is refused: aliases, merge keys, times, `01`, `0x10`, `.inf`, tags of one's own, keys that are no texts. Of a
key that is there twice the last counts. A field `$schema` is left out, wherever it stands.
"""

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import yaml

from aeolian.errors import UsageError
from aeolian.platform.specs.documents import Place

SCHEMA_KEY = "$schema"
_TAG = "tag:yaml.org,2002:"
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = ("", "~", "null", "Null", "NULL")
_INT = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[0-9]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TIME = re.compile(
    r"(\d{4}-\d\d?-\d\d?)([Tt]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[-+]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(\.\d+)?)?", re.ASCII
)
_JSON_INT = re.compile(r"0|-?[1-9][0-9]*")
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with tabs where the server allows them, and without aliases and the escape `\\/`."""

    ESCAPE_REPLACEMENTS = {  # type: ignore[misc]  # noqa: RUF012
        c: text for c, text in yaml.SafeLoader.ESCAPE_REPLACEMENTS.items() if c != "/"
    }

    def scan_to_next_token(self) -> None:
        """Skips spaces, comments and line breaks; tabs too, but for those that indent a block."""
        if self.index == 0 and self.peek() == "\ufeff":
            self.forward()
        while True:
            while self.peek() == " " or (self.peek() == "\t" and (self.flow_level or not self.allow_simple_key)):
                self.forward()
            if self.peek() == "#":
                while self.peek() not in "\0\r\n\x85\u2028\u2029":
                    self.forward()
            if not self.scan_line_break():  # type: ignore[no-untyped-call]
                return
            if not self.flow_level:
                self.allow_simple_key = True

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node. Refuses an alias."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem=f"the alias *{event.anchor} is nothing that the server reads; write its value here",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """The tag of a node without one: of a plain word, what it looks like."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _TAG + _kind_of_word(value)
        return {yaml.ScalarNode: _TAG + "str", yaml.SequenceNode: _TAG + "seq"}.get(kind, _TAG + "map")


def read_yaml(text: str, file: str) -> Iterator[tuple[Any, dict[Place, int]]]:
    """Each document of `text` and its lines. Raises `UsageError` with file, line and what is wrong."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            lines: dict[Place, int] = {}
            node = loader.get_node()
            if node is not None:
                yield _read_node(node, (), lines, file), lines
    except yaml.MarkedYAMLError as error:
        raise UsageError(_explain(error, text, file), remedy=_remedy(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(f"{file}:{line}: the character #x{ord(str(error.character)):04x} is none of YAML.") from None
    except RecursionError:
        raise UsageError(f"{file}: it is nested too deeply to be read.") from None


def _explain(error: yaml.MarkedYAMLError, text: str, file: str) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"{file}: {error.problem or error}."
    context = f" ({error.context})" if error.context else ""
    found = "a tab cannot indent" if text[mark.index : mark.index + 1] == "\t" else error.problem
    return f"{file}:{mark.line + 1}: {found}{context}, at column {mark.column + 1}."


def _remedy(error: yaml.MarkedYAMLError) -> str:
    if "document start" in str(error.problem):
        return "Part several documents by a line `---`, or put them in a list. A file is read whole: nothing is made."
    return ""


def _kind_of_word(word: str) -> str:
    """What a plain word is to yaml.v3: the name of a tag."""
    if word in _BOOLEANS:
        return "bool"
    if word in _NULLS:
        return "null"
    if word == "<<":
        return "merge"
    if _NOT_FINITE.fullmatch(word):
        return "float"
    if word[0] not in "+-.0123456789":
        return "str"
    if _is_time(word):
        return "timestamp"
    plain = word.replace("_", "")
    if _INT.fullmatch(plain) and not (len(plain.lstrip("+-")) > 19 and plain.lstrip("+-").isdigit()):
        return "int" if not re.fullmatch(r"[-+]?0[0-9]*[89][0-9]*", plain) else "float"
    return "float" if _FLOAT.fullmatch(plain) and math.isfinite(float(plain)) else "str"


def _is_time(word: str) -> bool:
    found = _TIME.fullmatch(word)
    if found is None:
        return False
    try:
        datetime(*map(int, found[1].split("-")))  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def _read_node(node: yaml.Node, place: Place, lines: dict[Place, int], file: str) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _read_mapping(node, place, lines, file)
    if isinstance(node, yaml.SequenceNode):
        return [_read_node(part, (*place, index), lines, file) for index, part in enumerate(node.value)]
    return _read_scalar(node, f"{file}:{node.start_mark.line + 1}")


def _read_mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int], file: str) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = _read_node(key_node, ("?",), {}, file)
        if not isinstance(key, str):
            raise UsageError(f"{file}:{line}: the key {key_node.value!r} is no text.", remedy="Put it in quotes.")
        if key == SCHEMA_KEY:
            continue
        for inner in [inner for inner in lines if inner[: len(place) + 1] == (*place, key)] if key in read else ():
            del lines[inner]
        lines[(*place, key)] = line
        read[key] = _read_node(value_node, (*place, key), lines, file)
    return read


def _read_scalar(node: yaml.Node, where: str) -> Any:
    word, kind = str(node.value), str(node.tag).removeprefix(_TAG)
    if kind == "str" or node.tag == "!":
        if _SURROGATE.search(word):
            raise UsageError(f"{where}: \\ud800 to \\udfff are no characters.", remedy="Write the character itself.")
        return word
    if kind == "null":
        return None
    if kind == "bool" and word.lower() in ("true", "false"):
        return word.lower() == "true"
    if kind == "int" and _JSON_INT.fullmatch(word) and len(word) < 4000:
        return int(word)
    if kind == "float" and _JSON_NUMBER.fullmatch("0" * word.startswith(".") + word):
        return float(word)
    what = {
        "int": f"{word} is no decimal number as JSON writes it",
        "float": f"{word} is no number as JSON writes it",
        "bool": f"{word} is neither true nor false",
        "timestamp": f"{word} without quotes is a time, which the server does not read",
        "merge": "<< (a merge key) is nothing that the server reads",
    }.get(kind, f"the tag {node.tag} is nothing that the server reads")
    raise UsageError(f"{where}: {what}.", remedy="Put it in quotes if it is a text.")
