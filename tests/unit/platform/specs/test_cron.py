"""Schedules against hand-worked moments and a minute-by-minute oracle."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeolian.errors import UsageError
from aeolian.platform.specs.cron import Every, Fields, parse_moment, parse_schedule


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "after", "expected"),
    [
        ("* * * * *", "2026-03-01 10:20:30", "2026-03-01 10:21"),
        ("20 10 * * *", "2026-03-01 10:20", "2026-03-02 10:20"),
        ("*/15 * * * *", "2026-03-01 23:50", "2026-03-02 00:00"),
        ("5/20 * * * *", "2026-03-01 00:26", "2026-03-01 00:45"),
        ("0 9-17/4 * * mon-fri", "2026-02-27 17:00", "2026-03-02 09:00"),
        ("0 0 1,15 * *", "2026-02-15 00:00", "2026-03-01 00:00"),
        ("0 0 29 feb *", "2096-02-29 00:00", "2104-02-29 00:00"),
        ("0 0 31 * *", "2026-03-31 12:00", "2026-05-31 00:00"),
        ("0 0 13 * fri", "2026-03-01 00:00", "2026-03-06 00:00"),
        ("0 0 ? * SUN", "2026-03-01 00:00", "2026-03-08 00:00"),
        ("0 0 */2 * mon", "2026-03-01 00:00", "2026-03-09 00:00"),
        ("0 0 1,*/2 * mon", "2026-03-01 00:00", "2026-03-09 00:00"),
        ("1, +2 * * *", "2026-03-01 02:01", "2026-03-02 02:01"),
        ("@hourly", "2026-12-31 23:00", "2027-01-01 00:00"),
        ("@daily", "2026-03-01 00:00", "2026-03-02 00:00"),
        ("@weekly", "2026-03-02 00:00", "2026-03-08 00:00"),
        ("@monthly", "2026-03-02 00:00", "2026-04-01 00:00"),
        ("@yearly", "2026-01-01 00:00", "2027-01-01 00:00"),
        ("@every 1h30m", "2026-03-01 10:20:30", "2026-03-01 11:50:30"),
        ("@every 10ms", "2026-03-01 10:20:30", "2026-03-01 10:20:31"),
    ],
)
def test_the_next_tick(spec, after, expected):
    assert parse_schedule(spec).next(at(after)) == at(expected)


def test_never_ticks_by_hand_alone():
    never = parse_schedule(" @never ")
    assert never.next(at("2026-01-01")) is None
    assert never.last(at("2020-01-01"), at("2026-01-01")) is None


def test_what_never_comes():
    never = parse_schedule("0 0 30 feb *")
    assert never.next(at("2026-01-01")) is None
    assert never.last(at("2020-01-01"), at("2026-01-01")) is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("* * * *", "has 4 fields"),
        ("", "has 0 fields"),
        ("60 * * * *", "'60' is no minute.*0 to 59"),
        ("* 24 * * *", "no hour"),
        ("* * 0 * *", "no day of the month"),
        ("* * * foo *", "no month"),
        ("* * * * 7", "no day of the week.*0 to 6"),
        ("5-1 * * * *", "'5-1' is no minute"),
        ("*/0 * * * *", "is no minute"),
        (", * * * *", "is no minute"),
        ("@often", "@hourly, @never and @every"),
        ("@every soon", "no duration"),
        ("@every 3000000h", "no duration"),
        ("CRON_TZ=UTC * * * * *", "in UTC"),
    ],
)
def test_what_is_no_schedule(spec, said):
    with pytest.raises(UsageError, match=said):
        parse_schedule(spec)


def field(low, high):
    number = st.integers(low, high)
    pair = st.tuples(number, number).map(lambda p: f"{min(p)}-{max(p)}")
    part = st.one_of(st.just("*"), number.map(str), pair, pair.map(lambda p: f"{p}/7"), st.just("*/5"))
    return st.lists(part, min_size=1, max_size=2).map(",".join)


MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))


def matches(schedule, moment):
    """The definition, read aloud."""
    day, weekday = moment.day in schedule.days, (moment.weekday() + 1) % 7 in schedule.weekdays
    return (
        moment.minute in schedule.minutes
        and moment.hour in schedule.hours
        and moment.month in schedule.months
        and ((day or weekday) if schedule.either_day else (day and weekday))
    )


@settings(max_examples=60, deadline=None)
@given(st.tuples(field(0, 59), field(0, 23), field(1, 31), st.just("*"), field(0, 6)), MOMENTS)
def test_next_is_the_first_minute_that_matches_and_last_the_last(words, after):
    schedule = parse_schedule(" ".join(words))
    assert isinstance(schedule, Fields)
    found = schedule.next(after)
    minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(3 * 1440):
        if matches(schedule, minute):
            break
        minute += timedelta(minutes=1)
    else:
        assert found is None or found >= minute
        return
    assert found == minute
    until = minute + timedelta(hours=5, seconds=1)
    expected = [m for n in range(301) if matches(schedule, m := minute + timedelta(minutes=n))][-1]
    assert schedule.last(after, until) == expected
    assert schedule.last(after - timedelta(days=700), until) == expected


def test_every_counts_from_the_tick_before():
    every = Every(timedelta(seconds=90))
    assert every.last(at("2026-01-01 00:00"), at("2026-01-01 00:05")) == at("2026-01-01 00:04:30")
    assert every.last(at("2026-01-01 00:00"), at("2026-01-01 00:01")) is None
    assert every.last(at("2026-01-01 00:02"), at("2026-01-01 00:01")) is None


def test_a_moment_has_a_time_zone():
    assert parse_moment("2026-01-01T02:00:00+02:00") == at("2026-01-01")
    with pytest.raises(ValueError, match="its time zone"):
        parse_moment("2026-01-01T02:00:00")
    with pytest.raises(ValueError, match="no time"):
        parse_moment("2026-01-01 02:00:00Z")
