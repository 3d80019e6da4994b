"""The resource that chooses a source of bars by configuration. Loads no source until asked."""

import os

from dagster import ConfigurableResource
from pydantic import Field

from resources.market_data.base import SOURCES, MarketDataError, PriceSource
from strategies.errors import did_you_mean

PRICES_VARIABLE = "GAUNTLET_PRICES"


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

    def open_source(self) -> PriceSource:
        """Return the configured source.

        Raises MarketDataError for an unknown source, and for `files` without an existing folder.
        """
        if self.source == "synthetic":
            from resources.market_data.synthetic import SyntheticSource

            return SyntheticSource()
        if self.source == "sample":
            from resources.market_data.sample import SampleSource

            return SampleSource()
        if self.source == "files":
            return _open_files(self.prices or os.environ.get(PRICES_VARIABLE, "").strip())
        raise MarketDataError(
            f"Source '{self.source}' is unknown: use one of {', '.join(SOURCES)}."
            + did_you_mean(self.source.lower(), SOURCES)
        )


def _open_files(prices: str) -> PriceSource:
    from resources.market_data.files import FilesSource

    if not prices:
        raise MarketDataError(
            "Source 'files' needs 'prices' (GAUNTLET_PRICES): the folder or URL of one CSV or "
            "Parquet file a symbol."
        )
    return FilesSource(prices)
