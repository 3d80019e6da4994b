"""Points of parameter grids on one symbol, ranked by a metric.

The best of many points is best by luck as well: an answer always says how many were tried.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import StrategyFailedError
from engine.failure import Failure
from engine.metrics import LOWER_IS_BETTER
from engine.outcomes import BatchOutcome
from engine.parameter_grid import ParameterGrid, build_grid
from engine.results import BacktestResult
from strategies.registry import registered_strategies

SHOWN = (
    "total_return", "sharpe_ratio", "max_drawdown", "win_rate", "profit_factor", "total_trades",
)  # fmt: skip
"""The metrics of each entry; the one that ranks is added."""

Compared = Sequence[str] | Mapping[str, Mapping[str, Sequence[Any]] | None] | None
"""Strategies to compare: names, or ranges by name (None for the defaults); None for all."""


def rank(outcome: BatchOutcome, metric: str) -> list[int]:
    """Return the places of results, best first by a metric, those where it is undefined last.

    Ties keep their order.
    """
    values = outcome.column(metric) * (1.0 if metric in LOWER_IS_BETTER else -1.0)
    return np.argsort(values, kind="stable").tolist()  # NaN comes last


def describe_optimization(
    symbol: str, grid: ParameterGrid, outcome: BatchOutcome, metric: str, top_n: int
) -> dict[str, Any]:
    """Return what `VectorBTEngine.optimize_parameters` answers.

    Raises
    ------
    StrategyFailedError
        When every point failed.
    """
    if not outcome:
        raise StrategyFailedError(_join(outcome.failures))
    top = [_describe(outcome[place], metric) for place in rank(outcome, metric)[:top_n]]
    return {
        "symbol": symbol,
        "strategy": grid.strategies[0].name,
        "optimization_metric": metric,
        "best_parameters": top[0]["parameters"],
        "best_metric_value": top[0][metric],
        "top_results": top,
        "total_combinations_tested": len(grid.strategies) + len(grid.skipped),
        "valid_combinations": len(outcome),
        "skipped": grid.skipped,
        "failures": [_explain(one) for one in outcome.failures],
    }


def build_grids(strategies: Compared) -> dict[str, ParameterGrid]:
    """Return the points to compare, by strategy.

    Raises
    ------
    UnknownStrategyError, InvalidParameterError
        As `engine.parameter_grid.build_grid`.
    """
    if isinstance(strategies, Mapping):
        return {name: build_grid(name, ranges or {}) for name, ranges in strategies.items()}
    if isinstance(strategies, str):
        strategies = [strategies]
    names = list(registered_strategies()) if strategies is None else strategies
    return {name: build_grid(name, {}) for name in names}


def describe_comparison(
    symbol: str, grids: Mapping[str, ParameterGrid], outcome: BatchOutcome, metric: str
) -> dict[str, Any]:
    """Return what `VectorBTEngine.compare_strategies` answers.

    Raises
    ------
    StrategyFailedError
        When every strategy failed.
    """
    best: dict[str, BacktestResult] = {}
    for place in rank(outcome, metric):
        result = outcome[place]
        best.setdefault(result.strategy.name, result)
    if not best:
        raise StrategyFailedError(_join(outcome.failures))
    rankings = [
        {"rank": place, "combinations": len(grids[name].strategies), **_describe(result, metric)}
        for place, (name, result) in enumerate(best.items(), start=1)
    ]
    return {
        "symbol": symbol,
        "metric": metric,
        "rankings": rankings,
        "best_overall": rankings[0],
        "best_return": _find_highest(rankings, "total_return"),
        "best_sharpe": _find_highest(rankings, "sharpe_ratio"),
        # Drawdowns are 0 or negative.
        "best_drawdown": _find_highest(rankings, "max_drawdown"),
        "best_win_rate": _find_highest(rankings, "win_rate"),
        "failures": [_explain(one) for one in outcome.failures],
    }


def _describe(result: BacktestResult, metric: str) -> dict[str, Any]:
    shown = {name: result.metrics[name] for name in dict.fromkeys((metric, *SHOWN))}
    return {
        "strategy": result.strategy.name,
        "parameters": result.strategy.parameters(),
        **shown,
    }


def _find_highest(rankings: Sequence[dict[str, Any]], metric: str) -> dict[str, Any] | None:
    """Return the entry with the highest value, None where no strategy has one."""
    defined = [entry for entry in rankings if entry[metric] is not None]
    return max(defined, key=lambda entry: entry[metric]) if defined else None


def _join(failures: Sequence[Failure]) -> str:
    return "; ".join(map(_explain, failures[:3]))


def _explain(failure: Failure) -> str:
    where = f"{failure.strategy} failed on {failure.symbol}"
    return f"{where}: {failure.error_class}: {failure.message}"
