"""How a provider far away is asked: within its budget, again when it fails, and not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from resources.market_data.provider.circuit_breaker import CircuitBreaker, CircuitOpenError
from resources.market_data.provider.rate_limiter import BudgetTakenError
from resources.market_data.source import MarketDataError, SourceUnavailableError

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from resources.market_data.provider.rate_limiter import SharedBudget

FAILURES, REST_SECONDS = 10, 30.0
"""The circuit of a provider opens after so many failures in a row, for so long."""

_LONGEST_WAIT = 30.0


class Provider(Protocol):
    """A source that is far away; it waits for its turn before each of its requests."""

    name: str
    incremental: bool

    @property
    def requests(self) -> int:
        """Number of requests that were sent."""
        ...

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """See `PriceSource.fetch`; asks once, and raises SourceUnavailableError for no answer."""
        ...


class ThrottledSource:
    """A provider, asked again when it does not answer; see `PriceSource`.

    Parameters
    ----------
    provider, budget, breaker
        Whom to ask; the pauses that it asks for are taken by all who share the budget.
    attempts
        So many times a symbol is asked for, at most.
    backoff_seconds
        At most between the first two attempts, where the provider did not say how long; twice as
        much each time, up to 30 s. How much of it is chance, so that not all come back at once.
    threads
        How many may ask at once.
    incremental
        Whether stored bars may spare the provider from being asked for all.
    """

    def __init__(
        self,
        provider: Provider,
        budget: SharedBudget,
        breaker: CircuitBreaker,
        attempts: int,
        backoff_seconds: float,
        threads: int = 1,
        incremental: bool = True,
    ) -> None:
        self.name = provider.name
        self.incremental = incremental and provider.incremental
        self.threads = threads
        self._provider = provider
        self._budget = budget
        self._breaker = breaker
        self._attempts = attempts
        self._backoff = wait_random_exponential(multiplier=backoff_seconds, max=_LONGEST_WAIT)

    @property
    def requests(self) -> int:
        """Number of requests that were sent."""
        return self._provider.requests

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """See `PriceSource.fetch`; after the last attempt raises SourceUnavailableError."""
        again = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception(_passes),
            reraise=True,
        )
        return again(self._fetch_once, symbol, start, end)

    def _fetch_once(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        try:
            self._breaker.before()
        except CircuitOpenError as error:
            raise CircuitOpenError(f"{symbol}: {error}", error.retry_after) from None
        try:
            bars = self._provider.fetch(symbol, start, end)
        except BudgetTakenError as error:
            self._breaker.withdrew()
            raise BudgetTakenError(f"{symbol}: {error}", error.retry_after) from None
        except SourceUnavailableError as error:
            self._breaker.failed(error)
            if error.retry_after:
                self._budget.pause(error.retry_after)
            raise
        except MarketDataError:
            self._breaker.answered()  # no bars, but an answer
            raise
        except BaseException:
            self._breaker.withdrew()
            raise
        self._breaker.answered()
        return bars

    def _wait(self, state: RetryCallState) -> float:
        """Return how long to wait; where the provider said it, the budget makes everybody wait."""
        error = state.outcome.exception() if state.outcome else None
        said = isinstance(error, SourceUnavailableError) and error.retry_after
        return 0.0 if said else self._backoff(state)


def _passes(error: BaseException) -> bool:
    """Return whether to ask again; who was not asked at all is not asked again either."""
    unasked = isinstance(error, CircuitOpenError | BudgetTakenError)
    return isinstance(error, SourceUnavailableError) and not unasked
