"""Pipeline specs made by a Jsonnet template: a function whose arguments, all texts, the command line gives.

As with pachctl the template's value is one spec or a list of them. A template may import what lies in its own
folder and below, and nothing else; pachd imports from http addresses alone.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from aeolian.errors import UsageError

_PLACE = re.compile(r"\t\(?([^\t\n]*:\(?\d+:\d+[^\t\n]*)")
_LONG = 300


def render_template(text: str, arguments: Mapping[str, str], *, name: str, folder: Path | None) -> str:
    """Return the JSON that a template makes of `arguments`; it imports from below `folder`, or not at all.

    Raises `UsageError`, with `name` and the place in it, for a template that cannot be evaluated.
    """
    try:
        import _jsonnet  # noqa: PLC0415  a library in C, which nothing else needs
    except ImportError:
        raise UsageError(
            "Jsonnet templates need the package `jsonnet`.", remedy="Install it: pip install jsonnet"
        ) from None
    try:
        return str(
            _jsonnet.evaluate_snippet(
                name,
                text,
                tla_vars=dict(arguments),
                import_callback=lambda base, path: _read_import(folder, base, path),
            )
        )
    except RuntimeError as error:
        raise UsageError(f"{name}: {_summarize(str(error))}") from None


def _read_import(folder: Path | None, base: str, path: str) -> tuple[str, bytes]:
    """Return path and content of what a template imports. An exception's text becomes part of Jsonnet's error."""
    if folder is None:
        raise RuntimeError(f"{path} cannot be imported: this template has no folder")
    root = folder.resolve()
    found = ((Path(base) if base else root) / path).resolve()
    if not found.is_relative_to(root):
        raise RuntimeError(f"{path} is outside the template's folder, {root}")
    try:
        return str(found), found.read_bytes()
    except OSError as error:
        raise RuntimeError(f"{path} cannot be read: {error.strerror}") from None


def _summarize(message: str) -> str:
    """Return Jsonnet's message in one line: what is wrong, and the first place that it names."""
    lines = message.strip().split("\n")
    what = " ".join(line.strip() for line in lines if not line.startswith("\t"))
    what = re.sub(r"^(RUNTIME|STATIC) ERROR: ", "", what)
    place = _PLACE.search(message)
    text = f"{what.rstrip('.')}{f' ({place[1]})' if place else ''}."
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
