"""What the page of a strategy shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import Any

import polars as pl

from reports.inputs.criteria import CriterionResult, list_criteria
from reports.inputs.parameter_map import ParameterMap, load_parameter_map
from reports.inputs.run_data import OF_A_RUN, RunData
from reports.inputs.universe_curve import UniverseCurve
from research.robustness.growth_cone import GrowthCone, compute_growth_cone
from research.robustness.intervals import DRAWS

_LEAST_BARS = 30
_EXITS = {
    "exit_reason": pl.String(),
    "trades": pl.Int64(),
    "pnl": pl.Float64(),
    "mean_return": pl.Float64(),
}


@dataclass(frozen=True, eq=False)
class StrategyInputs:
    """What the page shows.

    Parameters
    ----------
    rank, symbols
        Of the leaderboard: None for too few symbols.
    parameters
        Those of the run.
    verdict, criteria
        By the columns of `research.verdicts.rows.VERDICTS_SCHEMA` without run and time; None and
        nothing where it was not judged.
    curve
        None where the ledger has none with these parameters.
    parameter_map
        None without a sweep.
    walk_forward, robustness
        As their files have them; None without.
    backtests
        Its results, by symbol, as in `RunData.backtests`, but for what is of a run.
    """

    strategy: str
    rank: int | None
    symbols: int
    parameters: Mapping[str, Any]
    verdict: Mapping[str, Any] | None
    criteria: Sequence[CriterionResult]
    curve: UniverseCurve | None
    parameter_map: ParameterMap | None
    walk_forward: Mapping[str, Any] | None
    robustness: Mapping[str, Any] | None
    backtests: pl.DataFrame
    _data: RunData

    @cached_property
    def cone(self) -> GrowthCone | None:
        """The cone of the draws that the intervals of robustness are from.

        None without tests of robustness, which say how long blocks are.
        """
        return _build_cone(self.curve, self.robustness)

    @cached_property
    def exits(self) -> pl.DataFrame:
        """How its trades ended: exit_reason, trades, pnl, mean_return."""
        of_it = self.backtests.select(pl.col("id").alias("backtest_id"))
        return count_exits(self._data.trades.join(of_it, on="backtest_id", how="semi"))


def load_strategy(data: RunData, strategy: str, curve: UniverseCurve | None) -> StrategyInputs:
    """Return the inputs of a strategy's page.

    Parameters
    ----------
    curve
        Of the strategy, see `reports.inputs.universe_curve.load_universe_curves`.
    """
    (row,) = data.board.filter(strategy=strategy).to_dicts()
    judged = data.verdicts.filter(strategy=strategy).drop("run_id", "made_at")
    verdict = next(iter(judged.to_dicts()), None)
    return StrategyInputs(
        strategy=strategy,
        rank=row["rank"],
        symbols=row["symbols"],
        parameters=data.scope.strategies[strategy].parameters,
        verdict=verdict,
        criteria=list_criteria(verdict) if verdict else [],
        curve=curve,
        parameter_map=load_parameter_map(data, strategy),
        walk_forward=data.walk_forward.get(strategy),
        robustness=data.robustness.get(strategy),
        backtests=data.backtests.filter(strategy=strategy).drop(OF_A_RUN).sort("symbol"),
        _data=data,
    )


def count_exits(trades: pl.DataFrame) -> pl.DataFrame:
    """Return how trades ended, the most frequent reason first."""
    rows = [
        {
            "exit_reason": reason,
            "trades": some.height,
            # Exact sums: those of several threads differ in the last digit from run to run.
            "pnl": fsum(some["pnl"]),
            "mean_return": fsum(some["trade_return"]) / some.height,
        }
        for (reason,), some in trades.group_by("exit_reason")
    ]
    found = pl.DataFrame(rows, schema=_EXITS)
    return found.sort(["trades", "exit_reason"], descending=[True, False])


def _build_cone(
    curve: UniverseCurve | None, robustness: Mapping[str, Any] | None
) -> GrowthCone | None:
    if curve is None or robustness is None or len(curve.returns) < _LEAST_BARS:
        return None
    intervals = robustness["intervals"]
    if intervals["block"] is None:
        return None
    return compute_growth_cone(
        curve.returns, intervals["block"], draws=DRAWS, level=intervals["level"]
    )
