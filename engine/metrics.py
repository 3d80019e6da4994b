"""The metrics of a simulated batch, for all columns at once.

A metric that is undefined (no trades, nothing to divide by) is None, with the reason beside it:
never 0, never infinite.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metric_catalogue import METRICS
from engine.settings import BacktestSettings
from engine.simulation import RUST, Simulation
from strategies.base import Floats

Columns = dict[str, NDArray[Any]]

_CLOSED = 1  # vectorbt.portfolio.enums.TradeStatus

_NOTHING_TO_DIVIDE_BY = {
    "sharpe_ratio": "the returns have no variance",
    "sortino_ratio": "no return is negative",
    "calmar_ratio": "there is no drawdown",
    "omega_ratio": "no return is negative",
    "profit_factor": "no closed trade lost",
}
_OF_CLOSED_TRADES = frozenset(
    {"win_rate", "profit_factor", "expectancy", "average_trade_return", "best_trade", "worst_trade"}
)


def compute_metrics(simulation: Simulation, settings: BacktestSettings) -> Columns:
    """Return each metric's values, shape (N,); NaN or infinite where it is undefined."""
    columns = _equity_metrics(simulation, settings) | _trade_metrics(simulation)
    return {name: columns[name] for name in METRICS}


def defined(
    metrics: Columns, column: int, bars: int
) -> tuple[dict[str, float | int | None], dict[str, str]]:
    """Return one column's metrics, None where undefined, and the reason of each None."""
    values: dict[str, float | int | None] = {}
    reasons: dict[str, str] = {}
    for name, array in metrics.items():
        value = array[column].item()
        values[name] = value if np.isfinite(value) else None
        if values[name] is None:
            reasons[name] = _reason(name, metrics, column, bars)
    return values, reasons


def _reason(name: str, metrics: Columns, column: int, bars: int) -> str:
    if metrics["total_trades"][column] == 0:
        return "no trades"
    if name in _OF_CLOSED_TRADES and metrics["closed_trades"][column] == 0:
        return "no closed trades"
    if bars == 1:
        return "one bar has no returns to measure"
    return _NOTHING_TO_DIVIDE_BY.get(name, "not a finite number")


def _equity_metrics(simulation: Simulation, settings: BacktestSettings) -> Columns:
    """Return the metrics of the equity curves.

    Columns of one length are measured together: padding must not dilute a shorter one, and a
    column gets the same bits in whatever company.
    """
    count = len(simulation.lengths)
    columns: Columns = {}
    for length in np.unique(simulation.lengths):
        members = np.flatnonzero(simulation.lengths == length)
        equity = np.ascontiguousarray(simulation.equity[:length, members])
        close = simulation.close[:length, members]
        for name, values in _of_equal_length(equity, close, settings).items():
            columns.setdefault(name, np.full(count, np.nan))[members] = values
    return columns


def _of_equal_length(equity: Floats, close: Floats, settings: BacktestSettings) -> Columns:
    from vectorbt.returns import dispatch

    capital = np.full(equity.shape[1], settings.initial_capital)
    returns = dispatch.returns(equity, capital, engine=RUST)
    year = settings.year_length
    return {
        "total_return": (equity[-1] - capital) / capital,
        "annualized_return": dispatch.annualized_return(returns, year, engine=RUST),
        "annualized_volatility": dispatch.annualized_volatility(returns, year, engine=RUST),
        "sharpe_ratio": dispatch.sharpe_ratio(returns, year, engine=RUST),
        "sortino_ratio": dispatch.sortino_ratio(returns, year, engine=RUST),
        "calmar_ratio": dispatch.calmar_ratio(returns, year, engine=RUST),
        "omega_ratio": dispatch.omega_ratio(returns, year, engine=RUST),
        "max_drawdown": dispatch.max_drawdown(returns, engine=RUST),
        "value_at_risk": dispatch.value_at_risk(returns, engine=RUST),
        "conditional_value_at_risk": dispatch.cond_value_at_risk(returns, engine=RUST),
        "final_value": equity[-1],
        "benchmark_return": close[-1] / close[0] - 1.0,
    }


def _trade_metrics(simulation: Simulation) -> Columns:
    """Return the metrics of the trades; NaN or infinite where a column has no closed trade."""
    count = len(simulation.lengths)
    trades = simulation.trades
    closed = trades[trades["status"] == _CLOSED]
    column, profit, gain = closed["col"], closed["pnl"], closed["return"]

    def total(weights: Floats) -> Floats:
        return _sum_by_column(column, weights, count)

    all_trades = np.bincount(trades["col"], minlength=count)
    number = np.bincount(column, minlength=count)
    best, worst = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(best, column, gain)
    np.minimum.at(worst, column, gain)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "win_rate": total((profit > 0).astype(np.float64)) / number,
            "profit_factor": total(np.maximum(profit, 0)) / -total(np.minimum(profit, 0)),
            "expectancy": total(profit) / number,
            "average_trade_return": total(gain) / number,
            "best_trade": best,
            "worst_trade": worst,
            "total_trades": all_trades,
            "closed_trades": number,
            "open_trades": all_trades - number,
            "total_fees": _sum_by_column(simulation.fills["col"], simulation.fills["fees"], count),
        }


def _sum_by_column(column: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """Return a sum a column, shape (count,).

    bincount adds a column's values one by one in the order of its trades, so the sum does not
    depend on which other columns are there. Given none at all it answers with integers.
    """
    return np.bincount(column, weights=weights, minlength=count).astype(np.float64)
