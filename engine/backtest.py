"""The front door of the engine: a strategy on a batch of symbols, or on one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.history import History
from engine.metrics import compute_metrics, defined
from engine.orders import Orders, orders_of
from engine.results import BacktestResult, BatchOutcome, Failure
from engine.settings import BacktestSettings, Window
from engine.simulation import Simulation, simulate
from strategies.base import Strategy

if TYPE_CHECKING:
    import vectorbt


class VectorBTEngine:
    """Runs strategies on vectorbt's kernels.

    Parameters
    ----------
    settings
        The terms of every run of this engine.
    """

    def __init__(self, settings: BacktestSettings | None = None) -> None:
        self.settings = settings or BacktestSettings()

    def run_batch(
        self, histories: Sequence[History], strategy: Strategy, window: Window
    ) -> BatchOutcome:
        """Return one result or failure a symbol, in the order of `histories`.

        Histories may be ragged: each symbol gives, to the bit, what it gives alone. What goes
        wrong with one symbol becomes its failure and leaves the others untouched.
        """
        batch, failures = self._orders(histories, strategy, window)
        if not batch:
            return BatchOutcome([], failures)
        simulation = simulate(batch, self.settings)
        return BatchOutcome(self._results(batch, simulation, strategy, window), failures)

    def portfolio(
        self, history: History, strategy: Strategy, window: Window
    ) -> "vectorbt.Portfolio":
        """Return the same run as a vectorbt Portfolio, for plots and further study.

        Raises
        ------
        UnusableBarsError
            When the bars cannot be simulated.
        """
        import pandas as pd
        import vectorbt as vbt

        orders = orders_of(history, strategy, window, self.settings)
        index = pd.DatetimeIndex(orders.dates)
        return vbt.Portfolio.from_signals(
            close=pd.Series(orders.close, index=index, name=orders.symbol),
            entries=pd.Series(orders.entries, index=index),
            exits=pd.Series(orders.exits, index=index),
            price=pd.Series(orders.price, index=index),
            init_cash=self.settings.initial_capital,
            fees=self.settings.fees,
            slippage=self.settings.slippage,
            freq="1D",
            engine="rust",
        )

    def _orders(
        self, histories: Sequence[History], strategy: Strategy, window: Window
    ) -> tuple[list[Orders], list[Failure]]:
        batch: list[Orders] = []
        failures: list[Failure] = []
        for history in histories:
            try:
                batch.append(orders_of(history, strategy, window, self.settings))
            except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
                failures.append(Failure.of(history.symbol, error, strategy.name))
        return batch, failures

    def _results(
        self, batch: list[Orders], simulation: Simulation, strategy: Strategy, window: Window
    ) -> list[BacktestResult]:
        metrics = compute_metrics(simulation, self.settings)
        ends = np.cumsum(metrics["total_trades"])
        results = []
        for column, orders in enumerate(batch):
            bars = len(orders.dates)
            values, reasons = defined(metrics, column, bars)
            first_trade = ends[column] - metrics["total_trades"][column]
            results.append(
                BacktestResult(
                    symbol=orders.symbol,
                    strategy=strategy,
                    window=window,
                    settings=self.settings,
                    dates=orders.dates,
                    equity=simulation.equity[:bars, column],
                    trades=simulation.trades[first_trade : ends[column]],
                    metrics=values,
                    undefined=reasons,
                )
            )
        return results
