"""Work done by several threads, its results taken in order."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_AHEAD = 2
"""So many items a thread are begun before they are asked for; more would only fill memory."""


def map_ordered(
    work: Callable[[Item], Answer], items: Sequence[Item], threads: int
) -> Generator[Callable[[], Answer]]:
    """Yield for each item, in order, a function that returns what `work` does, or raises it.

    With one thread the work is done when the function is called, by who calls it.
    """
    if threads <= 1:
        yield from (partial(work, item) for item in items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:
        begun: deque[Future[Answer]] = deque()
        try:
            begun.extend(pool.submit(work, item) for item in islice(waiting, _AHEAD * threads))
            while begun:
                yield begun.popleft().result
                begun.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            for future in begun:  # of a run that ends early
                future.cancel()
