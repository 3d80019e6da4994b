"""The resource that chooses a source of bars by configuration. Loads no source until asked."""

import os
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import ConfigurableResource
from pydantic import Field

from resources.market_data.source import SOURCES, MarketDataError, PriceSource
from strategies.errors import did_you_mean

if TYPE_CHECKING:
    from resources.market_data.provider.circuit_breaker import CircuitBreaker
    from resources.market_data.provider.rate_limiter import SharedBudget

PRICES_VARIABLE = "GAUNTLET_PRICES"
YAHOO_VARIABLE = "GAUNTLET_YAHOO_URL"
DATABASE_VARIABLE = "DATABASE_URL"

REQUESTS_PER_SECOND = 2.0
"""Of a provider that does not say how many it allows: 110 symbols take a minute."""

_MOST_THREADS = 8
_SLOW_ANSWER_SECONDS = 0.5


class MarketData(ConfigurableResource):
    """Where bars come from, in run config or from the environment's settings."""

    source: str = Field(
        default="synthetic",
        description=f"Source of daily bars, one of: {', '.join(SOURCES)}.",
    )
    prices: str | None = Field(
        default=None,
        description="Folder or fsspec URL of one CSV or Parquet file a symbol, for source files; "
        "overrides GAUNTLET_PRICES. The UI shows it, so a URL with a password belongs there.",
    )
    columns: dict[str, str] = Field(
        default={},
        description="How the files of source files call their columns, where it is not date, open, "
        "high, low, close, volume, adjusted_close or adjustment, as in {close: PX_LAST}.",
    )
    home: str = Field(
        default=".data",
        description="Folder in which the budget that all processes of this machine share is kept; "
        "with DATABASE_URL it is kept there, for all machines.",
    )
    requests_per_second: float = Field(
        default=REQUESTS_PER_SECOND,
        gt=0,
        le=1000,
        description="Budget of a provider, shared by all who ask it.",
    )
    incremental: bool = Field(
        default=True,
        description="Whether a provider is asked only for what is new since the stored bars, and "
        "a short overlap. False fetches all again, which finds what was revised long ago.",
    )
    attempts: int = Field(
        default=4,
        ge=1,
        le=20,
        description="How many times a provider is asked for a symbol, until it answers.",
    )
    backoff_seconds: float = Field(
        default=1.0,
        ge=0,
        description="Longest wait before the second attempt, doubled for each further one up to "
        "30 s, where the provider did not say how long to wait.",
    )
    timeout_seconds: float = Field(
        default=10.0, gt=0, description="A provider's answer that takes longer is none."
    )
    patience_seconds: float = Field(
        default=600.0,
        ge=0,
        description="A turn to ask the provider that is further away is not waited for.",
    )

    def open_source(self) -> PriceSource:
        """Return the configured source.

        Raises MarketDataError for an unknown source, and for `files` without an existing folder.
        """
        if self.source == "synthetic":
            from resources.market_data.sources.synthetic import SyntheticSource

            return SyntheticSource()
        if self.source == "sample":
            from resources.market_data.sources.sample import SampleSource

            return SampleSource()
        if self.source == "files":
            prices = self.prices or os.environ.get(PRICES_VARIABLE, "").strip()
            return _open_files(prices, self.columns)
        if self.source == "yahoo":
            return self._open_yahoo()
        raise MarketDataError(
            f"Source '{self.source}' is unknown: use one of {', '.join(SOURCES)}."
            + did_you_mean(self.source.lower(), SOURCES)
        )

    def _open_yahoo(self) -> PriceSource:
        """Return Yahoo, or what GAUNTLET_YAHOO_URL says stands in its place."""
        from resources.market_data.provider.throttled_source import ThrottledSource
        from resources.market_data.sources.yahoo import BASE_URL, YahooSource
        from resources.market_data.sources.yahoo_client import YahooClient

        database = os.environ.get(DATABASE_VARIABLE, "").strip()
        budget = _budget(
            YahooSource.name, self.requests_per_second, self.patience_seconds, self.home, database
        )
        url = os.environ.get(YAHOO_VARIABLE, "").strip() or BASE_URL
        client = YahooClient(url, budget.wait_for_turn, self.timeout_seconds)
        return ThrottledSource(
            YahooSource(client),
            budget,
            _breaker(YahooSource.name),
            self.attempts,
            self.backoff_seconds,
            # As many as keep the budget busy when each answer takes half a second.
            incremental=self.incremental,
            threads=min(_MOST_THREADS, ceil(self.requests_per_second * _SLOW_ANSWER_SECONDS)),
        )


@lru_cache
def _budget(
    provider: str, requests_per_second: float, patience_seconds: float, home: str, database: str
) -> "SharedBudget":
    """Return the one budget of this process; its file or connections stay open."""
    from resources.market_data.provider.rate_limiter_backends import (
        open_database_budget,
        open_file_budget,
    )

    terms = provider, requests_per_second, patience_seconds
    if database:
        return open_database_budget(database, *terms)
    return open_file_budget(Path(home).expanduser().absolute() / "budgets", *terms)


@lru_cache
def _breaker(provider: str) -> "CircuitBreaker":
    """Return the one circuit of this process: all its runs know that the provider is down."""
    from resources.market_data.provider.circuit_breaker import CircuitBreaker
    from resources.market_data.provider.throttled_source import FAILURES, REST_SECONDS

    return CircuitBreaker(provider, FAILURES, REST_SECONDS)


def _open_files(prices: str, columns: dict[str, str]) -> PriceSource:
    from resources.market_data.sources.files import FilesSource

    if not prices:
        raise MarketDataError(
            "Source 'files' needs 'prices' (GAUNTLET_PRICES): the folder or URL of one CSV or "
            "Parquet file a symbol."
        )
    return FilesSource(prices, columns)
