"""The `trigger` of a pfs input or a branch: when a branch moves up to another."""

import re
from dataclasses import dataclass
from typing import Any

from aeolian.errors import UsageError

_SIZE = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+) ?(?:b|([kmgtp])(?:b|ib)?)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


@dataclass(frozen=True)
class Trigger:
    """Conditions on `branch`, any of which will do, or with `all` every one. 0 and "" are none.

    `cron_spec` alone stands for itself: where it is given, the others do not count.
    """

    branch: str
    all: bool = False
    rate_limit_spec: str = ""
    size_bytes: int = 0
    commits: int = 0
    cron_spec: str = ""


def read_trigger(data: dict[str, Any]) -> Trigger:
    """The trigger that checked data describe; it looks at `master` if nothing else is said."""
    return Trigger(
        branch=data.get("branch") or "master",
        all=data.get("all", False),
        rate_limit_spec=data.get("rate_limit_spec", ""),
        size_bytes=parse_size(data["size"]) if data.get("size") else 0,
        commits=data.get("commits", 0),
        cron_spec=data.get("cron_spec", ""),
    )


def parse_size(text: str) -> int:
    """Bytes, of "10M" or "1.5 GB", in thousands. Raises `UsageError`."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no size.", remedy='Write it as "500K", "10M" or "1.5GB".')
    return int(float(found[1]) * 1000 ** _POWERS[(found[2] or "").lower()])
