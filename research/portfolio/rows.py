"""Portfolios as rows: what the store keeps of each, and returns. Light to import."""

from collections.abc import Mapping
from typing import Any

COUNTS = ("missed", "cut", "capped", "waited", "liquidated")

_LUCK = ("return_low", "return_median", "return_high", "sharpe_low", "sharpe_median", "sharpe_high")

NUMBERS = (
    *("total_return", "annualized_return", "annualized_volatility", "sharpe_ratio"),
    *("max_drawdown", "universe_return", "universe_sharpe_ratio", "universe_correlation"),
    *("benchmark_return", "doubled_costs_return", "pairs_sharpe_ratio", "mean_gross"),
    *("highest_gross", "mean_net", "mean_positions", "most_positions", "turnover", "fees"),
    *("slippage", "accrued", "largest_volume_share", "final_equity"),
    *(f"luck_{one}" for one in _LUCK),
)
"""The numbers of a portfolio, each None where it is undefined."""


def flatten_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a row from `research.portfolio.measures.describe_portfolio`.

    Parameters
    ----------
    facts
        With ``pairs_sharpe_ratio``, the mean Sharpe ratio of the single backtests.
    """
    luck = facts["priority_luck"] or {}
    return {
        **{name: facts["measures"].get(name) for name in NUMBERS},
        "pairs_sharpe_ratio": facts["pairs_sharpe_ratio"],
        **{f"luck_{name}": luck.get(name) for name in _LUCK},
        **{name: facts["orders"][name] for name in COUNTS},
        "breaches": len(facts["breaches"]),
        "costs": facts["costs"],
        "symbols": facts["symbols"],
        "fills": facts["fills"],
        "definition": facts["definition"],
    }
