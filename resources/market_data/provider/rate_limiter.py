"""A rate limiter shared by all threads, processes and machines that ask one provider.

They share one moment: when the next request may be sent (see `rate_limiter_backends`). A caller
that finds it in the past takes the slot and moves it on by one space; otherwise it sleeps until
then and tries again.

Slots are spaced evenly, without bursts: a provider counts when a request arrives, and of twenty
that leave at once and twenty a second later, some of the former arrive late, into the second of
the latter. With spaces, and 7 % of the rate left unused, a request may be 75 ms late before the
provider counts one too many within a second. Up to 10 ms of that, a slot may be taken late and the
next stays where it was, so that waking up costs no rate; on a machine so busy that it takes longer,
the next moves on.

Own, and not a library's: pyrate-limiter's `Limiter` lets out bursts (of 400 requests by eight
processes 2 are refused) and knows no pause; adapting its buckets took more code than this.
"""

import time
from collections.abc import Callable
from typing import Protocol

from resources.market_data.source import SourceUnavailableError

USED_SHARE = 0.93
"""The share of the rate that is used."""

MAX_LATE_SECONDS = 0.01
"""So late a slot may be taken without moving the next."""


class RateLimitExhaustedError(SourceUnavailableError):
    """The next slot is further away than a caller waits; the provider was not asked."""


class Slots(Protocol):
    """Where the next slot of a provider is kept."""

    def take(self, space: float) -> float:
        """Take the slot if it is due, and put the next `space` seconds after it.

        Returns 0 if it was taken, otherwise the seconds until it is due.
        """
        ...

    def pause(self, seconds: float) -> None:
        """Let no slot be due for so long; a longer pause stays as it is."""
        ...


class RateLimiter:
    """Makes callers wait for a slot to send one request; see `Slots` for who shares them."""

    def __init__(
        self,
        provider: str,
        slots: Slots,
        requests_per_second: float,
        patience_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._provider = provider
        self._slots = slots
        self._space = 1 / (requests_per_second * USED_SHARE)
        self._patience = patience_seconds
        self._sleep = sleep

    def acquire(self) -> None:
        """Sleep until the caller may send one request.

        Raises
        ------
        RateLimitExhaustedError
            As soon as that would take longer than the patience.
        """
        patience = self._patience
        while (wait := self._slots.take(self._space)) > 0:
            if wait > patience:
                raise RateLimitExhaustedError(
                    f"rate limit of '{self._provider}' exhausted; next slot in {wait:.0f} s "
                    f"exceeds patience_seconds ({self._patience:g})",
                    retry_after=wait,
                )
            self._sleep(wait)
            patience -= wait

    def pause(self, seconds: float) -> None:
        """Block all who share the slots for so long."""
        self._slots.pause(seconds)
