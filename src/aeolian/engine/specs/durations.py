"""Durations as Go writes them: `10m`, `1h30m`, `1.5s`, `250ms`."""

import re

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


def seconds(text: str) -> float:
    """The seconds of a duration. Raises `ValueError` for anything else, also for a number without a unit."""
    parts, end = [], 0
    while match := _PART.match(text, end):
        parts.append(float(match[1]) * _UNITS_S[match[2]])
        end = match.end()
    if not parts or end != len(text):
        raise ValueError(text)
    return sum(parts)
