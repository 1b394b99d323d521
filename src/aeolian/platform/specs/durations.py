"""Two ways to write a duration: a spec's, decimal seconds (`600s`, `1.5s`), and Go's, after `@every` (`1h30m`)."""

import re

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = re.compile(r"([+-]?(?=[.0-9])(?:0|[1-9][0-9]*)?(?:\.[0-9]{0,9})?)s")
MOST_S = 315_576_000_000
_MOST_OF_GO_S = 2**63 / 1e9


def seconds(text: str) -> float:
    """The seconds of a duration in a spec. Raises `ValueError`, with the right spelling where it can be guessed."""
    found = _SECONDS.fullmatch(text)
    value = float(found[1]) if found and re.search("[0-9]", found[1]) else 0.0 if found else None
    if value is None:
        raise ValueError(_remedy(text))
    if abs(value) > MOST_S:
        raise ValueError(f"{MOST_S}s are the most")
    return value


def go_seconds(text: str) -> float:
    """The seconds of a duration of Go. Raises `ValueError` for anything else, also for a number without a unit."""
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    parts, end = [], 0
    while match := _PART.match(rest, end):
        parts.append(float(match[1]) * _UNITS_S[match[2]])
        end = match.end()
    if not parts or end != len(rest):
        raise ValueError(text)
    if sum(parts) > _MOST_OF_GO_S:
        raise ValueError(text)
    return sign * sum(parts)


def _remedy(text: str) -> str:
    """How the same duration is written in a spec."""
    try:
        value = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else go_seconds(text)
    except ValueError:
        return 'decimal seconds such as "600s" or "1.5s" belong here'
    written = f"{value:.9f}".rstrip("0").rstrip(".")
    return f'durations are decimal seconds: write "{written}s"'
