"""How much of a seed is gone on from, and where a continuation is to lead."""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aeolian.errors import InputError, UsageError

if TYPE_CHECKING:
    from aeolian.formats.meter import Meter
    from aeolian.music.codec import Tokens

log = logging.getLogger(__name__)


def beginning(prime: str, events: "Tokens", meter: "Meter") -> "Tokens":
    """So much of a seed's events: a number of them, seconds (30s) or bars (8bars); 0 for all. Raises UsageError."""
    from aeolian.music.codec import until

    number, unit = read_amount(prime)
    if not unit:
        return events[: int(number) or None]
    seconds = number if unit == "s" else meter.begin_of_bar(int(number))
    return until(events, seconds) if number else events


def read_amount(prime: str) -> tuple[float, str]:
    """A number and its unit: none, s or bars. Raises UsageError."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(s|bars?)?\s*", str(prime))
    unit = ((match and match[2]) or "").removesuffix("s") or ("s" if match and match[2] == "s" else "")
    if match is None or (unit != "s" and "." in match[1]):
        raise UsageError(
            f"--prime {prime} is no part of a seed.", remedy="Say events (500), seconds (30s) or bars (8bars)."
        )
    return float(match[1]), unit


def read_goal(path: Path) -> "Tokens":
    """The events to lead over to. Raises UsageError if there are none."""
    from aeolian.formats.midi import read_score
    from aeolian.music.codec import encode

    try:
        score = read_score(path)
        goal = encode(score.notes())
    except (InputError, OSError) as error:
        raise UsageError(f"--bridge_to {path} cannot be read: {error}.") from None
    if not len(goal):
        raise UsageError(f"--bridge_to {path} has no notes to lead over to.")
    for remark in score.remarks:
        log.warning("generate: %s: %s", path, remark)
    return goal
