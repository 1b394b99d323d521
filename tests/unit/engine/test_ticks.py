"""Ticks by a clock that the test turns."""

from datetime import UTC, datetime, timedelta

import pytest
from engine_bench import shell

from aeolian.engine.ticks import Ticks
from aeolian.engine.versions.pipelines import create_pipelines
from aeolian.errors import UsageError


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Hand:
    """A clock that the test turns."""

    def __init__(self, text):
        self.moment = at(text)

    def __call__(self):
        return self.moment


def ticking(bench, now, **cron):
    source = {"cron": {"name": "tick", "start": "2030-01-01T00:00:00Z"} | cron}
    create_pipelines(bench.store, [bench.spec("p", shell("ls /pfs/tick > /pfs/out/$(ls /pfs/tick)"), source)])
    return Ticks(bench.store, now)


def test_a_tick_comes_at_its_time_and_once(bench):
    now = Hand("2030-01-01 00:59:59")
    ticks = ticking(bench, now, spec="@hourly")
    assert ticks.make_due() == []
    now.moment = at("2030-01-01 01:00:00")
    assert ticks.make_due() == [("p", "2030-01-01T01:00:00Z")]
    assert ticks.make_due() == []
    assert not bench.run().failed
    assert bench.contents("p") == {"2030-01-01T01:00:00Z": "2030-01-01T01:00:00Z\n"}
    now.moment = at("2030-01-01 02:00:01")
    assert ticks.make_due() == [("p", "2030-01-01T02:00:00Z")]
    bench.run()
    assert (bench.job("p").processed, bench.job("p").skipped) == (1, 1)


def test_of_missed_ticks_the_last_is_made_and_another_process_does_not_repeat_it(bench):
    now = Hand("2030-01-09 12:34:56")
    ticks = ticking(bench, now, spec="*/10 * * * *")
    other = Ticks(bench.store, now)
    assert ticks.make_due() == [("p", "2030-01-09T12:30:00Z")]
    assert other.make_due() == []
    assert set(bench.contents("p_tick")) == {"2030-01-09T12:30:00Z"}


def test_overwrite_keeps_the_last_tick_alone(bench):
    now = Hand("2030-01-01 01:00:00")
    ticks = ticking(bench, now, spec="@hourly", overwrite=True, repo="clock")
    ticks.make_due()
    now.moment = at("2030-01-01 02:00:00")
    ticks.make_due()
    assert set(bench.contents("clock")) == {"2030-01-01T02:00:00Z"}
    bench.run()
    assert set(bench.contents("p")) == {"2030-01-01T02:00:00Z"}


def test_without_start_it_begins_when_the_pipeline_is_made(bench):
    now = Hand("2030-01-01 00:00:00")
    ticks = ticking(bench, now, spec="@every 1h", start=None)
    made = datetime.fromtimestamp(bench.store.db.one("SELECT created FROM pipeline_version")["created"], UTC)
    now.moment = made + timedelta(minutes=59)
    assert ticks.make_due() == []
    now.moment = made + timedelta(minutes=60)
    assert len(ticks.make_due()) == 1


@pytest.mark.parametrize(
    ("cron", "said"), [({"spec": "61 * * * *"}, "no minute"), ({"spec": "@daily", "start": "x"}, "a time")]
)
def test_a_bad_schedule_is_refused_with_the_spec(bench, cron, said):
    with pytest.raises(UsageError, match=said):
        ticking(bench, None, **cron)
