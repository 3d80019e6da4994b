"""Verdicts as rows."""

from typing import Any

import polars as pl

from research.verdicts.strategy_verdict import StrategyVerdict

VERDICTS_SCHEMA = pl.Schema(
    {
        "strategy": pl.String(),
        "verdict": pl.String(),
        "reason": pl.String(),
        "hedge": pl.String(),
        "grid_sharpe_ratio": pl.Float64(),
        "grid_p_value": pl.Float64(),
        "best_parameters": pl.String(),
        "best_sharpe_ratio": pl.Float64(),
        "best_p_value": pl.Float64(),
        "psr": pl.Float64(),
        "dsr": pl.Float64(),
        "min_track_record_years": pl.Float64(),
        "min_backtest_years": pl.Float64(),
        "loss_share": pl.Float64(),
        "overfitting_share": pl.Float64(),
        "walk_forward_sharpe_ratio": pl.Float64(),
        "walk_forward_p_value": pl.Float64(),
        "walk_forward_protocol": pl.String(),
        "walk_forward_protocols": pl.Int64(),
        "trials": pl.Int64(),
        "active_trials": pl.Int64(),
        "competing_trials": pl.Int64(),
        "effective_trials": pl.Float64(),
        "limits": pl.String(),
        "source": pl.String(),
        "start_date": pl.Date(),
        "end_date": pl.Date(),
        "run_id": pl.String(),
        "scope_id": pl.String(),
        "made_at": pl.Datetime("us", "UTC"),
    }
)
"""Verdicts as they are stored; JSON is text, what can't be computed is null."""


def describe_verdict(one: StrategyVerdict) -> dict[str, Any]:
    """Return a verdict by the columns that are computed; NaN or infinite where undefined."""
    best = one.best
    return {
        "strategy": one.strategy,
        "verdict": one.verdict.value,
        "reason": one.reason,
        "hedge": one.hedge.value,
        "grid_sharpe_ratio": one.grid.statistic,
        "grid_p_value": one.grid.value,
        "best_parameters": dict(best.parameters) if best else {},
        "best_sharpe_ratio": best.sharpe_ratio if best else None,
        "best_p_value": one.best_point.value,
        "psr": best.psr if best else None,
        "dsr": best.dsr if best else None,
        "min_track_record_years": best.min_track_record_years if best else None,
        "min_backtest_years": best.min_backtest_years if best else None,
        "loss_share": one.selection.value,
        "overfitting_share": one.overfitting,
        "walk_forward_sharpe_ratio": one.walk_forward.statistic,
        "walk_forward_p_value": one.walk_forward.value,
        "walk_forward_protocol": one.protocol,
        "walk_forward_protocols": one.protocols,
        "trials": one.trials,
        "active_trials": one.active_trials,
        "competing_trials": one.competing_trials,
        "effective_trials": one.effective_trials,
        "limits": {
            "grid_p_value": one.grid.limit,
            "best_p_value": one.best_point.limit,
            "loss_share": one.selection.limit,
            "walk_forward_p_value": one.walk_forward.limit,
        },
    }
