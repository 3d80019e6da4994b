"""A provider that is asked too much: it turns away the symbols that are listed in a file."""

from datetime import date
from pathlib import Path

import polars as pl

from resources.market_data.resource import MarketData
from resources.market_data.source import PriceSource, SourceUnavailableError


class Overloaded(MarketData):
    """Prices as configured; `turned_away` is the file, which need not exist."""

    turned_away: str

    def open_source(self) -> PriceSource:
        return _Overloaded(super().open_source(), Path(self.turned_away))


class _Overloaded:
    def __init__(self, source: PriceSource, turned_away: Path) -> None:
        self.name = source.name
        self._source, self._turned_away = source, turned_away

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        if self._turned_away.exists() and symbol in self._turned_away.read_text().split():
            raise SourceUnavailableError(f"{symbol}: 429, asked too often.")
        return self._source.fetch(symbol, start, end)
