"""Spec files: JSON or YAML, one pipeline, several documents, or a list, each value with the line it stands on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from aeolian.engine.specs.documents import Document, Place
from aeolian.engine.specs.spec import Spec, parse
from aeolian.errors import UsageError

SUFFIXES = (".json", ".yaml", ".yml")


class _Loader(yaml.SafeLoader):
    """YAML whose times stay text, as the server reads them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def spec_files(path: Path) -> list[Path]:
    """`path` itself, or the spec files of the folder `path`, by name. Raises `UsageError` if there are none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(
            f"There is no pipeline spec at {path}.", remedy="Give a JSON or YAML file, or a folder of them."
        )
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    if not found:
        raise UsageError(
            f"The folder {path} holds no pipeline spec.", remedy="A spec's name ends in .json, .yaml or .yml."
        )
    return found


def read_specs(path: Path) -> list[Spec]:
    """The pipelines of a file, or of every spec file of a folder. Raises `UsageError` naming every fault of a file."""
    return [parse(document) for file in spec_files(path) for document in read_documents(file)]


def read_documents(path: Path) -> list[Document]:
    """The pipelines of one file. Raises `UsageError` for text that is neither JSON nor YAML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8 (byte {error.start}).") from None
    return parse_documents(text, str(path))


def parse_documents(text: str, file: str) -> list[Document]:
    """The pipelines in `text`; `file` names it in errors."""
    if text.lstrip()[:1] in ("{", "["):
        _refuse_broken_json(text, file)
    documents: list[Document] = []
    loader = _Loader(text.replace("\t", "    "))
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
                lines: dict[Place, int] = {}
                _note_lines(part, (), lines, file)
                documents.append(Document(file, loader.construct_document(part), lines))
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"{file}{line}: {error.problem or error}.") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: {error}.") from None
    finally:
        loader.dispose()
    if not documents:
        raise UsageError(f"{file} holds no pipeline spec.")
    return documents


def _refuse_broken_json(text: str, file: str) -> None:
    """YAML forgives what the server's JSON reader does not, and explains it worse."""
    decoder, place = json.JSONDecoder(), 0
    try:
        while place < len(text) and (rest := text[place:].lstrip()):
            place = len(text) - len(rest)
            place += decoder.raw_decode(rest)[1]
    except json.JSONDecodeError as error:
        line = text.count("\n", 0, place) + error.lineno
        raise UsageError(f"{file}:{line}: {error.msg}, at column {error.colno}.") from None
    if place and len(list(_json_values(text))) > 1:
        raise UsageError(
            f"{file}: several JSON documents in one file.", remedy="Put them in a list, or part them by a line `---`."
        )


def _json_values(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:]


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], file: str) -> None:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                raise UsageError(f"{file}:{key.start_mark.line + 1}: {key.value!r} is there twice.")
            _note_lines(value, inner, lines, file)
            lines[inner] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*place, index), lines, file)
