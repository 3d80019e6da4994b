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
