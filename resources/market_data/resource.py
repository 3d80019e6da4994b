"""The resource that opens the configured source of bars. Loads no source before that."""

import os
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import ConfigurableResource
from pydantic import Field

from resources.market_data.source import SOURCES, MarketDataError, PriceSource
from resources.splits import Splits, load_splits
from resources.universe import Universe
from strategies.errors import did_you_mean

if TYPE_CHECKING:
    from resources.market_data.provider.circuit_breaker import CircuitBreaker
    from resources.market_data.provider.rate_limiter import RateLimiter

PRICES_VARIABLE = "GAUNTLET_PRICES"
YAHOO_VARIABLE = "GAUNTLET_YAHOO_URL"
DATABASE_VARIABLE = "DATABASE_URL"

REQUESTS_PER_SECOND = 2.0
"""For a provider that does not publish its limit: 110 symbols take a minute."""

_MOST_THREADS = 8
_SLOW_ANSWER_SECONDS = 0.5


class MarketData(ConfigurableResource):
    """Where bars come from, by run config or environment variables."""

    source: str = Field(
        default="synthetic",
        description=f"Source of daily bars, one of: {', '.join(SOURCES)}.",
    )
    prices: str | None = Field(
        default=None,
        description="Folder or fsspec URL of one CSV or Parquet file per symbol, for source files; "
        "overrides GAUNTLET_PRICES, which run config can't.",
    )
    columns: dict[str, str] = Field(
        default={},
        description="Column names in the files of source files that are not recognised, as in "
        "{close: PX_LAST}.",
    )
    splits: str | None = Field(
        default=None,
        description="CSV file with the columns symbol, date and ratio: splits that the source's "
        "adjustment lacks, and ratio 1 for real moves that look like one.",
    )
    home: str = Field(
        default=".data",
        description="Folder with the rate limiter that all processes of this machine share; with "
        "DATABASE_URL it is in that database, for all machines.",
    )
    requests_per_second: float = Field(
        default=REQUESTS_PER_SECOND,
        gt=0,
        le=1000,
        description="Rate limit of a provider, shared by all threads, processes and machines.",
    )
    incremental: bool = Field(
        default=True,
        description="Whether a provider is asked only for what is new since the stored bars, and "
        "a short overlap. False fetches all again, which finds old revisions, too.",
    )
    attempts: int = Field(
        default=4,
        ge=1,
        le=20,
        description="How often a provider is asked for a symbol, at most, until it answers.",
    )
    backoff_seconds: float = Field(
        default=1.0,
        ge=0,
        description="Longest wait before the second attempt, doubled for each further one up to "
        "30 s, unless the provider sent Retry-After.",
    )
    timeout_seconds: float = Field(
        default=10.0, gt=0, description="How long to wait for a provider's answer."
    )
    patience_seconds: float = Field(
        default=600.0,
        ge=0,
        description="How long to wait for a slot of the rate limiter; one further away fails the "
        "symbol at once.",
    )

    def open_source(self, universe: Universe) -> PriceSource:
        """Return the configured source; the universe says when each symbol's exchange is open.

        Raises MarketDataError for an unknown source, and for `files` without an existing folder.
        """
        if self.source == "synthetic":
            from resources.market_data.sources.synthetic import SyntheticSource

            return SyntheticSource(universe.calendar_of)
        if self.source == "sample":
            from resources.market_data.sources.sample import SampleSource

            return SampleSource()
        if self.source == "files":
            prices = self.prices or os.environ.get(PRICES_VARIABLE, "").strip()
            return _open_files(prices, self.columns, universe)
        if self.source == "yahoo":
            return self._open_yahoo()
        raise MarketDataError(
            f"Source '{self.source}' is unknown: use one of {', '.join(SOURCES)}."
            + did_you_mean(self.source.lower(), SOURCES)
        )

    def load_splits(self) -> Splits:
        """Return the user's splits, none without a file; raises SplitsError."""
        return load_splits(self.splits)

    def _open_yahoo(self) -> PriceSource:
        """Return Yahoo, or the server of GAUNTLET_YAHOO_URL in its place."""
        from resources.market_data.provider.throttled_source import ThrottledSource
        from resources.market_data.sources.yahoo import BASE_URL, YahooSource
        from resources.market_data.sources.yahoo_client import YahooClient

        database = os.environ.get(DATABASE_VARIABLE, "").strip()
        rate_limiter = _get_rate_limiter(
            YahooSource.name, self.requests_per_second, self.patience_seconds, self.home, database
        )
        url = os.environ.get(YAHOO_VARIABLE, "").strip() or BASE_URL
        client = YahooClient(url, rate_limiter.acquire, self.timeout_seconds)
        return ThrottledSource(
            YahooSource(client),
            rate_limiter,
            _get_breaker(YahooSource.name),
            self.attempts,
            self.backoff_seconds,
            incremental=self.incremental,
            # As many as use the whole rate when each answer takes half a second.
            threads=min(_MOST_THREADS, ceil(self.requests_per_second * _SLOW_ANSWER_SECONDS)),
        )


@lru_cache
def _get_rate_limiter(
    provider: str, requests_per_second: float, patience_seconds: float, home: str, database: str
) -> "RateLimiter":
    """Return the one rate limiter of this process, whose connections stay open."""
    from resources.market_data.provider.rate_limiter import RateLimiter
    from resources.market_data.provider.rate_limiter_backends import DatabaseSlots, FileSlots

    folder = Path(home).expanduser().absolute() / "rate_limits"
    slots = DatabaseSlots(database, provider) if database else FileSlots(folder / provider)
    return RateLimiter(provider, slots, requests_per_second, patience_seconds)


@lru_cache
def _get_breaker(provider: str) -> "CircuitBreaker":
    """Return the one circuit breaker of this process: all its runs know of a provider's failure."""
    from resources.market_data.provider.circuit_breaker import CircuitBreaker
    from resources.market_data.provider.throttled_source import MAX_FAILURES, REST_SECONDS

    return CircuitBreaker(provider, MAX_FAILURES, REST_SECONDS)


def _open_files(prices: str, columns: dict[str, str], universe: Universe) -> PriceSource:
    from resources.market_data.sources.files import FilesSource

    if not prices:
        raise MarketDataError(
            "Source 'files' needs 'prices' (GAUNTLET_PRICES): the folder or URL of one CSV or "
            "Parquet file per symbol."
        )
    return FilesSource(prices, columns, universe.calendar_of)
