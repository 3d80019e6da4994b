"""Real daily bars of five symbols, 2000-03-01 to 2013-03-01, shipped in bokeh_sampledata.

The file's prices are as traded (Apple halves at its splits of 2000-06-21 and 2005-02-28,
Microsoft on 2003-02-18), its "Adj Close" is adjusted for splits and dividends: their ratio is
the adjustment. Google begins on 2004-08-19 and Facebook on 2012-05-18, their first days.
Settings import the constants: polars loads with the first fetch.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from resources.market_data.source import UnknownSymbolError, select_window
from resources.universe import SYMBOL_RULE, is_symbol
from strategies.errors import did_you_mean

if TYPE_CHECKING:
    import polars as pl

SAMPLE_START = date(2000, 3, 1)
SAMPLE_END = date(2013, 3, 1)
SAMPLE_LISTED_FROM = {
    "AAPL": None,
    "FB": date(2012, 5, 18),
    "GOOG": date(2004, 8, 19),
    "IBM": None,
    "MSFT": None,
}
SAMPLE_SYMBOLS = tuple(SAMPLE_LISTED_FROM)


class SampleSource:
    """The bars of bokeh_sampledata's stocks file."""

    name = "sample"

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """See `PriceSource.fetch`; symbols other than SAMPLE_SYMBOLS raise UnknownSymbolError."""
        if not is_symbol(symbol):
            raise UnknownSymbolError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")
        if symbol not in SAMPLE_SYMBOLS:
            raise UnknownSymbolError(
                f"{symbol}: not in source 'sample', which has {', '.join(SAMPLE_SYMBOLS)}."
                + did_you_mean(symbol, SAMPLE_SYMBOLS)
            )
        return select_window(self.name, symbol, _load_stocks()[symbol], start, end)


@lru_cache(maxsize=1)
def _load_stocks() -> dict[str, pl.DataFrame]:
    """Return the file's bars by symbol: 12,154 rows, read in some 10 ms."""
    import polars as pl

    from resources.market_data.bars import SCHEMA

    packed = files("bokeh_sampledata").joinpath("_data", "stocks.csv.gz").read_bytes()
    table = pl.read_csv(packed, try_parse_dates=True).rename(str.lower)
    bars = table.with_columns(adjustment=pl.col("adj close") / pl.col("close")).select(
        "ticker", *(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    )
    return {
        str(key[0]): part
        for key, part in bars.partition_by("ticker", as_dict=True, include_key=False).items()
    }
