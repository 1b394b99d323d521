"""Where the commands read a spec: a file, standard input, an address of the web, or a Jsonnet template."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from aeolian.cli.common import warn
from aeolian.engine.versions.pipelines import Arguments
from aeolian.errors import UsageError
from aeolian.platform.specs.files import parse_documents, read_specs
from aeolian.platform.specs.spec import Spec, parse

Callback = TypeVar("Callback", bound=Callable[..., Any])
_STANDARD_INPUT = "<standard input>"
_MOST_BYTES = 16 << 20  # of a spec that is fetched
_LOCAL = "aeolian.local_addresses"


def file_option(callback: Callback) -> Callback:
    """Add `-f`, which may be left out, and `--jsonnet`."""
    file = click.option(
        "-f", "--file", "spec", help="JSON or YAML file of pipelines, or its URL; - or nothing is standard input."
    )
    jsonnet = click.option(
        "--jsonnet", help="Jsonnet template of pipelines instead; --arg NAME=VALUE are its arguments."
    )
    local = click.option(
        "--allow-local-addresses",
        is_flag=True,
        expose_value=False,
        callback=_remember_local,
        help="Fetch a URL of this machine and network too.",
    )
    return file(jsonnet(local(callback)))


def _remember_local(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta[_LOCAL] = value


def read_source(spec: str | None, jsonnet: str | None = None, args: Sequence[str] = ()) -> list[Spec]:
    """Return the pipelines that `-f` or `--jsonnet` names. Raises `UsageError` for what cannot be read or is wrong."""
    if spec is not None and jsonnet is not None:
        raise UsageError("--file and --jsonnet are two sources.", remedy="Give one of them.")
    if jsonnet is not None:
        return _read_template(jsonnet, _template_arguments(args))
    if spec is None or spec == "-":
        return _parse_text(_read_standard_input(), _STANDARD_INPUT)
    if _is_url(spec):
        return _parse_text(_fetch(spec), spec)
    return read_specs(Path(spec))


def read_text(place: str) -> str:
    """Return the text of a file; `-` is standard input. Raises `UsageError`."""
    return _read_standard_input() if place == "-" else _read_file(Path(place))


def split_arguments(args: Sequence[str]) -> dict[str, Arguments]:
    """Return the flags of each pipeline: `midi:--epochs=2` or `midi:epochs=2` → {"midi": (("--epochs", "2"),)}."""
    found: dict[str, Arguments] = {}
    for arg in args:
        pipeline, colon, setting = arg.partition(":")
        flag, equals, value = setting.partition("=")
        if not (colon and equals and pipeline and flag):
            remedy = "Write it as PIPELINE:FLAG=VALUE; NAME=VALUE is for --jsonnet."
            raise UsageError(f"--arg {arg!r} is not clear.", remedy=remedy)
        flag = flag if flag.startswith("-") else f"--{flag}"
        found[pipeline] = (*found.get(pipeline, ()), (flag, value))
    return found


def _template_arguments(args: Sequence[str]) -> dict[str, str]:
    found = {}
    for arg in args:
        name, equals, value = arg.partition("=")
        if not (name and equals):
            raise UsageError(f"--arg {arg!r} is not clear.", remedy="With --jsonnet, write it as NAME=VALUE.")
        found[name] = value
    return found


def _read_template(place: str, arguments: dict[str, str]) -> list[Spec]:
    from aeolian.platform.specs.jsonnet import render_template

    text = _fetch(place) if _is_url(place) else read_text(place)
    name = _STANDARD_INPUT if place == "-" else place
    folder = None if place == "-" or _is_url(place) else Path(place).parent
    specs = _parse_text(render_template(text, arguments, name=name, folder=folder), name)
    return [replace(spec, file=Path(place)) for spec in specs] if folder is not None else specs


def _parse_text(text: str, name: str) -> list[Spec]:
    """Return the pipelines of a text, which lies in no folder where their programs could be."""
    return [replace(parse(document), file=None) for document in parse_documents(text, name)]


def _read_standard_input() -> str:
    if sys.stdin.isatty():
        warn("reading from standard input; Ctrl-D ends it, -f FILE reads a file")
    return _decode(sys.stdin.buffer.read(), _STANDARD_INPUT)


def _read_file(path: Path) -> str:
    try:
        return _decode(path.read_bytes(), str(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {reason}.") from None


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not text in UTF-8 (byte {error.start}).") from None


def _is_url(place: str) -> bool:
    scheme, colon, _ = place.partition("://")
    return bool(colon) and scheme.isalnum()


def _fetch(url: str) -> str:
    from aeolian.platform.sources.fetch import open_url

    context = click.get_current_context(silent=True)
    with open_url(url, allow_local=bool(context and context.meta.get(_LOCAL))) as body:
        content = body.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{url} is longer than {_MOST_BYTES >> 20} MiB.", remedy="It is no spec.")
    return _decode(content, url)
