"""A file of stored bars: its label, and the bars that it holds. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from resources.price_store.errors import CorruptBarsError, NoStoredBarsError

if TYPE_CHECKING:
    import polars as pl

    from resources.price_store.spans import Span
    from resources.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True)
class Label:
    """The metadata of a file of bars.

    Parameters
    ----------
    source, symbol
        Whose bars they are; a file under another name is corrupt.
    covers
        The days that the source was asked about; a symbol may have no bar at either end of them.
    fetched_at
        When the newest of them were fetched, in UTC; not part of the version.
    data_version, rows
        Of the bars, see `resources.market_data.bars`.
    splits
        The splits of the user's file that are in the adjustment, see `Splits.describe`.
    """

    source: str
    symbol: str
    covers: Span
    fetched_at: datetime
    data_version: str
    rows: int
    splits: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A readable file: its label and the bars that it holds.

    `sealed` says that all its bytes have been found to be those that were written.
    """

    path: str
    label: Label
    bars: pl.DataFrame
    sealed: bool = False

    def verified(self) -> StoredFile:
        """Return the file itself, if its bars have the data version of its label.

        Of a file without a seal the version is computed again, 0.1 ms for ten years; any difference
        raises CorruptBarsError. The seal covers bars and label together.
        """
        if self.sealed:
            return self
        from resources.market_data.bars import data_version

        if self.label.data_version != data_version(self.bars):
            raise CorruptBarsError.of(self.path, "its bars are not those of its data version")
        return self

    def select(self, start: date, end: date) -> pl.DataFrame:
        """Return the bars from `start` to `end`, inclusive, at least one.

        Raises NoStoredBarsError if there is none, or the source was not asked about all of these
        days.
        """
        label, bars = self.label, self.bars
        first, last = label.covers
        if start < first or end > last:
            raise NoStoredBarsError(
                f"{label.symbol}: bars of source '{label.source}' are stored for {first} to "
                f"{last}, not for {start} to {end}: materialize prices for this window first."
            )
        if start <= bars["date"][0] and bars["date"][-1] <= end:
            return bars
        window = bars.filter(bars["date"].is_between(start, end))
        if window.is_empty():
            raise NoStoredBarsError(
                f"{label.symbol}: source '{label.source}' has no bars from {start} to {end}."
            )
        return window

    def is_outdated(self, end: date, calendar: TradingCalendar) -> bool:
        """Return whether a session up to `end` is over that was not when bars were fetched.

        The source was asked about such a day, and could not know its bar.
        """
        known = max(calendar.last_day_over(self.label.fetched_at), self.bars["date"][-1])
        over = min(end, calendar.last_day_over())
        return calendar.last_session(known + timedelta(days=1), over) is not None


def make_label(
    source: str,
    symbol: str,
    bars: pl.DataFrame,
    covers: Span,
    splits: str = "",
    fetched_at: datetime | None = None,
) -> Label:
    """Return the label of bars whose newest were fetched at a time, by default just now."""
    from resources.market_data.bars import data_version

    time = fetched_at or datetime.now(UTC).replace(microsecond=0)
    return Label(source, symbol, covers, time, data_version(bars), bars.height, splits)
