"""The budget of a provider: so many requests a second, for everybody who asks it.

Everybody is each thread and process of this machine, through a SQLite file under GAUNTLET_HOME, or
each machine, through a table in the PostgreSQL of DATABASE_URL where that is set; both are
pyrate-limiter's buckets. A place in the bucket is reserved ahead: under the bucket's lock, the next
free moment is taken, and then waited for. So nobody polls, nobody is overtaken for ever, and a late
riser delays nobody else.

Requests are spaced evenly and not let out in bursts: a provider counts when a request arrives, and
of twenty that leave at once and twenty a second later, some of the former arrive late, into the
second of the latter. With spaces, and a fourteenth of the budget left unused, one may be 75 ms late
on its way before the provider counts one too many in a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import ceil
from typing import TYPE_CHECKING

from resources.market_data.source import SourceUnavailableError

if TYPE_CHECKING:
    from pyrate_limiter import AbstractBucket, Rate, RateItem

USED = 0.93
"""The share of a budget that is used; the rest is for requests that are late on their way."""

_PAUSE = "pause"
_LATE_MS = 1000 * (1 / USED - 1) / 2
"""Half of what is left unused; the other half is for the way."""

_MOST_LATE = 5
"""So many turns are given up by who wakes up too late for them, on a machine that is too busy."""

_LEAST_STEP_MS = 1


class BudgetTakenError(SourceUnavailableError):
    """The next turn is further away than anybody waits; the provider was not asked."""


class SharedBudget:
    """Turns to ask a provider, taken one after the other by all who share the bucket.

    Parameters
    ----------
    provider
        Its name, for errors.
    bucket, locked
        Where turns are kept, with `rate_of` as its only rate; and what keeps others out of it.
    patience_seconds
        A turn that is further away than this is not waited for.
    """

    def __init__(
        self,
        provider: str,
        bucket: AbstractBucket,
        locked: Callable[[], AbstractContextManager[object]],
        patience_seconds: float,
    ) -> None:
        self._provider = provider
        self._bucket = bucket
        self._locked = locked
        self._patience_ms = 1000 * patience_seconds

    def wait_for_turn(self) -> None:
        """Return when it is the caller's turn to send one request.

        Raises
        ------
        BudgetTakenError
            When that is further away than the patience; no turn is taken then.
        """
        for _ in range(_MOST_LATE):
            turn = self._reserve()
            self._sleep_until(turn)
            # Somebody may have been told meanwhile to ask later: that goes for all.
            while self._paused_after(turn):
                turn = self._reserve()
                self._sleep_until(turn)
            # Who sends now would come close to the next: better to lose this turn.
            if self._now() - turn <= _LATE_MS:
                return

    def pause(self, seconds: float) -> None:
        """Let nobody have a turn for so long, even who has reserved one; turns go on after it."""
        with self._locked():
            self._put(_PAUSE, self._now() + ceil(1000 * seconds))

    def close(self) -> None:
        """Let go of the file or the connections."""
        self._bucket.close()

    def _reserve(self) -> int:
        """Take the next free moment; return it, in milliseconds of the bucket's clock."""
        with self._locked():
            now = self._now()
            newest = self._item(0)
            if newest and newest.timestamp - now > self._patience_ms:
                raise self._too_far(newest.timestamp - now)
            self._bucket.leak(now)
            return self._put(self._provider, now)

    def _put(self, name: str, at: int) -> int:
        """Put an item into the bucket, at a moment or at the first one after it that is free."""
        from pyrate_limiter import RateItem

        item = RateItem(name, at)
        while not self._bucket.put(item):
            wait = self._bucket.waiting(item)
            item.timestamp += max(_LEAST_STEP_MS, int(wait))  # pyright: ignore[reportArgumentType]
        return item.timestamp

    def _paused_after(self, turn: int) -> bool:
        """Return whether a pause lasts beyond `turn`; a pause is never before it in the bucket."""
        place = 0
        while (item := self._item(place)) and item.timestamp > turn:
            if item.name == _PAUSE:
                return True
            place += 1
        return False

    def _item(self, place: int) -> RateItem | None:
        """Return an item, counted from the latest."""
        return self._bucket.peek(place)  # pyright: ignore[reportReturnType]

    def _now(self) -> int:
        return self._bucket.now()  # pyright: ignore[reportReturnType]

    def _sleep_until(self, turn: int) -> None:
        ahead = turn - self._now()
        if ahead > 0:
            time.sleep(ahead / 1000)

    def _too_far(self, ahead_ms: float) -> BudgetTakenError:
        return BudgetTakenError(
            f"The budget of '{self._provider}' is taken for the next {ahead_ms / 1000:.0f} s, or "
            f"it asked to be left alone for so long; no turn is waited for longer than "
            f"{self._patience_ms / 1000:.0f} s (patience_seconds).",
            retry_after=ahead_ms / 1000,
        )


def rate_of(requests_per_second: float) -> Rate:
    """Return the rate that a budget's bucket has: one request a space.

    pyrate-limiter's window holds both its ends, so two requests are a millisecond further apart.
    """
    from pyrate_limiter import Rate

    space = ceil(1000 / (requests_per_second * USED))
    return Rate(1, max(1, space - 1))
