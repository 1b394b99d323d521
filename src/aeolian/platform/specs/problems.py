"""What is wrong with one spec, gathered so that a person sees all of it at once."""

import json
from typing import Any

from aeolian.errors import UsageError
from aeolian.platform.specs.documents import Document, Place


class Problems:
    """The faults of one document, and its legal fields without effect."""

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

    def __len__(self) -> int:
        return len(self._found)

    def raise_if_any(self) -> None:
        """Raises `UsageError` with every fault, one a line."""
        if self._found:
            raise UsageError("\n".join(self._found))


def dotted(place: Place) -> str:
    """A place as a person writes it: `input.cross[0].pfs.glob`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def show_value(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:39] + "…"
