"""A provider with too many requests: it rejects the symbols that are listed in a file."""

from datetime import date
from pathlib import Path

import polars as pl

from resources.market_data.resource import MarketData
from resources.market_data.source import PriceSource, SourceUnavailableError
from resources.universe import Universe


class Overloaded(MarketData):
    """Prices as configured; `rejected` is the file, which need not exist."""

    rejected: str

    def open_source(self, universe: Universe) -> PriceSource:
        return _Overloaded(super().open_source(universe), Path(self.rejected))


class _Overloaded:
    def __init__(self, source: PriceSource, rejected: Path) -> None:
        self.name = source.name
        self._source, self._rejected = source, rejected

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        if self._rejected.exists() and symbol in self._rejected.read_text().split():
            raise SourceUnavailableError(f"{symbol}: 429, too many requests.")
        return self._source.fetch(symbol, start, end)
