"""The front door of the engine: a strategy on a batch of symbols, or on one."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.data_provider import DataProvider, fetch_history
from engine.errors import InvalidSettingsError, UnusableBarsError
from engine.history import History
from engine.metrics import compute_metrics, defined
from engine.orders import Orders, orders_of
from engine.results import BacktestResult, BatchOutcome, Failure
from engine.settings import BacktestSettings, Window
from engine.simulation import Simulation, simulate
from strategies.base import Strategy
from strategies.registry import get_strategy

if TYPE_CHECKING:
    import vectorbt


_WARM_UP = timedelta(days=365)


class VectorBTEngine:
    """Runs strategies on vectorbt's kernels.

    Parameters
    ----------
    settings
        The terms of every run of this engine.
    data_provider
        Where `run_backtest` gets its bars; `run_batch` and `portfolio` are handed theirs.
    """

    def __init__(
        self,
        settings: BacktestSettings | None = None,
        data_provider: DataProvider | None = None,
    ) -> None:
        self.settings = settings or BacktestSettings()
        self.data_provider = data_provider

    async def run_backtest(
        self,
        symbol: str,
        strategy_type: str,
        parameters: Mapping[str, Any] | None,
        start_date: date,
        end_date: date,
    ) -> dict[str, Any]:
        """Return one backtest as a dict, see `BacktestResult.as_dict`.

        A year of bars before `start_date` is asked for, to warm indicators up. The event loop is
        free while the engine computes.

        Raises
        ------
        UnknownStrategyError, InvalidParameterError, InvalidSettingsError, UnusableBarsError
            Each with what is allowed in its text.
        """
        strategy = get_strategy(strategy_type).from_mapping(parameters)
        window = Window(start_date, end_date)
        if self.data_provider is None:
            raise InvalidSettingsError("run_backtest needs a data_provider; the engine has none.")
        history = await fetch_history(self.data_provider, symbol, start_date - _WARM_UP, end_date)
        history.up_to_end_of(window)
        outcome = await asyncio.to_thread(self.run_batch, [history], strategy, window)
        if outcome.failures:
            raise UnusableBarsError(outcome.failures[0].message)
        return outcome.results[0].as_dict()

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

        vectorbt's own year has 365 days: ask its annualized accessors with ``year_freq="252D"``.

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
