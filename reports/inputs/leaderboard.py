"""What the page of the leaderboard shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.inputs.heading import Heading, build_heading
from reports.inputs.run_data import RunData
from reports.inputs.universe_curve import CurveSummary


@dataclass(frozen=True)
class Benchmark:
    """What no strategy is needed for.

    Parameters
    ----------
    symbols
        How many it is of.
    total_return, annualized_return, sharpe_ratio, max_drawdown
        Fractions and a ratio; None where it is not known.
    """

    name: str
    symbols: int
    total_return: float | None = None
    annualized_return: float | None = None
    sharpe_ratio: float | None = None
    max_drawdown: float | None = None


@dataclass(frozen=True)
class SharpeInterval:
    """The Sharpe ratio per year of a residual curve, and what luck alone would make of it.

    Parameters
    ----------
    value, low, high
        NaN where it is not defined, as of a strategy that never traded.
    level
        Of the interval: 0.95.
    """

    value: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class LeaderboardInputs:
    """What the page shows.

    Parameters
    ----------
    rows
        The leaderboard, best first, by the columns of `research.ranking.LEADERBOARD_SCHEMA`.
    verdicts
        By strategy, the columns of `research.verdicts.rows.VERDICTS_SCHEMA`.
    intervals
        By strategy, of its residual Sharpe ratio per year.
    benchmarks
        What strategies are compared with.
    """

    heading: Heading
    rows: Sequence[Mapping[str, Any]]
    verdicts: Mapping[str, Mapping[str, Any]]
    intervals: Mapping[str, SharpeInterval] = field(default_factory=dict)
    benchmarks: Sequence[Benchmark] = ()


def load_leaderboard(data: RunData) -> LeaderboardInputs:
    """Return the inputs of a run's leaderboard."""
    return LeaderboardInputs(
        heading=build_heading(data),
        rows=data.board.to_dicts(),
        verdicts={row["strategy"]: row for row in data.verdicts.to_dicts()},
        intervals=_find_intervals(data),
        benchmarks=[_hold_symbols(data), *_hold_universe(data)],
    )


def _find_intervals(data: RunData) -> dict[str, SharpeInterval]:
    found = {}
    for name, tests in data.robustness.items():
        ends = tests["intervals"]["annual_sharpe"]
        numbers = [tests["own"]["annual_sharpe"], *ends]
        value, low, high = (math.nan if one is None else one for one in numbers)
        found[name] = SharpeInterval(value, low, high, tests["intervals"]["level"])
    return found


def _hold_symbols(data: RunData) -> Benchmark:
    """Return the median over symbols of buying and holding one."""
    held = data.backtests.unique("symbol", keep="first", maintain_order=True)
    median = held["benchmark_return"].median()
    total = float(median) if isinstance(median, int | float) else None
    return Benchmark("buy and hold, median symbol", held.height, total_return=total)


def _hold_universe(data: RunData) -> list[Benchmark]:
    """Return holding the equal-weight universe; nothing where it is not known."""
    if data.trials is None:
        return []
    # Of the scope's symbols those that could be tested; some trial has all of them.
    scope, tested = data.trials.scope, int(data.trials.tested_symbols.max())
    held = CurveSummary.of(scope.market, scope.bars_per_year)
    return [
        Benchmark(
            "equal-weight universe",
            tested,
            total_return=held.total_return,
            annualized_return=held.annualized_return,
            sharpe_ratio=held.sharpe_ratio,
            max_drawdown=held.max_drawdown,
        )
    ]


def is_thin(row: Mapping[str, Any]) -> bool:
    """Return whether a row is of fewer than half of the symbols, and so has no rank."""
    return row["rank"] is None
