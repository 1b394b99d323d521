"""History does not slow down as it grows: what a commit asks of the database, counted, not timed."""

from collections import Counter

import pytest


class Counting:
    """A connection whose virtual machine's steps are counted while it works."""

    EVERY = 1

    def __init__(self, connection):
        self.steps = 0
        self.connection = connection

    def __enter__(self):
        self.connection.set_progress_handler(self.step, self.EVERY)
        return self

    def __exit__(self, *error):
        self.connection.set_progress_handler(None, self.EVERY)

    def step(self):
        self.steps += 1
        return 0


@pytest.mark.parametrize("name", ["{}".format, lambda n: str(n % 10)], ids=["a file more each", "one of 10 files anew"])
def test_commit_1000_asks_no_more_than_commit_10(bench, name):
    bench.repo("songs")
    cost = Counter()
    for number in range(1000):
        with Counting(bench.store.db._connection) as counting:
            bench.put("songs", {name(number): str(number)})
        cost[number // 100] += counting.steps
    assert cost[9] <= 1.2 * cost[0]
