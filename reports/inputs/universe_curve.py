"""The curve of a strategy over the universe, as the ledger of trials has it."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reports.inputs.run_data import RunData
from research.robustness.performance import Performance
from research.statistics.calendar_returns import YearReturns, compute_calendar_returns
from research.statistics.drawdown_periods import (
    DrawdownPeriod,
    compute_drawdowns,
    find_drawdown_periods,
)
from research.statistics.rolling import roll_betas, roll_sharpes
from research.trial_panel import TrialPanel
from research.trials import BACKTEST_PROTOCOL
from strategies.base import Floats
from strategies.portable import power

ROLLING_BARS = 126
"""Of rolling numbers: half a year."""

_WORST = 5


@dataclass(frozen=True)
class CurveSummary:
    """What a curve came to; returns and drawdown are fractions, NaN where undefined.

    Parameters
    ----------
    total_return, annualized_return, volatility, sharpe_ratio
        Compound returns; the deviation and the Sharpe ratio are per year.
    max_drawdown
        The deepest, negative.
    """

    total_return: float
    annualized_return: float
    volatility: float
    sharpe_ratio: float
    max_drawdown: float

    @classmethod
    def of(cls, returns: Floats, bars_per_year: float) -> "CurveSummary":
        """Return that of a curve, shape (T,)."""
        growth = float(np.prod(1.0 + returns))
        yearly = power(np.array([growth]), np.array([bars_per_year / len(returns)])).item()
        return cls(
            growth - 1.0,
            yearly - 1.0,
            float(returns.std(ddof=1)) * math.sqrt(bars_per_year),
            Performance.of(returns, bars_per_year).annual_sharpe,
            float(compute_drawdowns(returns).min()),
        )


@dataclass(frozen=True, eq=False)
class UniverseCurve:
    """Daily returns of a strategy's accounts on all symbols, with equal weights.

    Parameters
    ----------
    dates
        ``datetime64[D]``, shape (T,).
    returns
        Rounded as the ledger keeps residuals, to seven digits; shape (T,).
    market
        Of the equal-weight universe, shape (T,).
    exposure
        Share of the portfolio in the market at the close before each day, to three digits; shape
        (T,).
    beta
        Slope of the returns on the market's.
    bars_per_year
        By which numbers are per year.
    """

    dates: NDArray[np.datetime64]
    returns: Floats
    market: Floats
    exposure: Floats
    beta: float
    bars_per_year: float

    @cached_property
    def level(self) -> Floats:
        """What one unit is worth at each close."""
        return (1.0 + self.returns).cumprod()

    @cached_property
    def market_level(self) -> Floats:
        """What one unit in the equal-weight universe is worth."""
        return (1.0 + self.market).cumprod()

    @cached_property
    def drawdowns(self) -> Floats:
        """How far it is below its highest level so far, from -1 to 0."""
        return compute_drawdowns(self.returns)

    @cached_property
    def market_drawdowns(self) -> Floats:
        """The same of the equal-weight universe."""
        return compute_drawdowns(self.market)

    @cached_property
    def worst(self) -> list[DrawdownPeriod]:
        """The deepest drawdowns, deepest first."""
        return find_drawdown_periods(self.returns, self.dates, _WORST)

    @cached_property
    def years(self) -> dict[int, YearReturns]:
        """Returns by year and month."""
        return dict(compute_calendar_returns(self.returns, self.dates))

    @cached_property
    def rolling_sharpes(self) -> Floats:
        """Sharpe ratio of the last `ROLLING_BARS`, per year."""
        return roll_sharpes(self.returns, ROLLING_BARS, self.bars_per_year)

    @cached_property
    def rolling_betas(self) -> Floats:
        """Slope on the market of the last `ROLLING_BARS`."""
        return roll_betas(self.returns, self.market, ROLLING_BARS)


def load_universe_curves(data: RunData) -> dict[str, UniverseCurve]:
    """Return the curves of the run's strategies with its parameters, by strategy.

    Those that are not in the ledger are missing.
    """
    if data.trials is None:
        return {}
    panel, found = data.trials, {}
    for strategy, ranked in data.scope.strategies.items():
        wanted = (strategy, dict(ranked.parameters), ranked.code_version, BACKTEST_PROTOCOL)
        names = zip(
            panel.strategies, panel.parameters, panel.code_versions, panel.protocols, strict=True
        )
        row = next((row for row, one in enumerate(names) if one == wanted), None)
        if row is not None:
            found[strategy] = _build_curve(panel, row)
    return found


def _build_curve(panel: TrialPanel, row: int) -> UniverseCurve:
    market, beta = panel.scope.market, float(panel.betas[row])
    return UniverseCurve(
        dates=panel.scope.dates,
        returns=panel.residuals[row].astype(np.float64) + beta * market,
        market=market,
        exposure=panel.exposures[row].astype(np.float64),
        beta=beta,
        bars_per_year=panel.scope.bars_per_year,
    )
