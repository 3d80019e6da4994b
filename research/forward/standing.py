"""Where a forward record stands: its curve in the cone of its backtest, and alarms of decay."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.forward.decay import watch_decay
from research.forward.expectation import Expectation
from strategies.base import Bools, Floats


@dataclass(frozen=True, eq=False)
class Standing:
    """A record of D days, day by day; all of shape (D,).

    Without an expectation the cone and what follows from it are NaN, and there are no alarms.

    Parameters
    ----------
    total
        Sum of the returns since the freeze, not compounded.
    cone_low, cone_high
        Between which the sum is with 95 % after so many bars, see `Expectation.cone`.
    residual_total
        Sum of what the returns are beyond the frozen share of the market's.
    decay
        Share of the threshold at which `watch_decay` alarms.
    alarms
        On which days it did.
    """

    total: Floats
    cone_low: Floats
    cone_high: Floats
    residual_total: Floats
    decay: Floats
    alarms: Bools

    @property
    def inside(self) -> Bools:
        """Whether the sum is inside the cone; False also where there is none."""
        return (self.total >= self.cone_low) & (self.total <= self.cone_high)


def assess(
    expectation: Expectation | None,
    returns: Floats,
    market: Floats,
    bars_per_year: float,
) -> Standing:
    """Return where a record stands on each of its days.

    Parameters
    ----------
    returns, market
        Of these days, shape (D,).
    bars_per_year
        Of the curve.
    """
    total = np.cumsum(returns)
    if expectation is None:
        nothing = np.full(len(returns), np.nan)
        none = np.zeros(len(returns), dtype=np.bool_)
        return Standing(total, nothing, nothing, nothing, nothing, none)
    residuals = expectation.residuals(returns, market)
    decay = watch_decay(expectation, residuals, bars_per_year)
    low, high = expectation.cone(len(returns))
    return Standing(total, low, high, np.cumsum(residuals), decay.level, decay.alarms)


def count_live(sessions: NDArray[np.datetime64], frozen_on: np.datetime64) -> int:
    """Return how many days came after the day on which a record was frozen, by the clock.

    Days before it were in the past already: nobody knew them who chose the parameters, unless they
    looked.
    """
    return int((sessions > frozen_on).sum())
