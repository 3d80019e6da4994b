"""Runs work in threads and returns its results in order."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Items per thread that are started ahead of time; more would only fill memory."""


def map_ordered(
    work: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Generator[Callable[[], Result]]:
    """Yield for each item, in order, a function that returns or raises the result of `work`.

    With one thread the work is done by the caller, when the function is called.
    """
    if threads <= 1:
        yield from (partial(work, item) for item in items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:
        started: deque[Future[Result]] = deque()
        try:
            started.extend(pool.submit(work, item) for item in islice(waiting, _AHEAD * threads))
            while started:
                yield started.popleft().result
                started.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            for future in started:  # the caller stopped early
                future.cancel()
