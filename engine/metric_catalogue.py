"""Every metric of a backtest: its name, its type, what it means and where its formula stands.

The one list that the engine computes, the result store keeps a column for, and the leaderboard
may rank by. Names are vectorbt's own where it has the metric.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric.

    Parameters
    ----------
    name
        Column name, key in `BacktestResult.metrics`.
    kind
        ``fraction`` (0.05 is 5 %), ``ratio`` (no unit), ``money`` (the currency of the prices)
        or ``count``.
    description
        Meaning and formula, with its source.
    """

    name: str
    kind: Literal["fraction", "ratio", "money", "count"]
    description: str


_RETURNS = "vectorbt.returns, on the bar-by-bar returns of the equity curve"
_TRADES = "vectorbt.portfolio.trades, closed trades only"

_CATALOGUE = (
    Metric("total_return", "fraction", "final value / initial capital - 1"),
    Metric(
        "annualized_return",
        "fraction",
        f"(1 + total return) ** (year length / bars) - 1; {_RETURNS}",
    ),
    Metric(
        "annualized_volatility",
        "fraction",
        f"sample deviation of returns * sqrt(year length); {_RETURNS}",
    ),
    Metric(
        "sharpe_ratio",
        "ratio",
        f"mean / sample deviation of returns * sqrt(year length), risk-free rate 0; {_RETURNS}",
    ),
    Metric(
        "sortino_ratio",
        "ratio",
        f"annualized mean return / annualized downside deviation; {_RETURNS}",
    ),
    Metric("calmar_ratio", "ratio", f"annualized return / |maximum drawdown|; {_RETURNS}"),
    Metric("omega_ratio", "ratio", f"sum of gains / sum of losses of returns; {_RETURNS}"),
    Metric("max_drawdown", "fraction", f"deepest fall from a peak, 0 or negative; {_RETURNS}"),
    Metric("value_at_risk", "fraction", f"5 % quantile of returns; {_RETURNS}"),
    Metric(
        "conditional_value_at_risk",
        "fraction",
        f"mean of the worst 5 % of returns; {_RETURNS}",
    ),
    Metric("win_rate", "fraction", f"won / all; {_TRADES}"),
    Metric("profit_factor", "ratio", f"sum of profits / |sum of losses|; {_TRADES}"),
    Metric("expectancy", "money", f"mean profit or loss of a trade after costs; {_TRADES}"),
    Metric("average_trade_return", "fraction", f"mean return of a trade after costs; {_TRADES}"),
    Metric("best_trade", "fraction", f"highest return of a trade after costs; {_TRADES}"),
    Metric("worst_trade", "fraction", f"lowest return of a trade after costs; {_TRADES}"),
    Metric("total_trades", "count", "trades, the open one included"),
    Metric("closed_trades", "count", "trades that were exited inside the window"),
    Metric("open_trades", "count", "1 if the window ends in a position, marked at the last close"),
    Metric("final_value", "money", "cash and position at the last close"),
    Metric("total_fees", "money", "fees paid on all fills"),
    Metric("benchmark_return", "fraction", "last close / first close of the window - 1"),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _CATALOGUE}
"""All metrics by name, in the order in which tables show them."""
