"""What metrics are computed from: a block's curves and trades, and what several metrics share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metrics.benchmark_inputs import Benchmark
from engine.metrics.reductions import drop_noise, find_lowest, sample_deviation, sum_products
from engine.settings import BacktestSettings
from engine.simulation import Simulation, Trades
from strategies.base import Bools, Floats
from strategies.portable import power


@dataclass(frozen=True)
class MetricInputs:
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
        """The settings of the run."""
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
    def bars_per_year(self) -> Floats:
        """Bars per year of each backtest's symbol, shape (N,)."""
        return self.simulation.orders.bars_per_year[self.symbol_of]

    @cached_property
    def returns(self) -> Floats:
        """Equity against that of the bar before, shape (N, T); the first against the capital."""
        capital = self.settings.initial_capital
        returns = np.empty_like(self.equity)
        # As one row, which takes half the time; each backtest's first bar is then replaced.
        equity, row = self.equity.ravel(), returns.ravel()
        np.subtract(equity[1:], equity[:-1], out=row[1:])
        row[1:] /= equity[:-1]
        returns[:, 0] = (self.equity[:, 0] - capital) / capital
        return returns

    @property
    def risk_free(self) -> Floats | None:
        """What cash earns on each bar of each symbol, shape (H, T); None where it earns nothing."""
        ledger = self.simulation.ledger
        return None if ledger is None else ledger.risk_free

    @cached_property
    def excess(self) -> Floats:
        """Returns beyond what cash earns, shape (N, T)."""
        if self.risk_free is None:
            return self.returns
        return self.returns - self.risk_free[self.symbol_of]

    @cached_property
    def excess_mean(self) -> Floats:
        """Mean return per bar beyond what cash earns, shape (N,)."""
        return self.mean if self.risk_free is None else self.excess.mean(axis=1)

    @cached_property
    def excess_deviation(self) -> Floats:
        """Sample deviation of the returns beyond what cash earns, shape (N,)."""
        if self.risk_free is None:
            return self.deviation
        return sample_deviation(self.excess, self.excess_mean)

    @cached_property
    def shortfall_deviation(self) -> Floats:
        """Root of the mean of squared returns below what cash earns, over all bars, shape (N,)."""
        if self.risk_free is None:
            return self.downside_deviation
        below = np.minimum(self.excess, 0.0)
        return drop_noise(np.sqrt(sum_products(below, below) / self.bars))

    @cached_property
    def mean(self) -> Floats:
        """Mean return per bar, shape (N,)."""
        return self.returns.mean(axis=1)

    @cached_property
    def deviation(self) -> Floats:
        """Sample deviation of the returns (divided by T - 1), shape (N,)."""
        return sample_deviation(self.returns, self.mean)

    @cached_property
    def annualized_return(self) -> Floats:
        """Growth of the capital per year - 1, NaN where the capital was lost, shape (N,)."""
        growth = self.equity[:, -1] / self.settings.initial_capital
        return power(growth, self.bars_per_year / self.bars) - 1.0

    @cached_property
    def losses(self) -> Floats:
        """Returns below zero, and zero elsewhere, shape (N, T)."""
        return np.minimum(self.returns, 0.0)

    @cached_property
    def total_loss(self) -> Floats:
        """Sum of the losses, 0 or negative, shape (N,)."""
        return drop_noise(self.losses.sum(axis=1) / self.bars) * self.bars

    @cached_property
    def downside_deviation(self) -> Floats:
        """Root of the mean of squared losses, over all bars, shape (N,)."""
        return drop_noise(np.sqrt(sum_products(self.losses, self.losses) / self.bars))

    @cached_property
    def peak(self) -> Floats:
        """Highest equity so far, shape (N, T)."""
        return np.maximum.accumulate(self.equity, axis=1)

    @cached_property
    def max_drawdown(self) -> Floats:
        """Deepest fall of equity below its highest so far, 0 or negative, shape (N,)."""
        return drop_noise((self.equity / self.peak).min(axis=1) - 1.0)

    @cached_property
    def worst_returns(self) -> Floats:
        """The lowest 5 % of the returns and one more, in ascending order, shape (N, K)."""
        return find_lowest(self.returns, min(int(self.tail) + 2, self.bars))

    @property
    def tail(self) -> float:
        """Where the 5 % quantile stands among the sorted returns, counted from 0."""
        return 0.05 * (self.bars - 1)

    @cached_property
    def benchmark(self) -> Benchmark:
        """The symbol itself, bought on the first bar and held."""
        close = self.simulation.orders.close
        returns = np.zeros_like(close)
        np.divide(np.diff(close, axis=1), close[:, :-1], out=returns[:, 1:])
        return self._compare_with(returns, close[:, -1] / close[:, 0] - 1.0)

    @cached_property
    def universe(self) -> Benchmark | None:
        """The equal-weight universe, None when none was given."""
        returns = self.universe_returns
        if returns is None:
            return None
        return self._compare_with(returns, np.prod(1.0 + returns, axis=1) - 1.0)

    def _compare_with(self, returns: Floats, total_return: Floats) -> Benchmark:
        year = self.bars_per_year
        return Benchmark(
            returns, total_return, self.symbol_of, self.returns, self.mean, year, self.risk_free
        )

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
        """Which closed trades made a profit after costs, shape (M,)."""
        return self.closed & (self.trades["pnl"] > 0)

    @cached_property
    def lost(self) -> Bools:
        """Which closed trades made a loss after costs, shape (M,)."""
        return self.closed & (self.trades["pnl"] < 0)

    def sum_per_backtest(self, values: NDArray[Any]) -> Floats:
        """Return the sum of one value per trade over each backtest's trades, shape (N,).

        bincount adds one by one, in the order of trades. Without any trade it returns integers.
        """
        return np.bincount(self.backtest, values, self.count).astype(np.float64)

    @cached_property
    def closed_count(self) -> NDArray[np.int64]:
        """Number of closed trades, shape (N,)."""
        return self.count_per_backtest(self.closed)

    @cached_property
    def won_count(self) -> NDArray[np.int64]:
        """Number of closed trades with a profit, shape (N,)."""
        return self.count_per_backtest(self.won)

    @cached_property
    def lost_count(self) -> NDArray[np.int64]:
        """Number of closed trades with a loss, shape (N,)."""
        return self.count_per_backtest(self.lost)

    @cached_property
    def profits(self) -> Floats:
        """Sum of the profits of closed trades, shape (N,)."""
        return self.sum_per_backtest(np.where(self.won, self.trades["pnl"], 0.0))

    @cached_property
    def trade_losses(self) -> Floats:
        """Sum of the losses of closed trades, 0 or positive, shape (N,)."""
        return self.sum_per_backtest(np.where(self.lost, -self.trades["pnl"], 0.0))

    def count_per_backtest(self, which: Bools) -> NDArray[np.int64]:
        """Return how many of each backtest's trades are `which`, shape (N,)."""
        return np.bincount(self.backtest[which], minlength=self.count)
