"""When a cron input ticks: the language of robfig/cron's standard parser, which Pachyderm reads, in UTC.

Five fields (minute 0-59, hour 0-23, day of the month 1-31, month 1-12 or jan-dec, day of the week 0-6 or sun-sat), each
a list of `*`, `?`, `n`, `n-m`, with `/step`; or @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly; or
`@every 1h30m`, which counts from the tick before; or @never. Where both kinds of day are restricted, either will do;
a day that begins with a star, `*/2` too, is none of these: then both must fit.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aeolian.errors import UsageError
from aeolian.platform.specs.durations import go_seconds

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6))
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMES = {
    "month": {name: n for n, name in enumerate(_MONTHS, 1)},
    "day of the week": {n: i for i, n in enumerate(_DAYS)},
}
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_PART = re.compile(r"(?:([*?])(?:-.*?)?|(\+?\w+)(?:-(\+?\w+))?)(?:/\+?(\d+))?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
# The 29th of February comes after eight years at most; what has not come by then never does.
_FAR = timedelta(days=8 * 366)
_WINDOWS = tuple(timedelta(days=days) for days in (1 / 24, 1, 31, 366))


@dataclass(frozen=True)
class Every:
    """A tick each `period` after the one before."""

    period: timedelta

    def next(self, after: datetime) -> datetime | None:
        """The first tick after the moment `after`, in whole seconds."""
        return after.replace(microsecond=0) + self.period

    def last(self, after: datetime, until: datetime) -> datetime | None:
        """The last of the ticks later than `after` and no later than `until`, None if there is none."""
        count = (until - after.replace(microsecond=0)) // self.period
        return after.replace(microsecond=0) + count * self.period if count > 0 else None


@dataclass(frozen=True)
class Fields:
    """A tick at each minute that five fields describe; `either_day` where one of the two kinds of day will do."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next(self, after: datetime) -> datetime | None:
        """The first tick after the moment `after`; None if there never is one (30th of February)."""
        first = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = first.replace(hour=0, minute=0)
        while day - first <= _FAR:
            if self._has_day(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        moment = day.replace(hour=hour, minute=minute)
                        if moment >= first:
                            return moment
            day += timedelta(days=1)
        return None

    def last(self, after: datetime, until: datetime) -> datetime | None:
        """The last of the ticks later than `after` and no later than `until`, None if there is none."""
        for window in (*_WINDOWS, until - after):
            found = None
            moment = self.next(max(after, until - window))
            while moment is not None and moment <= until:
                found, moment = moment, self.next(moment)
            if found is not None or until - window <= after:
                return found
        return None

    def _has_day(self, day: datetime) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (in_month or in_week if self.either_day else in_month and in_week)


@dataclass(frozen=True)
class Never:
    """No tick but those made by hand."""

    def next(self, after: datetime) -> None:
        """None."""

    def last(self, after: datetime, until: datetime) -> None:
        """None."""


Schedule = Every | Fields | Never


def parse_schedule(text: str) -> Schedule:
    """The schedule that a cron input's `spec` describes. Raises `UsageError` with what is wrong and what is allowed."""
    if text.strip() == "@never":
        return Never()
    if text.startswith("@every "):
        try:
            period = go_seconds(text.removeprefix("@every "))
        except ValueError:
            raise UsageError(f"{text!r} has no duration.", remedy='Write it as "@every 1h30m".') from None
        return Every(timedelta(seconds=max(int(period), 1)))
    if text.startswith("@") and text not in _NICKNAMES:
        raise UsageError(
            f"{text!r} is no schedule.", remedy=f"There is {', '.join(_NICKNAMES)}, @never and @every DURATION."
        )
    if "TZ=" in text:
        raise UsageError(f"{text!r} names a time zone.", remedy="Schedules are in UTC; leave it out.")
    words = _NICKNAMES.get(text, text).split()
    if len(words) != len(_FIELDS):
        names = ", ".join(name for name, _, _ in _FIELDS)
        raise UsageError(f"{text!r} has {len(words)} fields.", remedy=f"A schedule has five: {names}.")
    values = [_field(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = (frozenset(numbers) for numbers, _ in values)
    either = not values[2][1] and not values[4][1]
    return Fields(tuple(sorted(minutes)), tuple(sorted(hours)), days, months, weekdays, either)


def parse_moment(text: str) -> datetime:
    """A time of RFC 3339, in UTC. Raises `ValueError`."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(f"{text!r} is no time with its time zone")
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC)


def moment_text(moment: datetime) -> str:
    """A moment as a tick's file is named: `2030-01-31T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _field(text: str, name: str, low: int, high: int) -> tuple[set[int], bool]:
    """The numbers of a field, and whether a `*` or `?` is in it, with a step or without, as robfig/cron has it."""
    numbers: set[int] = set()
    is_open = False
    for part in text.strip(",").split(","):
        if not part and text.strip(","):
            continue
        found = _PART.fullmatch(part)
        if found is None:
            raise _refused(part, name, low, high)
        star, first, last, step = found.groups()
        start = low if star else _number(first, name, low, high)
        end = high if star or (step and not last) else _number(last or first, name, low, high)
        width = int(step or 1)
        if start > end or width == 0:
            raise _refused(part, name, low, high)
        numbers |= set(range(start, end + 1, width))
        is_open = is_open or bool(star)
    return numbers, is_open


def _number(text: str, name: str, low: int, high: int) -> int:
    digits = text.removeprefix("+")
    number = _NAMES.get(name, {}).get(text.lower(), int(digits) if digits.isdecimal() and len(digits) < 19 else -1)
    if not low <= number <= high:
        raise _refused(text, name, low, high)
    return number


def _refused(part: str, name: str, low: int, high: int) -> UsageError:
    return UsageError(f"{part!r} is no {name}.", remedy=f"It takes *, n, n-m and /step with {low} to {high}.")
