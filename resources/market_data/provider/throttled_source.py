"""How a remote provider is asked: at its rate, again after a transient error, and not for ever."""

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
from resources.market_data.provider.rate_limiter import RateLimiter, RateLimitExhaustedError
from resources.market_data.source import MarketDataError, SourceUnavailableError

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

MAX_FAILURES, REST_SECONDS = 10, 30.0
"""The circuit of a provider opens after so many failures in a row, for so long."""

_LONGEST_WAIT = 30.0


class Provider(Protocol):
    """A remote source, which takes a slot of the rate limiter before each of its requests."""

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
    """A remote provider as a `PriceSource`, asked again after a transient error.

    Parameters
    ----------
    provider, rate_limiter, breaker
        Whom to ask; a pause that it asks for is kept by all who share the rate limiter.
    attempts
        How often a symbol is asked for, at most.
    backoff_seconds
        Longest wait before the second attempt, where the provider did not say how long; doubled
        for each further one, up to 30 s. Its length is random, so that callers do not come back
        at once.
    threads
        How many symbols may be fetched at once.
    incremental
        Whether only what is new since the stored bars is fetched.
    """

    def __init__(
        self,
        provider: Provider,
        rate_limiter: RateLimiter,
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
        self._rate_limiter = rate_limiter
        self._breaker = breaker
        self._attempts = attempts
        self._backoff = wait_random_exponential(multiplier=backoff_seconds, max=_LONGEST_WAIT)

    @property
    def requests(self) -> int:
        """Number of requests that were sent."""
        return self._provider.requests

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """See `PriceSource.fetch`; after the last attempt raises SourceUnavailableError."""
        retry = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception(_should_retry),
            reraise=True,
        )
        return retry(self._fetch_once, symbol, start, end)

    def _fetch_once(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        try:
            self._breaker.before_call()
        except CircuitOpenError as error:
            raise CircuitOpenError(f"{symbol}: {error}", error.retry_after) from None
        try:
            bars = self._provider.fetch(symbol, start, end)
        except RateLimitExhaustedError as error:
            self._breaker.release()
            raise RateLimitExhaustedError(f"{symbol}: {error}", error.retry_after) from None
        except SourceUnavailableError as error:
            self._breaker.record_failure(error)
            if error.retry_after:
                self._rate_limiter.pause(error.retry_after)
            raise
        except MarketDataError:
            self._breaker.record_success()  # no bars, but an answer
            raise
        except BaseException:
            self._breaker.release()
            raise
        self._breaker.record_success()
        return bars

    def _wait(self, state: RetryCallState) -> float:
        """Return how long to wait; after a Retry-After, the rate limiter pauses everybody."""
        error = state.outcome.exception() if state.outcome else None
        paused = isinstance(error, SourceUnavailableError) and error.retry_after
        return 0.0 if paused else self._backoff(state)


def _should_retry(error: BaseException) -> bool:
    """Return whether to ask again: not if the provider was not asked in the first place."""
    unasked = isinstance(error, CircuitOpenError | RateLimitExhaustedError)
    return isinstance(error, SourceUnavailableError) and not unasked
