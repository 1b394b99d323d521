"""What lists and `inspect` print: a table, our own JSON or YAML, or with `--raw` the documents that pachctl prints."""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Message = dict[str, Any]
Callback = TypeVar("Callback", bound=Callable[..., Any])
_PRIVATE = {"row", "seq", "pipeline_row", "datums"}  # rows and trees of the database


@dataclasses.dataclass(frozen=True)
class Output:
    """What `-o` and `--raw` ask for. shape: table, json, yaml; `raw` means pachctl's documents."""

    shape: str = "table"
    raw: bool = False

    def prints(self, ours: Any, raw: Iterable[Message] = ()) -> bool:
        """Print `ours` as one value, or the documents `raw` one after another; return False where a table is wanted."""
        if self.raw:
            print_documents(raw, self.shape)
        elif self.shape == "table":
            return False
        elif self.shape == "json":
            print_json(ours)
        else:
            click.echo(_as_yaml(plain(ours)), nl=False)
        return True


def output_option(callback: Callback) -> Callback:
    """Add `-o table|json|yaml` and `--raw` to a command, which gets them as `output`."""
    raw = click.option(
        "--raw", is_flag=True, help="Print what pachctl --raw prints, as JSON or, with -o yaml, as YAML."
    )
    return _shape_option(raw(_gather(callback)))


def own_output_option(callback: Callback) -> Callback:
    """Add `-o table|json|yaml` alone, for what pachctl does not have."""
    return _shape_option(_gather(callback))


_shape_option = click.option(
    "-o", "--output", type=click.Choice(["table", "json", "yaml"]), help="Shape of the output.  [default: table]"
)


def _gather(callback: Callback) -> Callback:
    @functools.wraps(callback)
    def gathered(*values: Any, output: str | None, raw: bool = False, **options: Any) -> Any:
        shape = output or ("json" if raw else "table")
        if raw and shape == "table":
            raise click.UsageError("--raw has no table. Use -o json or -o yaml.")
        return callback(*values, output=Output(shape, raw), **options)

    return gathered  # type: ignore[return-value]


def plain(value: Any) -> Any:
    """Return `value` as JSON has it: dataclasses become objects, without the rows of the database."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name not in _PRIVATE}
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | Iterator):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def print_json(value: Any) -> None:
    """Print `value` as indented JSON on stdout."""
    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def print_documents(documents: Iterable[Message], shape: str) -> None:
    """Print JSON documents one after another, or YAML documents parted by `---`."""
    for number, document in enumerate(documents):
        if shape == "yaml":
            click.echo(("---\n" if number else "") + _as_yaml(document), nl=False)
        else:
            click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _as_yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=True, width=1 << 16))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns on stdout, as wide as they need, without lines, so that other programs can read them too."""
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    for row in (titles, *rows):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and values on stdout, a line each."""
    width = max(len(name) for name, _ in facts) + 1
    for name, value in facts:
        click.echo(f"{name + ':':<{width}} {value}".rstrip())
