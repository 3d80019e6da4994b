"""What a backtest produces: its metrics, its trades and its equity curve."""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.blocks import BlockOutcome
from engine.history import TradedHistory
from engine.metrics.measurement import Measurement
from engine.positions import EXIT_REASONS
from engine.settings import BacktestSettings, Window
from engine.simulation import Trades, compute_equity
from strategies.base import Floats, Strategy


@dataclass(frozen=True)
class BacktestResult:
    """One strategy on one symbol.

    Parameters
    ----------
    symbol, strategy, window, settings
        What was run.
    dates
        ``datetime64[D]``, the window's bars, shape (n,).
    close
        Their closes, shape (n,).
    warm_up
        Number of bars before the window, seen by indicators only.
    bars_per_year
        By which it is annualized.
    ended_early
        Whether the symbol's bars stop before the window does.
    no_trades
        Why there are no trades; empty if there are some.
    trades
        Of dtype `engine.simulation.TRADE`; indices count from the window's first bar.
    measurement, row
        The metrics of this backtest's block, and its row there.
    kept_equity
        Cash and position at each close, where trades do not tell it; else None.
    """

    symbol: str
    strategy: Strategy
    window: Window
    settings: BacktestSettings
    dates: NDArray[np.datetime64] = field(repr=False)
    close: Floats = field(repr=False)
    warm_up: int
    bars_per_year: float
    ended_early: bool
    no_trades: str
    trades: Trades = field(repr=False)
    measurement: Measurement = field(repr=False)
    row: int = field(repr=False)
    kept_equity: Floats | None = field(default=None, repr=False)

    @property
    def metrics(self) -> dict[str, float | int | None]:
        """Every metric of `engine.metrics.METRICS`, None where undefined."""
        return self._measured[0]

    @property
    def undefined(self) -> dict[str, str]:
        """Why a metric is None, by metric."""
        return self._measured[1]

    @cached_property
    def _measured(self) -> tuple[dict[str, float | int | None], dict[str, str]]:
        return self.measurement.read(self.row, self.no_trades)

    @cached_property
    def equity(self) -> Floats:
        """Cash and position at each close, shape (n,).

        Computed from the trades on first use: ten years of it are 20 KB, the trades 3 KB. With
        costs that need a loop over bars it is kept instead.
        """
        if self.kept_equity is not None:
            return self.kept_equity
        first = np.array([0, len(self.trades)])
        capital = self.settings.initial_capital
        return compute_equity(self.trades, first, self.close[np.newaxis], capital)[0]

    @property
    def first_session(self) -> date:
        """The first bar's day."""
        return self.dates[0].astype(date)

    @property
    def last_session(self) -> date:
        """The last bar's day."""
        return self.dates[-1].astype(date)

    def as_dict(self) -> dict[str, Any]:
        """Return the result for a notebook: plain values, and the curves as pandas series.

        Keys: symbol, strategy, parameters, metrics, undefined, trades (one dict each), equity_curve
        and drawdown_series (fraction below the highest equity so far, 0 or negative) by day,
        start_date, end_date, initial_capital, settings, bars_per_year, first_session,
        last_session, ended_early.
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
            "trades": [self._describe_trade(record) for record in self.trades],
            "equity_curve": equity,
            "drawdown_series": (equity / equity.cummax() - 1.0).rename("drawdown"),
            "start_date": self.window.start,
            "end_date": self.window.end,
            "initial_capital": self.settings.initial_capital,
            "settings": self.settings.as_dict(),
            "bars_per_year": self.bars_per_year,
            "first_session": self.first_session,
            "last_session": self.last_session,
            "ended_early": self.ended_early,
        }

    def _describe_trade(self, record: Any) -> dict[str, Any]:
        return {
            "status": "closed" if record["status"] else "open",
            "direction": "short" if record["direction"] else "long",
            "entry_date": self.dates[record["entry_idx"]].astype(date),
            "entry_price": float(record["entry_price"]),
            "exit_date": self.dates[record["exit_idx"]].astype(date),
            "exit_price": float(record["exit_price"]),
            "size": float(record["size"]),
            "entry_fees": float(record["entry_fees"]),
            "exit_fees": float(record["exit_fees"]),
            "pnl": float(record["pnl"]),
            "return": float(record["return"]),
            "exit_reason": EXIT_REASONS[record["exit_reason"]],
        }


def build_result(outcome: BlockOutcome, row: int) -> BacktestResult:
    """Return one backtest of a block; then the block keeps metrics and no matrices."""
    block = outcome.block
    history = block.histories[outcome.symbol_of[row]]
    strategy = block.strategies[outcome.strategy_of[row]]
    trades = outcome.trades[outcome.first[row] : outcome.first[row + 1]]
    return BacktestResult(
        symbol=history.symbol,
        strategy=strategy,
        window=block.window,
        settings=block.settings,
        dates=history.dates[history.first :],
        close=history.bars.close[history.first :],
        warm_up=history.first,
        bars_per_year=block.settings.bars_per_year or history.bars_per_year,
        ended_early=history.ends_before(block.window),
        no_trades="" if len(trades) else _explain_no_trades(strategy, history),
        trades=trades,
        measurement=outcome.measurement.settle(),
        row=row,
        kept_equity=None if outcome.equity is None else outcome.equity[row].copy(),
    )


def _explain_no_trades(strategy: Strategy, history: TradedHistory) -> str:
    """Return why a strategy cannot trade a history, if it can't; else what no trades are called."""
    bars, lookback_bars = len(history.dates), strategy.lookback_bars
    if bars <= lookback_bars:
        return f"no trades: {bars} bars are too few for a lookback of {lookback_bars}"
    if strategy.uses_volume and not history.bars.volume.any():
        return f"no trades: {history.symbol} has no volume, which {strategy.name} uses"
    return "no trades"
