"""The front door of the engine: a strategy on a batch of symbols, or on one."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from engine.batches import BatchSpec, run, split_batches
from engine.code_version import code_version
from engine.data_provider import DataProvider, fetch_history
from engine.days import DayLike, parse_day
from engine.equal_weight import EqualWeight
from engine.errors import InvalidSettingsError, StrategyFailedError, UnusableBarsError
from engine.history import History, TradedHistory
from engine.malloc import keep_memory
from engine.metrics import require_metric
from engine.optimization import (
    Compared,
    build_grids,
    describe_comparison,
    describe_optimization,
)
from engine.outcomes import BatchOutcome
from engine.parameter_grid import build_grid
from engine.result_cache import Mapped, ResultCache, derive_key
from engine.results import BacktestResult
from engine.settings import PRICE_BASIS, BacktestSettings, Window
from engine.validation import (
    require_histories,
    require_strategies,
    require_universe,
    require_window,
)
from engine.vectorbt_export import export_portfolio
from strategies.base import Strategy
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
    cache
        A mapping such as a dict, in which `run_backtest` keeps its results and finds them again;
        None for no cache. See `engine.result_cache`.

    Attributes
    ----------
    cache
        The `ResultCache` on that mapping, None without one; its `stats` count hits and misses.

    Raises
    ------
    InvalidSettingsError
        When settings, memory budget or cache are not allowed.
    """

    def __init__(
        self,
        settings: BacktestSettings | None = None,
        data_provider: DataProvider | None = None,
        memory_budget: int = 32_000_000,
        cache: Mapped | None = None,
    ) -> None:
        if type(memory_budget) is not int or memory_budget < 1:
            raise InvalidSettingsError(
                f"memory_budget is {memory_budget!r}; allowed: integers from 1."
            )
        if settings is not None and not isinstance(settings, BacktestSettings):
            raise InvalidSettingsError(f"settings is {settings!r}; allowed: BacktestSettings(...).")
        self.settings = settings or BacktestSettings()
        self.data_provider = data_provider
        self.memory_budget = memory_budget
        self.cache = None if cache is None else ResultCache(cache)

    async def run_backtest(
        self,
        symbol: str,
        strategy_type: str,
        parameters: Mapping[str, Any] | None,
        start_date: DayLike,
        end_date: DayLike,
        initial_capital: float | None = None,
        fees: float | None = None,
        slippage: float | None = None,
    ) -> dict[str, Any]:
        """Return one backtest as a dict, see `BacktestResult.as_dict`.

        It has what identifies the result as well: source (the provider's class), data_version
        (content hash of the bars), code_version, price_basis, and warmup_days in settings; with
        these the result store can save it. A year of bars before `start_date` is fetched as well,
        to warm up indicators. The event loop is free while the engine computes.

        Parameters
        ----------
        initial_capital, fees, slippage
            Instead of those of the engine's settings.

        Raises
        ------
        UnknownStrategyError, InvalidParameterError, InvalidSettingsError
            Each says what is allowed.
        UnusableBarsError, StrategyFailedError
            When there are no usable bars, or the strategy raised.
        """
        strategy = get_strategy(strategy_type).from_mapping(parameters)
        settings = self._override(initial_capital=initial_capital, fees=fees, slippage=slippage)
        history, window = await self._fetch(symbol, start_date, end_date)
        source = type(self.data_provider).__name__
        key = derive_key(history, strategy, window, settings, source) if self.cache else ""
        if self.cache and (known := self.cache.find(key)) is not None:
            return known
        result = await asyncio.to_thread(self._run_one, history, strategy, window, settings)
        described = result.as_dict()
        described["settings"] |= {"price_basis": PRICE_BASIS, "warmup_days": _WARM_UP_DAYS}
        described |= {
            "source": source,
            "data_version": history.content_version(),
            "code_version": code_version(type(strategy)),
            "price_basis": PRICE_BASIS,
        }
        if self.cache:
            self.cache.keep(key, described)
        return described

    async def optimize_parameters(
        self,
        symbol: str,
        strategy_type: str,
        param_grid: Mapping[str, Sequence[Any]] | None,
        start_date: DayLike,
        end_date: DayLike,
        optimization_metric: str = "sharpe_ratio",
        initial_capital: float | None = None,
        top_n: int = 10,
    ) -> dict[str, Any]:
        """Return the best points of a parameter grid on one symbol.

        All points go through the engine together, with its costs. Keys: symbol, strategy,
        optimization_metric, best_parameters, best_metric_value; top_results, a list of dicts with
        strategy, parameters, the metric and those of `engine.optimization.SHOWN`, best first,
        undefined last; total_combinations_tested, valid_combinations, skipped (points that break a
        rule between parameters) and failures.

        Parameters
        ----------
        param_grid
            Values by parameter; None for the strategy's own ranges.
        optimization_metric
            A name of `engine.metrics.METRICS`; lower is better for some, as for volatility.

        Raises
        ------
        UnknownStrategyError, InvalidParameterError, InvalidSettingsError
            Each says what is allowed.
        UnusableBarsError, StrategyFailedError
            When there are no usable bars, or every point failed.
        """
        metric = require_metric(optimization_metric)
        if not isinstance(top_n, int) or isinstance(top_n, bool) or top_n < 1:
            raise InvalidSettingsError(f"top_n is {top_n!r}; allowed: integers from 1.")
        grid = build_grid(strategy_type, param_grid)
        settings = self._override(initial_capital=initial_capital)
        history, window = await self._fetch(symbol, start_date, end_date)
        outcome = await asyncio.to_thread(
            self._run_many, history, grid.strategies, window, settings
        )
        return describe_optimization(symbol, grid, outcome, metric, top_n)

    async def compare_strategies(
        self,
        symbol: str,
        strategies: Compared,
        start_date: DayLike,
        end_date: DayLike,
        metric: str = "sharpe_ratio",
    ) -> dict[str, Any]:
        """Return strategies ranked on one symbol, each by the best point of its grid.

        Keys: symbol, metric; rankings, a list of dicts with rank, combinations (how many points
        the strategy's entry is the best of), strategy, parameters, the metric and those of
        `engine.optimization.SHOWN`; best_overall, best_return, best_sharpe, best_drawdown and
        best_win_rate, an entry each; failures.

        Parameters
        ----------
        strategies
            Names, which are run with their defaults; or ranges by name, as in
            ``{"sma_cross": {"fast_period": [5, 10]}, "rsi": None}``; None for all strategies.

        Raises
        ------
        UnknownStrategyError, InvalidParameterError, InvalidSettingsError
            Each says what is allowed.
        UnusableBarsError, StrategyFailedError
            When there are no usable bars, or every strategy failed.
        """
        require_metric(metric)
        grids = build_grids(strategies)
        points = [one for grid in grids.values() for one in grid.strategies]
        history, window = await self._fetch(symbol, start_date, end_date)
        outcome = await asyncio.to_thread(self._run_many, history, points, window, self.settings)
        return describe_comparison(symbol, grids, outcome, metric)

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
        InvalidInputError
            As `run_batches`.
        """
        return BatchOutcome.join(self.run_batches(histories, strategies, window, universe))

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
        """
        require_window(window)
        require_universe(universe)
        spec = BatchSpec(require_strategies(strategies), window, self.settings, universe)
        batches = split_batches(require_histories(histories), spec, self.memory_budget)
        keep_memory()
        return map(run, batches)

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
        return export_portfolio(self._run_one(history, strategy, window, self.settings))

    def _override(self, **given: float | None) -> BacktestSettings:
        """Return the engine's settings with those that are given in place of theirs."""
        return replace(
            self.settings, **{name: value for name, value in given.items() if value is not None}
        )

    async def _fetch(
        self, symbol: str, start_date: DayLike, end_date: DayLike
    ) -> tuple[TradedHistory, Window]:
        """Return a symbol's bars up to the window's end, warm-up included, and the window."""
        window = Window(parse_day("start_date", start_date), parse_day("end_date", end_date))
        if self.data_provider is None:
            raise InvalidSettingsError("This needs a data_provider; the engine has none.")
        earliest = date.fromordinal(max(1, window.start.toordinal() - _WARM_UP_DAYS))
        # A provider is asked in the spelling of its caller: one that knows text gets text.
        spell = date.isoformat if isinstance(start_date, str) else lambda day: day
        history = await fetch_history(
            self.data_provider, symbol, spell(earliest), spell(window.end)
        )
        return history.cut_to(window), window

    def _run_one(
        self, history: History, strategy: Strategy, window: Window, settings: BacktestSettings
    ) -> BacktestResult:
        outcome = self._run_many(history, strategy, window, settings)
        for failure in outcome.failures:
            raise StrategyFailedError(
                f"{failure.strategy} failed on {failure.symbol}: "
                f"{failure.error_class}: {failure.message}"
            )
        return outcome[0]

    def _run_many(
        self,
        history: History,
        strategies: Strategy | Sequence[Strategy],
        window: Window,
        settings: BacktestSettings,
    ) -> BatchOutcome:
        """Return the outcome of one symbol, computed in this process.

        Raises
        ------
        UnusableBarsError
            When its bars can't be used.
        """
        require_window(window)
        spec = BatchSpec(require_strategies(strategies), window, settings)
        batches = split_batches(require_histories([history]), spec, self.memory_budget)
        (outcome,) = map(run, batches)
        for failure in outcome.failures:
            if failure.strategy is None:
                raise UnusableBarsError(failure.message)
        return outcome
