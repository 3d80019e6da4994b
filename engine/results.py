"""What a backtest gives: one result a symbol, or the failure that stands in its place."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.settings import BacktestSettings, Window
from strategies.base import Floats, Strategy


@dataclass(frozen=True)
class BacktestResult:
    """One strategy on one symbol.

    Parameters
    ----------
    symbol, strategy, window, settings
        What was run, on what terms.
    dates
        ``datetime64[D]``, the window's bars, shape (n,).
    equity
        Cash and position at each close, shape (n,).
    trades
        vectorbt's trade records of this symbol; indices count from the window's first bar.
    metrics
        Every metric of `engine.metric_catalogue`, None where undefined.
    undefined
        Why each None is None, by metric.
    """

    symbol: str
    strategy: Strategy
    window: Window
    settings: BacktestSettings
    dates: NDArray[np.datetime64]
    equity: Floats
    trades: NDArray[Any]
    metrics: dict[str, float | int | None]
    undefined: dict[str, str]

    @property
    def first_session(self) -> date:
        """The first bar's day."""
        return self.dates[0].astype(date)

    @property
    def last_session(self) -> date:
        """The last bar's day."""
        return self.dates[-1].astype(date)

    @property
    def ended_early(self) -> bool:
        """Whether the symbol's bars stop before the window does."""
        return self.window.ended_early(self.last_session)

    def as_dict(self) -> dict[str, Any]:
        """Return the result for a notebook: plain values, and pandas series of the curves.

        Keys: symbol, strategy, parameters, metrics, undefined, trades (one dict each), equity_curve
        and drawdown_series (fraction below the highest equity so far, 0 or negative) by day,
        start_date, end_date, initial_capital.
        """
        import pandas as pd

        index = pd.DatetimeIndex(self.dates)
        equity = pd.Series(self.equity, index=index, name="equity")
        return {
            "symbol": self.symbol,
            "strategy": self.strategy.name,
            "parameters": self.strategy.parameters(),
            "metrics": dict(self.metrics),
            "undefined": dict(self.undefined),
            "trades": [self._trade(record) for record in self.trades],
            "equity_curve": equity,
            "drawdown_series": (equity / equity.cummax() - 1.0).rename("drawdown"),
            "start_date": self.window.start,
            "end_date": self.window.end,
            "initial_capital": self.settings.initial_capital,
        }

    def _trade(self, record: Any) -> dict[str, Any]:
        return {
            "status": "closed" if record["status"] else "open",
            "entry_date": self.dates[record["entry_idx"]].astype(date),
            "entry_price": float(record["entry_price"]),
            "exit_date": self.dates[record["exit_idx"]].astype(date),
            "exit_price": float(record["exit_price"]),
            "size": float(record["size"]),
            "fees": float(record["entry_fees"] + record["exit_fees"]),
            "pnl": float(record["pnl"]),
            "return": float(record["return"]),
        }


@dataclass(frozen=True)
class Failure:
    """A symbol that could not be carried through a stage, and why.

    Parameters
    ----------
    symbol
        Its name.
    error_class
        The class of what was raised.
    message
        Its text, one line.
    strategy
        The strategy, where the stage has one.
    """

    symbol: str
    error_class: str
    message: str
    strategy: str | None = None

    @classmethod
    def of(cls, symbol: str, error: Exception, strategy: str | None = None) -> "Failure":
        """Return the failure that `error` means for `symbol`."""
        text = " ".join(str(error).split()) or "no message"
        return cls(symbol, type(error).__name__, text, strategy)


@dataclass(frozen=True)
class BatchOutcome:
    """A batch's results and failures; each symbol is in exactly one of them."""

    results: list[BacktestResult]
    failures: list[Failure]
