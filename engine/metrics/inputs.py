"""What metrics are computed from: a block's curves and trades, and what they have in common.

Every reduction runs along one backtest's bars, which lie side by side in memory: a backtest gives
the same bits alone and in any block.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.settings import BacktestSettings
from engine.simulation import Simulation, Trades
from strategies.base import Bools, Floats

# Returns, and what is made of them, are rounded to some 1e-16; vectorbt draws the same line for
# the variance in beta.
_ROUNDING = 1e-15


@dataclass(frozen=True)
class Sample:
    """N backtests over T bars, measured together.

    Parameters
    ----------
    simulation
        What was simulated.
    universe_returns
        Bar-by-bar returns of the equal-weight universe on each symbol's bars, shape (H, T);
        None when no universe was given.
    """

    simulation: Simulation
    universe_returns: Floats | None = None

    @property
    def settings(self) -> BacktestSettings:
        """The terms of the run."""
        return self.simulation.orders.settings

    @property
    def count(self) -> int:
        """Number of backtests, N."""
        return len(self.equity)

    @property
    def bars(self) -> int:
        """Number of bars, T."""
        return self.equity.shape[1]

    @property
    def equity(self) -> Floats:
        """Cash and position at each close, shape (N, T)."""
        return self.simulation.equity

    @property
    def symbol_of(self) -> NDArray[np.int64]:
        """Index of each backtest's symbol, shape (N,)."""
        return self.simulation.orders.symbol_of

    @cached_property
    def returns(self) -> Floats:
        """Equity against that of the bar before, shape (N, T); the first against the capital."""
        capital = self.settings.initial_capital
        returns = np.empty_like(self.equity)
        returns[:, 0] = (self.equity[:, 0] - capital) / capital
        np.subtract(self.equity[:, 1:], self.equity[:, :-1], out=returns[:, 1:])
        returns[:, 1:] /= self.equity[:, :-1]
        return returns

    @cached_property
    def mean(self) -> Floats:
        """Mean return of a bar, shape (N,)."""
        return self.returns.mean(axis=1)

    @cached_property
    def deviation(self) -> Floats:
        """Sample deviation of the returns (divided by T - 1), shape (N,)."""
        return _deviation(self.returns, self.mean)

    @cached_property
    def losses(self) -> Floats:
        """Returns below zero, and zero elsewhere, shape (N, T)."""
        return np.minimum(self.returns, 0.0)

    @cached_property
    def total_loss(self) -> Floats:
        """Sum of the losses, 0 or negative, shape (N,)."""
        return _without_noise(self.losses.sum(axis=1) / self.bars) * self.bars

    @cached_property
    def downside_deviation(self) -> Floats:
        """Root of the mean of squared losses, over all bars, shape (N,)."""
        return _without_noise(np.sqrt(_sum_of_products(self.losses, self.losses) / self.bars))

    @cached_property
    def peak(self) -> Floats:
        """Highest equity so far, shape (N, T)."""
        return np.maximum.accumulate(self.equity, axis=1)

    @cached_property
    def max_drawdown(self) -> Floats:
        """Deepest fall of equity below its highest so far, 0 or negative, shape (N,)."""
        return _without_noise((self.equity / self.peak).min(axis=1) - 1.0)

    @cached_property
    def worst_returns(self) -> Floats:
        """The lowest returns in ascending order, those of the 5 % and one more, shape (N, K)."""
        count = min(int(self.tail) + 2, self.bars)
        # Parted first: sorting all of the returns would take a quarter of the time of all metrics.
        return np.sort(np.partition(self.returns, count - 1, axis=1)[:, :count], axis=1)

    @property
    def tail(self) -> float:
        """Where the 5 % quantile stands among the sorted returns, counted from 0."""
        return 0.05 * (self.bars - 1)

    @cached_property
    def market(self) -> "Market":
        """The symbol itself, bought on the first bar and held."""
        close = self.simulation.orders.close
        returns = np.zeros_like(close)
        np.divide(np.diff(close, axis=1), close[:, :-1], out=returns[:, 1:])
        return self._market(returns, close[:, -1] / close[:, 0] - 1.0)

    @cached_property
    def universe(self) -> "Market | None":
        """The equal-weight universe, None when none was given."""
        returns = self.universe_returns
        if returns is None:
            return None
        return self._market(returns, np.prod(1.0 + returns, axis=1) - 1.0)

    def _market(self, returns: Floats, total_return: Floats) -> "Market":
        year = self.settings.bars_per_year
        return Market(returns, total_return, self.symbol_of, self.returns, self.mean, year)

    @property
    def trades(self) -> Trades:
        """All trades, shape (M,)."""
        return self.simulation.trades

    @cached_property
    def backtest(self) -> NDArray[np.int64]:
        """The row of each trade, shape (M,)."""
        return self.simulation.backtest

    @cached_property
    def closed(self) -> Bools:
        """Which trades were exited inside the window, shape (M,)."""
        return self.trades["status"] == 1

    @cached_property
    def won(self) -> Bools:
        """Which closed trades made money after costs, shape (M,)."""
        return self.closed & (self.trades["pnl"] > 0)

    @cached_property
    def lost(self) -> Bools:
        """Which closed trades lost money after costs, shape (M,)."""
        return self.closed & (self.trades["pnl"] < 0)

    def total(self, of_each_trade: NDArray[Any]) -> Floats:
        """Return the sum of something over the trades of each backtest, shape (N,).

        bincount adds one by one, in the order of trades. Given none at all it answers with
        integers.
        """
        return np.bincount(self.backtest, of_each_trade, self.count).astype(np.float64)

    def number(self, which: Bools) -> NDArray[np.int64]:
        """Return how many of each backtest's trades are `which`, shape (N,)."""
        return np.bincount(self.backtest[which], minlength=self.count)


