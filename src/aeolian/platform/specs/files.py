"""Spec files: JSON or YAML, one pipeline, several documents, or a list, each value with the line it stands on."""

from pathlib import Path

from aeolian.errors import UsageError
from aeolian.platform.specs.documents import Document, Place
from aeolian.platform.specs.spec import Spec, parse
from aeolian.platform.specs.yaml_text import read_yaml

SUFFIXES = (".json", ".yaml", ".yml")


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
    """The pipelines in `text`, none if it is empty; `file` names it in errors.

    Raises `UsageError` for text that the server does not read, and for a document that is no pipeline.
    """
    documents: list[Document] = []
    for data, lines in read_yaml(text, file):
        where = f"{file}:{lines[()]}"
        if isinstance(data, dict):
            documents.append(Document(file, data, lines))
        elif not isinstance(data, list):
            what = "an empty document" if data is None else "neither a pipeline nor a list of them"
            raise UsageError(f"{where}: there is {what}.", remedy="Leave out a `---` that nothing follows.")
        elif not data:
            raise UsageError(f"{where}: the list holds no pipeline.")
        else:
            documents.extend(Document(file, part, _lines_of(index, lines)) for index, part in enumerate(data))
    return documents


def _lines_of(index: int, lines: dict[Place, int]) -> dict[Place, int]:
    """The lines of one pipeline of a list."""
    return {place[1:]: line for place, line in lines.items() if place[:1] == (index,)}
