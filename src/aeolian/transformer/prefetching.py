"""The next batches are made while the present one is trained on."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")
AHEAD = 4


def prefetched(make: Callable[[Key], Made], keys: Iterable[Key]) -> Generator[Made, None, None]:
    """`make(key)` for each of `keys`, in order, made by a thread of its own at most `AHEAD` ahead of their use."""
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as maker:
        waiting: deque[Future[Made]] = deque()
        for key in keys:
            waiting.append(maker.submit(make, key))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
