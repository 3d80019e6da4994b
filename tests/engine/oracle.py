"""vectorbt's own Portfolio of a single symbol, and whether a result agrees with it to 1e-9."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from strategies.base import Signals

EXACT: dict[str, Any] = {"rel": 1e-9, "abs": 1e-9}


def portfolio_from_signals(
    history: History, signals: Signals, settings: BacktestSettings
) -> vbt.Portfolio:
    """Return the Portfolio of vectorbt for a history's signals, with all bars traded."""
    index = pd.DatetimeIndex(history.dates)
    close = pd.Series(history.bars.close, index=index)
    price, later = close, 0
    if settings.execution == "next_open":
        price, later = pd.Series(history.bars.open, index=index), 1
    if settings.direction == "short":
        signals = Signals(entries=signals.exits, exits=signals.entries)
    entries, exits = (
        pd.Series(given, index=index).shift(later, fill_value=False)
        for given in (signals.entries, signals.exits)
    )
    return vbt.Portfolio.from_signals(
        close,
        entries & ~exits,
        exits & ~entries,
        price=price,
        direction={"long": "longonly", "short": "shortonly", "both": "both"}[settings.direction],
        fees=settings.fees,
        slippage=settings.slippage,
        init_cash=settings.initial_capital,
        freq="1D",
        engine="rust",
    )


def metrics_of(portfolio: Any, bars_per_year: float) -> dict[str, float]:
    """Return the metrics by Portfolio's own accessors, which it adds to itself at run time."""
    year = {"year_freq": f"{bars_per_year:g}D"}
    closed = portfolio.trades.closed
    day = pd.Timedelta(days=1)
    return {
        "total_return": portfolio.total_return(),
        "annualized_return": portfolio.annualized_return(**year),
        "annualized_volatility": portfolio.annualized_volatility(**year),
        "downside_volatility": portfolio.downside_risk(**year),
        "sharpe_ratio": portfolio.sharpe_ratio(**year),
        "sortino_ratio": portfolio.sortino_ratio(**year),
        "calmar_ratio": portfolio.calmar_ratio(**year),
        "omega_ratio": portfolio.omega_ratio(**year),
        "max_drawdown": portfolio.max_drawdown(),
        "max_drawdown_duration": _or_zero(portfolio.drawdowns.max_duration() / day),
        "value_at_risk": portfolio.value_at_risk(),
        "conditional_value_at_risk": portfolio.cond_value_at_risk(),
        "final_value": portfolio.final_value(),
        "peak_value": portfolio.value().max(),
        "alpha": portfolio.alpha(**year),
        "beta": portfolio.beta(),
        "information_ratio": portfolio.information_ratio(),
        "benchmark_return": portfolio.total_benchmark_return(),
        "total_trades": portfolio.trades.count(),
        "closed_trades": closed.count(),
        "open_trades": portfolio.trades.open.count(),
        "winning_trades": closed.winning.count(),
        "losing_trades": closed.losing.count(),
        "win_rate": closed.win_rate(),
        "profit_factor": closed.profit_factor(),
        "expectancy": closed.expectancy(),
        "average_trade_return": closed.returns.mean(),
        "best_trade": closed.returns.max(),
        "worst_trade": closed.returns.min(),
        "average_trade_duration": closed.duration.mean(),
        "exposure": portfolio.position_coverage(),
        "total_fees": portfolio.orders.fees.sum(),
    }


def assert_agrees(result: BacktestResult, portfolio: Any) -> None:
    """Assert that every metric of vectorbt, every trade and the whole equity curve agree."""
    for metric, expected in metrics_of(portfolio, result.bars_per_year).items():
        value = result.metrics[metric]
        if value is None:
            assert not np.isfinite(expected), metric
        else:
            assert value == pytest.approx(expected, **EXACT), metric
    np.testing.assert_allclose(result.equity, portfolio.value().to_numpy(), rtol=1e-9)
    theirs = portfolio.trades.records
    shared = [name for name in result.trades.dtype.names or () if name != "exit_reason"]
    assert set(shared) <= set(theirs.columns)
    for name in shared:
        np.testing.assert_allclose(
            result.trades[name], theirs[name].to_numpy(), rtol=1e-9, atol=1e-9, err_msg=name
        )


def rests_on_rounding(result: BacktestResult, portfolio: Any) -> bool:
    """Return whether a ratio's denominator, or a drawdown, is a rounding error instead of zero.

    The ratios and durations that follow from it are noise in both results.
    """
    for equity in (result.equity, portfolio.value().to_numpy()):
        fall = 1.0 - equity / np.maximum.accumulate(equity)
        if ((fall > 0.0) & (fall < 1e-12)).any():
            return True
    returns = portfolio.returns()
    deviations = (returns.std(), (returns - portfolio.benchmark_returns()).std())
    return any(0.0 < deviation < 1e-12 for deviation in deviations)


def settings_of(direction: str, execution: str, **others: Any) -> BacktestSettings:
    """Return settings with the default costs."""
    return replace(BacktestSettings(), direction=direction, execution=execution, **others)


def _or_zero(bars: float) -> float:
    """Return 0 where vectorbt has no drawdown to give a duration of."""
    return 0.0 if np.isnan(bars) else bars