@dataclass(frozen=True)
class Market:
    """Something that was bought and held, to compare with.

    It holds what it needs of the sample, and not the sample: that holds it, and two that hold one
    another keep their matrices until the garbage collector comes by.

    Parameters
    ----------
    returns
        Bar by bar on each symbol's bars, the first 0, shape (H, T).
    total_return
        Of each symbol's whole window, shape (H,).
    symbol_of, compared, compared_mean, bars_per_year
        The symbol of each backtest, its returns and their mean, and the bars of a year.
    """

    returns: Floats
    total_return: Floats
    symbol_of: NDArray[np.int64]
    compared: Floats
    compared_mean: Floats
    bars_per_year: float

    @cached_property
    def mean(self) -> Floats:
        """Mean return of a bar, shape (H,)."""
        return self.returns.mean(axis=1)

    @cached_property
    def beta(self) -> Floats:
        """Covariance with the market / variance of the market, shape (N,)."""
        distance = self.returns - self.mean[:, None]
        bars, symbol = self.returns.shape[1], self.symbol_of
        variance = _without_noise(np.sqrt(_sum_of_products(distance, distance) / bars)) ** 2
        return _sum_of_products(distance[symbol], self.compared) / bars / variance[symbol]

    @cached_property
    def alpha(self) -> Floats:
        """Annualized mean of returns beyond beta times the market's, shape (N,)."""
        beyond = self.compared_mean - self.beta * self.mean[self.symbol_of]
        return (1.0 + beyond) ** self.bars_per_year - 1.0

    @cached_property
    def information_ratio(self) -> Floats:
        """Mean / sample deviation of the returns beyond the market's, shape (N,)."""
        active = self.compared - self.returns[self.symbol_of]
        mean = active.mean(axis=1)
        return mean / _deviation(active, mean)


def _deviation(values: Floats, mean: Floats) -> Floats:
    """Return each row's sample deviation, shape (N,); NaN for a single value."""
    distance = values - mean[:, None]
    squares = _sum_of_products(distance, distance)
    return _without_noise(np.sqrt(squares / (values.shape[1] - 1 or np.nan)))


def _sum_of_products(left: Floats, right: Floats) -> Floats:
    """Return the sum of left * right along each row, shape (N,), without a matrix between."""
    return np.einsum("nt,nt->n", left, right)


def _without_noise(figure: Floats) -> Floats:
    """Return `figure` with 0 for what only rounding can have made.

    Buying at a close and being worth that close a moment later is a return of 0, and may come
    out as 1e-16; a ratio to that would be a number, and none that means anything.
    """
    return np.where(np.abs(figure) < _ROUNDING, 0.0, figure)
