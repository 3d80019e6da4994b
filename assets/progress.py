"""Progress of long work: logged every few seconds, and told to whoever watches it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import dagster as dg

Item = TypeVar("Item")
Watcher = Callable[[int, int], bool]
"""Called with how much of a step is done, and all of it; returns whether it shows that."""

_SECONDS_BETWEEN = 5.0

_watchers: list[Watcher] = []


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of the progress that steps make in this process.

    What it shows is not logged as well.
    """
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


class StepProgress:
    """How much of a step is done.

    Parameters
    ----------
    total
        All that is to be done.
    what
        Its unit and what is done to it, as in "symbols fetched".
    """

    def __init__(
        self, context: dg.AssetExecutionContext | dg.OpExecutionContext, total: int, what: str
    ) -> None:
        self._context, self._total, self._what = context, total, what
        self._started = self._logged = time.monotonic()
        self._tell(0)

    def reach(self, done: int) -> None:
        """Tell that so much is done; log it if the last line is some seconds old."""
        shown = self._tell(done)
        now = time.monotonic()
        if done < self._total and now - self._logged >= _SECONDS_BETWEEN and not shown:
            self._logged = now
            self._context.log.info(self._describe(done, now - self._started))

    def _tell(self, done: int) -> bool:
        shown = [watcher(done, self._total) for watcher in _watchers]
        return any(shown)

    def _describe(self, done: int, seconds: float) -> str:
        progress = f"{done} of {self._total} {self._what}"
        if not done:
            return progress
        left = seconds / done * (self._total - done)
        return f"{progress}, {done / seconds:.3g} per s, {left:.0f} s left"


def with_progress(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, items: Sequence[Item], what: str
) -> Iterator[Item]:
    """Yield the items, and tell how many are done."""
    progress = StepProgress(context, len(items), what)
    for done, item in enumerate(items, start=1):
        yield item
        progress.reach(done)
