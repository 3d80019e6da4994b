"""The interface of all sources of bars, and their errors. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from strategies.errors import GauntletError

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

SOURCES = ("synthetic", "sample", "files", "yahoo")

WITH_SPREAD = ("files",)
"""Sources whose bars may have half-spreads; of each symbol that has none, costs say so."""

THROTTLED = ("yahoo",)
"""Sources of remote providers: rate limited, and fetched incrementally."""


class MarketDataError(GauntletError):
    """A source cannot give bars; the text names the symbol where there is one."""


class UnknownSymbolError(MarketDataError):
    """The source has no such symbol."""


class NoBarsError(MarketDataError):
    """The source knows the symbol but has no bars of it in the window."""


class SourceUnavailableError(MarketDataError):
    """A transient error: no answer, or one that says to retry after `retry_after` seconds."""

    transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class SourceNotes:
    """What a source found out about a symbol's bars, apart from the bars.

    Attributes
    ----------
        basis: what the prices are adjusted by; "" where the source always says the same.
        repaired: bars whose high or low was off by rounding.
        dropped: rows that were left out because they had no price at all.
        padding: bars that filled days on which the exchange was closed, and were left out.
        has_volume: False where the source states no volume; the bars then have 0.0, which does not
            say that there was no trade.
    """

    basis: str = ""
    repaired: int = 0
    dropped: int = 0
    padding: int = 0
    has_volume: bool = True


NO_NOTES = SourceNotes()


class PriceSource(Protocol):
    """Where daily bars come from."""

    @property
    def name(self) -> str:
        """The source's name in settings; stored bars are kept apart by it."""
        ...

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Return the bars of `symbol` from `start` to `end`, both inclusive, oldest first.

        The frame has the schema of `resources.market_data.bars` and at least one row; a window
        that reaches beyond what the source has gives what it has. Raises UnknownSymbolError,
        NoBarsError, BadBarsError or another MarketDataError, the symbol in its text.
        """
        ...


def select_window(
    source: str, symbol: str, bars: pl.DataFrame, start: date, end: date
) -> pl.DataFrame:
    """Return the rows of `bars` dated from `start` to `end` inclusive; none raises NoBarsError."""
    import polars as pl

    window = bars.filter(pl.col("date").is_between(start, end))
    if window.is_empty():
        first, last = bars["date"].min(), bars["date"].max()
        known = "none at all" if first is None else f"{first} to {last}"
        raise NoBarsError(
            f"{symbol}: source '{source}' has no bars from {start} to {end} (it has {known})."
        )
    return window
