"""What the Dagster UI shows of a portfolio."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from assets.markdown import render_markdown
from assets.portfolios_stage import MadePortfolio

_SHOWN = (
    *("total_return", "annualized_return", "annualized_volatility", "sharpe_ratio"),
    *("pairs_sharpe_ratio", "max_drawdown", "universe_return", "benchmark_return"),
    *("doubled_costs_return", "mean_gross", "mean_positions", "turnover", "fees", "slippage"),
    "largest_volume_share",
)


def describe_metadata(made: MadePortfolio) -> dict[str, Any]:
    """Return the metadata of a portfolio; numbers that are undefined are left out."""
    facts = made.facts
    numbers = facts["measures"] | {"pairs_sharpe_ratio": facts["pairs_sharpe_ratio"]}
    return {
        **{name: numbers[name] for name in _SHOWN if numbers.get(name) is not None},
        "strategies": ", ".join(made.definition.strategies),
        "sizing": made.definition.sizing,
        "rebalance": made.definition.rebalance,
        "costs": facts["costs"],
        "symbols": facts["symbols"],
        "fills": facts["fills"],
        "orders": dg.MetadataValue.md(render_markdown(_tabulate(facts["orders"]))),
        **_describe_luck(facts["priority_luck"]),
        "path": dg.MetadataValue.path(made.path),
    }


def _tabulate(orders: Mapping[str, int]) -> pl.DataFrame:
    return pl.DataFrame({"orders": list(orders), "count": list(orders.values())})


def _describe_luck(luck: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return how much of the result is the order in which entries were taken."""
    if luck is None:
        return {}
    return {
        "priority_luck": f"{luck['return_low']:+.1%} to {luck['return_high']:+.1%} over "
        f"{luck['orders']} random orders of the entries, median {luck['return_median']:+.1%}"
    }
