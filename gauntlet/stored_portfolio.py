"""A stored portfolio: its numbers, and its tables as frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from research.portfolio.row_frames import sum_attribution

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StoredPortfolio:
    """A portfolio of `Gauntlet.portfolio`: its numbers, and its tables, read when asked for.

    Each table raises FileNotFoundError where `maintenance` has removed the files.

    Attributes
    ----------
    facts
        The row of `Gauntlet.portfolios`, by column.
    """

    facts: Mapping[str, Any]
    _read: Callable[[str], pl.DataFrame] = field(repr=False)
    _convert: "Callable[[pl.DataFrame], pl.DataFrame | pd.DataFrame]" = field(repr=False)

    def weights(self) -> "pl.DataFrame | pd.DataFrame":
        """Return the share of the equity of each position at each close, negative for shorts."""
        return self._convert(self._read("weights"))

    def trades(self) -> "pl.DataFrame | pd.DataFrame":
        """Return each fill, in its order: shares, price, fees and slippage."""
        return self._convert(self._read("trades"))

    def equity(self) -> "pl.DataFrame | pd.DataFrame":
        """Return equity, cash and exposure at each close, beside universe and benchmark."""
        return self._convert(self._read("equity"))

    def attribution(self, by: str | None = None) -> "pl.DataFrame | pd.DataFrame":
        """Return the profit of each symbol and side, or summed by ``sector`` or ``side``."""
        found = self._read("attribution")
        return self._convert(found if by is None else sum_attribution(found, by))
