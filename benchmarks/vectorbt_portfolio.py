"""The baseline: vectorbt's public API, used as fast as it can be.

All symbols are columns of one call. Frames are stored column by column, as its kernels read them.
Its returns accessor is made once and used for every metric. It is told the largest possible number
of orders, so that it doesn't allocate one per bar.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from strategies.base import Signals, Strategy

_YEAR = {"year_freq": "252D"}

# Fields of a trade record that have the same name on both sides.
_TRADE_FIELDS = (
    "direction",
    "status",
    "entry_idx",
    "entry_price",
    "entry_fees",
    "exit_idx",
    "exit_price",
    "exit_fees",
    "size",
    "pnl",
    "return",
)

_TOLERANCE = 1e-9


class DisagreementError(Exception):
    """Two contenders computed different results, so their times cannot be compared."""


@dataclass(frozen=True)
class Frames:
    """Prices and signals as pandas frames, one column per symbol, signals on the bar they fill."""

    open: Any
    high: Any
    low: Any
    close: Any
    entries: Any
    exits: Any
    most_orders: int

    @classmethod
    def of(cls, histories: Sequence[History], strategy: Strategy) -> "Frames":
        """Return the frames of histories that all have the same days."""
        signals = [strategy.signals(history.bars) for history in histories]
        prices = (
            _frame(histories, [getattr(history.bars, name) for history in histories])
            for name in ("open", "high", "low", "close")
        )
        shifted = [
            _frame(histories, [_on_the_next_bar(signal, name) for signal in signals])
            for name in ("entries", "exits")
        ]
        return cls(
            *prices, *shifted, most_orders=max(1, sum(int(f.to_numpy().sum()) for f in shifted))
        )

    def columns(self, size: int) -> list["Frames"]:
        """Return the same symbols in parts of `size` columns."""
        return [self._part(slice(first, first + size)) for first in range(0, self.count, size)]

    @property
    def count(self) -> int:
        """Number of symbols."""
        return self.close.shape[1]

    def _part(self, columns: slice) -> "Frames":
        frames = (self.open, self.high, self.low, self.close, self.entries, self.exits)
        return Frames(*(frame.iloc[:, columns] for frame in frames), most_orders=self.most_orders)


def summary(frames: Frames, **stops: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Return every metric that both vectorbt and the engine have, by its name here, and the trades.

    Metrics are those of `engine.metrics.METRICS` whose docstring names vectorbt as their source.
    """
    portfolio = _portfolio(frames, stops)
    return (
        {name: metric() for name, metric in _metrics(portfolio).items()},
        portfolio.trades.values,
    )


def require_agreement(frames: Frames, results: Sequence[BacktestResult]) -> int:
    """Compare every metric and trade of both sides; return how many metrics there are.

    Raises
    ------
    DisagreementError
        With the first that differs by more than 1e-9 (relative to its size above 1).
    """
    metrics, trades = summary(frames)
    for name, column in metrics.items():
        _require_same_metric(name, _numbers(column), results)
    ours = np.concatenate([result.trades for result in results])
    for field in _TRADE_FIELDS:
        if not np.allclose(ours[field], trades[field], rtol=_TOLERANCE, atol=_TOLERANCE):
            raise DisagreementError(f"Trades differ in {field}.")
    return len(metrics)


def _require_same_metric(name: str, theirs: np.ndarray, results: Sequence[BacktestResult]) -> None:
    for result, other in zip(results, theirs, strict=True):
        own = result.metrics[name]
        # vectorbt returns NaN or infinity where a metric is undefined here.
        same = (
            not np.isfinite(other)
            if own is None
            else bool(np.isclose(own, other, rtol=_TOLERANCE, atol=_TOLERANCE))
        )
        if not same:
            raise DisagreementError(f"{name} of {result.symbol} is {own}, vectorbt says {other}.")


def _numbers(column: Any) -> np.ndarray:
    """Return a column of a summary as numbers; durations in bars, which are days here."""
    values = column.to_numpy()
    if values.dtype.kind == "m":
        return values / np.timedelta64(1, "D")
    return values.astype(np.float64)


def _portfolio(frames: Frames, stops: dict[str, Any]) -> Any:
    import vectorbt as vbt

    settings = BacktestSettings()
    if stops:
        stops = {"open": frames.open, "high": frames.high, "low": frames.low, **stops}
    return vbt.Portfolio.from_signals(
        frames.close,
        frames.entries,
        frames.exits,
        price=frames.open,
        fees=settings.fees,
        slippage=settings.slippage,
        init_cash=settings.initial_capital,
        freq="1D",
        # A stop may add an exit to every entry.
        max_orders=frames.most_orders * (2 if stops else 1),
        engine="rust",
        **stops,
    )


def _metrics(portfolio: Any) -> dict[str, Callable[[], Any]]:
    """Return the accessors by the engine's names; vectorbt caches what they share."""
    returns = portfolio.get_returns_acc(**_YEAR)
    trades, closed = portfolio.trades, portfolio.trades.closed
    return {
        "total_return": portfolio.total_return,
        "annualized_return": returns.annualized,
        "annualized_volatility": returns.annualized_volatility,
        "downside_volatility": returns.downside_risk,
        "sharpe_ratio": returns.sharpe_ratio,
        "sortino_ratio": returns.sortino_ratio,
        "calmar_ratio": returns.calmar_ratio,
        "omega_ratio": returns.omega_ratio,
        "max_drawdown": returns.max_drawdown,
        "max_drawdown_duration": portfolio.drawdowns.max_duration,
        "value_at_risk": returns.value_at_risk,
        "conditional_value_at_risk": returns.cond_value_at_risk,
        "final_value": portfolio.final_value,
        "peak_value": lambda: portfolio.value().max(),
        "benchmark_return": portfolio.total_benchmark_return,
        "alpha": returns.alpha,
        "beta": returns.beta,
        "information_ratio": returns.information_ratio,
        "total_trades": trades.count,
        "closed_trades": closed.count,
        "open_trades": trades.open.count,
        "winning_trades": closed.winning.count,
        "losing_trades": closed.losing.count,
        "win_rate": closed.win_rate,
        "profit_factor": closed.profit_factor,
        "expectancy": closed.expectancy,
        "average_trade_return": closed.returns.mean,
        "best_trade": closed.returns.max,
        "worst_trade": closed.returns.min,
        "average_trade_duration": closed.duration.mean,
        "exposure": portfolio.position_coverage,
        "total_fees": portfolio.orders.fees.sum,
    }


def _frame(histories: Sequence[History], columns: Sequence[np.ndarray]) -> Any:
    import pandas as pd

    # A symbol's values are contiguous in memory: the transpose of rows is in Fortran order.
    return pd.DataFrame(
        np.stack(columns).T,
        index=pd.DatetimeIndex(histories[0].dates),
        columns=[history.symbol for history in histories],
        copy=False,
    )


def _on_the_next_bar(signals: Signals, name: str) -> np.ndarray:
    given = getattr(signals, name)
    shifted = np.zeros_like(given)
    shifted[1:] = given[:-1]
    return shifted
