"""The numbers of a portfolio, by name; None where one is undefined."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from research.portfolio.portfolio import Portfolio
from research.portfolio.sharpe_ratio import find_sharpe_ratio
from strategies.base import Floats
from strategies.portable import power

MEASURES = (
    *("total_return", "annualized_return", "annualized_volatility", "sharpe_ratio"),
    *("max_drawdown", "universe_return", "universe_sharpe_ratio", "universe_correlation"),
    *("benchmark_return", "doubled_costs_return", "mean_gross", "highest_gross", "mean_net"),
    *("mean_positions", "most_positions", "turnover", "fees", "slippage", "accrued"),
    *("largest_volume_share", "final_equity"),
)
"""What `measure_portfolio` returns of each portfolio: fractions, ratios per year, money."""

_OF_EQUITY = (
    *("annualized_return", "annualized_volatility", "sharpe_ratio", "universe_correlation"),
    *("mean_gross", "highest_gross", "mean_net", "turnover"),
)
"""Those that are fractions of the equity, or follow from such: without equity they are none."""


def measure_portfolio(portfolio: Portfolio) -> dict[str, float | None]:
    """Return the numbers of a portfolio, defined as `engine.metrics` defines those of backtests.

    The universe's and the benchmark's are of the same days. `turnover` is the value of all fills
    per year and mean equity, both sides added; `fees`, `slippage` and `accrued` (interest less
    borrow fees) are money of the whole window. `largest_volume_share` is the largest share of a
    day's volume that a fill was, None without volumes. Of an account that lost its capital at some
    close, ratios to the equity are None.
    """
    outcome, held = portfolio.outcome, portfolio.outcome.held()
    start, years = outcome.market.first, len(outcome.curve) / portfolio.bars_per_year
    equity, fills = outcome.curve, outcome.fills
    gross = held.sum_values(absolute=True)[start:] / equity
    net = held.sum_values()[start:] / equity
    count = held.count()[start:]
    value = np.abs(fills["size"]) * fills["price"]
    slippage = np.abs(fills["size"]) * np.abs(fills["price"] - fills["market_price"])
    benchmark = portfolio.benchmark
    found = {
        **_measure_returns(portfolio, years),
        "universe_return": _compound(portfolio.universe),
        "universe_sharpe_ratio": find_sharpe_ratio(
            portfolio.universe, portfolio.risk_free, portfolio.bars_per_year
        ),
        "universe_correlation": _correlate(outcome.returns, portfolio.universe),
        "benchmark_return": math.nan if benchmark is None else _compound(benchmark),
        "doubled_costs_return": portfolio.doubled_costs[-1] / outcome.capital - 1.0,
        "mean_gross": gross.mean(),
        "highest_gross": gross.max(),
        "mean_net": net.mean(),
        "mean_positions": count.mean(),
        "most_positions": count.max(),
        "turnover": value.sum() / equity.mean() / years,
        "fees": fills["fees"].sum(),
        "slippage": slippage.sum(),
        "accrued": outcome.accrued.sum(),
        "largest_volume_share": _find_volume_share(portfolio),
        "final_equity": equity[-1],
    }
    if (equity <= 0).any():
        found |= dict.fromkeys(_OF_EQUITY, math.nan)
    return {name: _to_plain(found[name]) for name in MEASURES}


def describe_portfolio(portfolio: Portfolio) -> dict[str, Any]:
    """Return what the file of a portfolio says, fit for JSON."""
    outcome, luck = portfolio.outcome, portfolio.luck
    drawn = None if luck is None else {n: _to_plain(v) for n, v in asdict(luck).items()}
    return {
        "definition": portfolio.definition.as_dict(),
        "costs": portfolio.costs.describe(),
        "symbols": len(outcome.market.symbols),
        "bars_per_year": portfolio.bars_per_year,
        "measures": measure_portfolio(portfolio),
        "fills": len(outcome.fills),
        "orders": asdict(outcome.counts),
        "priority_luck": drawn,
        "breaches": [asdict(one) for one in portfolio.breaches],
    }


def _measure_returns(portfolio: Portfolio, years: float) -> dict[str, float]:
    outcome = portfolio.outcome
    growth = float(outcome.curve[-1] / outcome.capital)
    peak = np.maximum.accumulate(np.maximum(outcome.curve, outcome.capital))
    deviation = float(np.std(outcome.returns, ddof=1)) if len(outcome.returns) > 1 else math.nan
    return {
        "total_return": growth - 1.0,
        "annualized_return": _annualize(growth, years) if growth > 0 else math.nan,
        "annualized_volatility": deviation * math.sqrt(portfolio.bars_per_year),
        "sharpe_ratio": find_sharpe_ratio(
            outcome.returns, portfolio.risk_free, portfolio.bars_per_year
        ),
        "max_drawdown": float((outcome.curve / peak - 1.0).min()),
    }


def _annualize(growth: float, years: float) -> float:
    return power(np.array([growth]), np.array([1.0 / years])).item() - 1.0


def _compound(returns: Floats) -> float:
    return float(np.prod(1.0 + returns)) - 1.0


def _correlate(one: Floats, other: Floats) -> float:
    deviations = np.std(one) * np.std(other)
    if not deviations:
        return math.nan
    return float(((one - one.mean()) * (other - other.mean())).mean() / deviations)


def _find_volume_share(portfolio: Portfolio) -> float:
    fills, volume = portfolio.outcome.fills, portfolio.market.volume
    traded = volume[fills["bar"], fills["symbol"]]
    known = traded > 0
    share = np.abs(fills["size"][known]) / traded[known]
    return float(share.max()) if len(share) else math.nan


def _to_plain(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    return number if not isinstance(number, float) or math.isfinite(number) else None
