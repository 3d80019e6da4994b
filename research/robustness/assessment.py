"""All tests of robustness, of the strategies of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.equal_weight import EqualWeight
from engine.failure import Failure
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.fold_choices import TrialCurves
from research.residuals import hedge_across_folds
from research.robustness.doubled_costs import simulate_doubled_costs
from research.robustness.intervals import SHORTEST_BLOCK, Intervals, compute_intervals
from research.robustness.jittered_parameters import JitteredParameters, find_jittered
from research.robustness.performance import Performance
from research.robustness.random_entries import RandomEntries, compare_with_random_entries
from research.robustness.segments import split_regimes, split_years
from research.robustness.shifted_starts import ShiftedStart, simulate_shifted_starts
from research.robustness.simulation import simulate_universe
from research.robustness.trade_shuffle import TradeShuffle, shuffle_trades
from strategies.base import Strategy

LEAST_BARS = 3 * int(SHORTEST_BLOCK)
"""Of a window: with fewer than three blocks a bootstrap has next to nothing to draw from."""


@dataclass(frozen=True)
class Robustness:
    """What the tests of one strategy gave; see the file of each.

    Parameters
    ----------
    own
        The strategy as it is: what the others are beside.
    jittered
        Empty without a sweep of the strategy.
    symbols
        Number of symbols with a result.
    failures
        What could not be tested, at the costs of the settings or at doubled ones.
    """

    strategy: str
    own: Performance
    intervals: Intervals
    random_entries: RandomEntries
    trade_shuffle: TradeShuffle
    doubled_costs: Performance
    shifted_starts: Sequence[ShiftedStart]
    jittered: Sequence[JitteredParameters]
    years: Mapping[str, Performance]
    regimes: Mapping[str, Performance]
    symbols: int
    failures: Sequence[Failure]


@dataclass(frozen=True, eq=False)
class SweptPoints:
    """The points of a strategy's sweep and their residual curves, shape (N, T)."""

    points: Sequence[Strategy]
    residuals: NDArray[np.floating]

    @classmethod
    def of(cls, curves: TrialCurves) -> "SweptPoints":
        """Return the points of a sweep, with residuals as verdicts judge them."""
        return cls(curves.points, hedge_across_folds(curves.returns, curves.market))


def assess_robustness(
    histories: Sequence[History],
    strategies: Sequence[Strategy],
    settings: BacktestSettings,
    window: Window,
    *,
    bars_per_year: float,
    sweeps: Mapping[str, SweptPoints] | None = None,
    universe: EqualWeight | None = None,
    seed: int = 0,
) -> list[Robustness]:
    """Return the tests of some strategies, with the parameters that they have, in their order.

    The permutation of days is not among them: it runs a whole search again, see
    `research.robustness.day_permutation`.

    Parameters
    ----------
    sweeps
        By name of the strategy, where there is one.
    universe
        What residuals are against; None for that of the histories.

    Raises
    ------
    UnusableBarsError
        When no symbol has usable bars in the window.
    """
    market = universe or EqualWeight.of(histories, window)
    failures: list[Failure] = []
    own = simulate_universe(
        histories,
        strategies,
        settings,
        window,
        universe=market,
        keep_trades=True,
        failures=failures,
    )
    dear = simulate_doubled_costs(
        histories, strategies, settings, window, market, bars_per_year, failures
    )
    shifted = simulate_shifted_starts(histories, strategies, settings, window, own, bars_per_year)
    found = []
    for number, strategy in enumerate(strategies):
        residual = own.residuals[number]
        swept = (sweeps or {}).get(strategy.name) or SweptPoints([], np.empty((0, 0)))
        one = Robustness(
            strategy=strategy.name,
            own=Performance.of(residual, bars_per_year),
            intervals=compute_intervals(residual, bars_per_year, seed=seed),
            random_entries=compare_with_random_entries(
                own.positions[number], settings.cost_model, settings.initial_capital
            ),
            trade_shuffle=shuffle_trades(own.growth[number], seed=seed),
            doubled_costs=dear[number],
            shifted_starts=shifted[number],
            jittered=find_jittered(strategy, swept.points, swept.residuals, bars_per_year),
            years=split_years(residual, own.dates, bars_per_year),
            regimes=split_regimes(residual, own.market, bars_per_year),
            symbols=int(own.symbols[number]),
            failures=[bad for bad in failures if bad.strategy in (None, strategy.name)],
        )
        found.append(one)
    return found
