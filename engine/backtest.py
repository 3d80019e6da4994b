"""The front door of the engine: a strategy on a batch of symbols, or on one."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from engine.batches import BatchSpec, assemble, split_batches
from engine.blocks import run_block
from engine.data_provider import DataProvider, fetch_history
from engine.equal_weight import EqualWeight
from engine.errors import InvalidSettingsError, StrategyFailedError, UnusableBarsError
from engine.failure import Failure
from engine.history import History
from engine.malloc import keep_memory
from engine.results import BacktestResult, BatchOutcome
from engine.settings import BacktestSettings, Window
from engine.validation import (
    require_histories,
    require_strategies,
    require_universe,
    require_window,
)
from engine.vectorbt_export import export_portfolio
from engine.workers import Workers
from strategies.base import Strategy
from strategies.indicator_cache import CacheStats
from strategies.registry import get_strategy

if TYPE_CHECKING:
    import vectorbt


_WARM_UP_DAYS = 365


class VectorBTEngine:
    """Runs strategies on symbols, with the fills and numbers of vectorbt's Portfolio.

    Parameters
    ----------
    settings
        The settings of every backtest of this engine.
    data_provider
        Where `run_backtest` gets its bars; `run_batch` and `portfolio` are given theirs.
    memory_budget
        Bytes that a block of backtests may need while it runs. The default fits a processor's
        cache, which is the fastest; results do not depend on it.
    workers
        Processes to run large batches on; results do not depend on it. More than one needs a
        program that can be imported again (``if __name__ == "__main__":``), and `close`, or the
        engine in a ``with`` statement.

    Raises
    ------
    InvalidSettingsError
        When settings, memory budget or workers are not allowed.
    """

    def __init__(
        self,
        settings: BacktestSettings | None = None,
        data_provider: DataProvider | None = None,
        memory_budget: int = 32_000_000,
        workers: int = 1,
    ) -> None:
        for name, value in (("workers", workers), ("memory_budget", memory_budget)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidSettingsError(f"{name} is {value!r}; allowed: integers from 1.")
        if settings is not None and not isinstance(settings, BacktestSettings):
            raise InvalidSettingsError(f"settings is {settings!r}; allowed: BacktestSettings(...).")
        self.settings = settings or BacktestSettings()
        self.data_provider = data_provider
        self.memory_budget = memory_budget
        self._workers = Workers(workers)

    async def run_backtest(
        self,
        symbol: str,
        strategy_type: str,
        parameters: Mapping[str, Any] | None,
        start_date: date,
        end_date: date,
    ) -> dict[str, Any]:
        """Return one backtest as a dict, see `BacktestResult.as_dict`.

        A year of bars before `start_date` is fetched as well, to warm up indicators. The event
        loop is free while the engine computes.

        Raises
        ------
        UnknownStrategyError, InvalidParameterError, InvalidSettingsError
            Each says what is allowed.
        UnusableBarsError, StrategyFailedError
            When there are no usable bars, or the strategy raised.
        """
        strategy = get_strategy(strategy_type).from_mapping(parameters)
        window = Window(start_date, end_date)
        if self.data_provider is None:
            raise InvalidSettingsError("run_backtest needs a data_provider; the engine has none.")
        earliest = date.fromordinal(max(1, window.start.toordinal() - _WARM_UP_DAYS))
        history = await fetch_history(self.data_provider, symbol, earliest, window.end)
        result = await asyncio.to_thread(self._run_one, history, strategy, window)
        return result.as_dict()

    def run_batch(
        self,
        histories: Iterable[History],
        strategies: Strategy | Iterable[Strategy],
        window: Window,
        universe: EqualWeight | None = None,
    ) -> BatchOutcome:
        """Return the results by symbol and then strategy, in the order given.

        A symbol that goes wrong becomes a failure; the others are not affected.

        Parameters
        ----------
        histories
            One per symbol; they may be ragged. Each gives the same bits as alone.
        strategies
            One or many; a strategy with other parameters is another strategy.
        window
            The days to trade and measure.
        universe
            The benchmark of the metrics ``universe_*``, which are undefined without it.

        Raises
        ------
        InvalidInputError, WorkersLostError
            As `run_batches`.
        """
        results: list[BacktestResult] = []
        failures: list[Failure] = []
        indicators = CacheStats()
        for outcome in self.run_batches(histories, strategies, window, universe):
            results += outcome.results
            failures += outcome.failures
            indicators.add(outcome.indicators)
        return BatchOutcome(results, failures, indicators)

    def run_batches(
        self,
        histories: Iterable[History],
        strategies: Strategy | Iterable[Strategy],
        window: Window,
        universe: EqualWeight | None = None,
    ) -> Iterator[BatchOutcome]:
        """Yield what `run_batch` returns, a few symbols at a time.

        Histories are taken from their iterable as they are needed. A caller that keeps no outcome
        needs memory for a few symbols, however many there are.

        Raises
        ------
        InvalidInputError
            When an argument has the wrong type.
        WorkersLostError
            When one of the processes died.
        """
        require_window(window)
        require_universe(universe)
        spec = BatchSpec(require_strategies(strategies), window, self.settings, universe)
        batches = split_batches(require_histories(histories), spec, self.memory_budget)
        keep_memory()
        return (assemble(batch, outcomes) for batch, outcomes in self._workers.run(batches))

    def portfolio(
        self, history: History, strategy: Strategy, window: Window
    ) -> "vectorbt.Portfolio":
        """Return one backtest as a vectorbt Portfolio.

        Raises
        ------
        UnusableBarsError, StrategyFailedError
            As `run_backtest`.
        MissingPackageError
            When vectorbt is not installed.
        """
        return export_portfolio(self._run_one(history, strategy, window))

    def close(self) -> None:
        """End the processes that a large batch started; the next one starts them again."""
        self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run_one(self, history: History, strategy: Strategy, window: Window) -> BacktestResult:
        # In this process: one backtest gains nothing from others.
        require_window(window)
        spec = BatchSpec(require_strategies(strategy), window, self.settings)
        (batch,) = split_batches(require_histories([history]), spec, self.memory_budget)
        outcome = assemble(batch, [run_block(block) for block in batch.blocks])
        for failure in outcome.failures:
            if failure.strategy is None:
                raise UnusableBarsError(failure.message)
            raise StrategyFailedError(
                f"{failure.strategy} failed on {failure.symbol}: "
                f"{failure.error_class}: {failure.message}"
            )
        return outcome.results[0]
