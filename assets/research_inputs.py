"""What research steps work from: the histories of the whole universe, and the universe itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.asset_keys import LEADERBOARD_KEY, PRICES_KEY
from assets.partitions.upstream import is_part_of_this_run
from assets.research_assets import record_failures
from assets.step_failure import StepFailedError, failing_in_one_line
from engine.failure import Failure
from research.stages import RESEARCH
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.market_data.resource import MarketData
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.universe import Universe

if TYPE_CHECKING:
    from engine.equal_weight import EqualWeight
    from engine.history import History
    from research.trials import TrialScope
    from resources.splits import Splits


@dataclass(frozen=True, eq=False)
class ResearchInputs:
    """The histories of a universe that research is done on, and what they are compared with.

    Parameters
    ----------
    symbols
        Those that were asked for, in the universe's order.
    specs
        The histories of those that can be tested.
    data_versions
        Of the bars of these, by symbol.
    equal_weight
        The universe that residuals are against.
    failures
        Why the other symbols can't be tested.
    """

    source: str
    symbols: Sequence[str]
    run_settings: RunSettings
    price_store: PriceStore
    specs: Sequence[HistorySpec]
    data_versions: dict[str, str]
    equal_weight: "EqualWeight"
    failures: Sequence[Failure]

    @property
    def attempted(self) -> Mapping[str, Any]:
        """What is said of each failure: source and window."""
        window = self.run_settings.window()
        return {"source": self.source, "start_date": window.start, "end_date": window.end}

    def histories(self) -> "Iterator[History]":
        """Yield the histories one after the other: read again each time, and never all held.

        Raises
        ------
        StepFailedError
            When the bars of a symbol have changed since they were looked at.
        """
        from resources.price_store.history_loader import load_histories

        for symbol, loaded in load_histories(self.price_store, self.source, self.specs):
            if isinstance(loaded, Exception) or loaded.data_version != self.data_versions[symbol]:
                raise StepFailedError(
                    f"The prices of {symbol} have changed while they were used: run it again."
                )
            yield loaded.history

    @cached_property
    def scope(self) -> "TrialScope":
        """What all trials of the step have in common; known before any is run."""
        from research.trials import TrialScope, combine_data_versions

        window, universe = self.run_settings.window(), self.equal_weight
        return TrialScope(
            source=self.source,
            symbols=tuple(self.symbols),
            data_version=combine_data_versions(self.data_versions.items()),
            universe_version=universe.version,
            start_date=window.start,
            end_date=window.end,
            settings=self.run_settings.stored_settings(),
            dates=universe.dates,
            market=universe.returns_on(universe.dates),
        )


def load_research_inputs(
    context: dg.AssetExecutionContext,
    universe: Universe,
    market_data: MarketData,
    run_settings: RunSettings,
    price_store: PriceStore,
    thresholds: Thresholds,
    result_store: ResultStore,
) -> ResearchInputs | str:
    """Return the inputs of a research step; symbols that can't be tested are failures of the run.

    A symbol is left out as it is of the equal-weight universe: where it has no usable bars in the
    window, or a jump without an explanation, which would be in the curve of every strategy. The
    trials of backtests have the symbols that jump: there a trial is of the results that are stored,
    with those of such symbols, which the check `jumps_are_explained` names. They are never taken
    for one another: what data a trial is of is part of its identity.

    Where there is no equal-weight universe to compare with, in a run that is not of research
    alone, it returns why, for `say_none`: whether so few prices are enough is for their checks to
    say. The steps of a run share what the first one has loaded.

    Raises
    ------
    StepFailedError
        When settings are refused, or there is no equal-weight universe in any other run.
    """
    run_id = context.run.run_id
    found = _LOADED.get(run_id)
    if found is None:
        with failing_in_one_line():
            run_settings.check(market_data.source)
            splits = market_data.load_splits()
        found = _load_inputs(
            context, universe, market_data.source, run_settings, price_store, thresholds, splits
        )
        if not isinstance(found, str):
            manager = result_store.manager()
            record_failures(context, manager, RESEARCH, found.failures, found.attempted)
        _LOADED.clear()
        _LOADED[run_id] = found
    alone = not any(is_part_of_this_run(context, key) for key in (PRICES_KEY, LEADERBOARD_KEY))
    if isinstance(found, str) and alone:
        raise StepFailedError(found)
    return found


# Of one run: what the next one finds may have changed.
_LOADED: dict[str, ResearchInputs | str] = {}


def _load_inputs(
    context: dg.AssetExecutionContext,
    universe: Universe,
    source: str,
    run_settings: RunSettings,
    price_store: PriceStore,
    thresholds: Thresholds,
    splits: "Splits",
) -> ResearchInputs | str:
    """Return the inputs, or why there is nothing to compare with."""
    from resources.price_store.history_loader import load_histories
    from resources.price_store.listed_days import select_listed
    from resources.price_store.price_quality import JumpRule
    from resources.price_store.universe_benchmark import load_universe_benchmark

    jump_rule, window = JumpRule(thresholds.split_odds, splits), run_settings.window()
    start = run_settings.history_start()
    benchmark = load_universe_benchmark(
        universe,
        price_store,
        source,
        window,
        start,
        jump_rule,
        # Also where run_settings turn it off for backtests: a residual needs a market.
        use_cached=not run_settings.ignore_cache,
    )
    if benchmark.equal_weight is None:
        return f"Nothing to compare strategies with: {benchmark.sentence}."
    context.log.debug(benchmark.sentence)
    specs, failures = select_listed(universe, universe.symbols, start, window.end)
    versions: dict[str, str] = {}
    for symbol, loaded in load_histories(price_store, source, specs, jump_rule.find):
        try:
            if isinstance(loaded, Exception):
                raise loaded
            loaded.history.cut_to(window).check()
            versions[symbol] = loaded.data_version
        except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
            failures.append(Failure.of(symbol, error))
    return ResearchInputs(
        source,
        universe.symbols,
        run_settings,
        price_store,
        [one for one in specs if one.symbol in versions],
        versions,
        benchmark.equal_weight,
        failures,
    )
