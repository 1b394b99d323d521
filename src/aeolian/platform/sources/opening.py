"""What the sources of a put hold, one after another, and the names under which that is stored."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from aeolian import names
from aeolian.errors import UsageError
from aeolian.platform.sources.archives import read_members
from aeolian.platform.sources.selection import Item


def open_item(item: Item, left_out: list[tuple[str, str]]) -> Iterator[tuple[str, Path | str | BinaryIO]]:
    """Yield path and source of the file, or of each file in the archive, that an item stands for."""
    if not callable(item.source) and not item.archive:
        yield item.path, item.source
        return
    with contextlib.ExitStack() as opened:
        stream = opened.enter_context(contextlib.closing(item.source())) if callable(item.source) else item.source
        if not item.archive or isinstance(stream, Path | str):
            yield item.path, stream
            return
        for path, content in read_members(stream, item.archive, left_out):
            yield f"{item.path.rstrip('/')}{path}", content


def accept(path: str, *, strict: bool) -> str:
    """Return `path`, or the nearest that Pachyderm takes. Raises `UsageError` with `strict`, where that is another."""
    wanted = path.lstrip("/")
    reason = names.refusal(wanted)
    if reason is None:
        return f"/{wanted}"
    proposal = names.acceptable(wanted)
    if strict:
        raise UsageError(f"Pachyderm refuses the name {wanted!r}: {reason}.", remedy=f"Put it as {proposal}.")
    return f"/{proposal}"
