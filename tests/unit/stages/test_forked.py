"""Work shared out among forked processes."""

import multiprocessing
import os
import signal

import pytest

from aeolian.errors import AeolianError, InputError
from aeolian.stages.forked import CAN_FORK, in_processes
from aeolian.stages.progress import Report

needs_fork = pytest.mark.skipif(not CAN_FORK, reason="this system has no fork that is safe; one process does it all")


def silent(done: int, total: int, note: str = "") -> None:
    pass


def square(number: int, report: Report) -> tuple[int, int]:
    for done in range(1, 11):
        report(done, 10)
    return number * number, os.getpid()


@pytest.mark.parametrize("processes", [1, 2, 3, 9])
def test_what_is_made_comes_in_order_whatever_made_it(processes: int) -> None:
    told: list[tuple[int, int]] = []
    made = in_processes(square, range(5), processes, lambda done, total, note="": told.append((done, total)))
    assert [value for value, _ in made] == [0, 1, 4, 9, 16]
    assert len({pid for _, pid in made}) == (min(processes, 5) if CAN_FORK else 1)
    assert made[0][1] == os.getpid()
    assert told == sorted(told)
    assert told[-1] == (10, 10)


def test_nothing_to_do() -> None:
    assert in_processes(square, [], 2, silent) == []


@needs_fork
def test_what_goes_wrong_in_another_process_is_raised_here() -> None:
    def work(number: int, report: Report) -> int:
        if number:
            raise InputError("no notes", remedy="Play some.")
        return number

    with pytest.raises(InputError, match=r"^no notes Play some\.$"):
        in_processes(work, [0, 1], 2, silent)
    assert not multiprocessing.active_children()


@needs_fork
def test_a_process_that_is_killed_is_told_and_none_is_left() -> None:
    def work(number: int, report: Report) -> int:
        if number:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(AeolianError, match="was killed"):
        in_processes(work, [0, 1], 2, silent)
    assert not multiprocessing.active_children()


@needs_fork
def test_what_goes_wrong_here_ends_the_others() -> None:
    def work(number: int, report: Report) -> int:
        if number:
            signal.pause()  # for ever
        raise InputError("no notes")

    with pytest.raises(InputError, match="no notes"):
        in_processes(work, [0, 1], 2, silent)
    assert not multiprocessing.active_children()
