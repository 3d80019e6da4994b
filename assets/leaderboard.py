"""The leaderboard: strategies ranked over the universe, as a table and as plots.

One leaderboard is shared: that of the configured settings, of as much of the universe as there is.
Those of other settings, and of less of the universe, are kept apart, in files of their own, and are
materializations of the asset `other_leaderboards`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.tags import PRIORITY_TAG

from assets.asset_keys import (
    LEADERBOARD,
    LEADERBOARD_KEY,
    OTHER_LEADERBOARDS,
    OTHER_LEADERBOARDS_KEY,
    RESEARCH,
    ROBUSTNESS,
    SUMMARIES_KEY,
    VERDICTS_KEY,
    portfolios_key,
    robustness_key,
)
from assets.doubled_costs import find_doubled_costs
from assets.leaderboard_report import LeaderboardReport, name_folder
from assets.partitions.partition_reporting import yield_unreported
from assets.partitions.upstream import is_part_of_this_run, trace_lineage
from assets.stage_reporting import close_stage, materialize
from assets.step_failure import StepFailedError, failing_in_one_line
from engine.code_version import code_version
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import LeaderboardProfile
from research.leaderboard_caption import describe_coverage
from research.leaderboard_scope import LeaderboardScope, RankedStrategy
from research.protocol_version import robustness_version
from research.purpose import Purpose
from resources.config.run_purpose import PURPOSE_TAG, find_purpose
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.files.reports import Reports
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.research_files import ResearchFiles
from resources.universe import Universe
from strategies.base import Strategy

if TYPE_CHECKING:
    import polars as pl

    from engine.equal_weight import EqualWeight
    from research.ranking import Pair
    from resources.result_store.manager import BacktestPersistenceManager


def build_other_leaderboards_spec() -> dg.AssetSpec:
    """Return the asset of the leaderboards that are kept apart; runs log what they make of it."""
    return dg.AssetSpec(
        OTHER_LEADERBOARDS_KEY,
        group_name="results",
        kinds={"postgres", "csv"},
        owners=[RESEARCH],
        description=f"Leaderboards that do not replace `{LEADERBOARD}`: of what-ifs, which have "
        "other than the configured settings, and of less of the universe than that one is of.",
    )


def build_leaderboard(
    universe: Universe, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetsDefinition:
    """Return the asset for a universe and some strategies by name."""

    @dg.asset(
        key=LEADERBOARD_KEY,
        deps=[SUMMARIES_KEY],
        # After the verdicts of the same run, which stand beside the rank. They can't be a
        # dependency: Dagster skips what is downstream of a step that fails, and where a research
        # step does, there is a leaderboard nevertheless. The executor takes the ready step of the
        # highest priority, so this one is the last; `_find_verdicts` holds whatever the order.
        op_tags={PRIORITY_TAG: "-1"},
        # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="results",
        kinds={"postgres", "csv"},
        owners=[RESEARCH],
        code_version="7",
        description="Strategies ranked by median Sharpe ratio (per year, over the symbols with "
        "enough closed trades): the newest result of each symbol of the universe, on the "
        "configured source, window and settings, each with its verdict. `trials` says of how many "
        "tries the first is the best. `sharpe` and `return` are medians, `drawdown` the worst; "
        "`portfolio_sharpe` is of one account for all symbols, `doubled_costs_sharpe` beyond the "
        "market at twice the costs. Results of an older version of a strategy's code are counted "
        "as stale. Leaderboards of other settings, or of less of the universe, are in "
        f"`{OTHER_LEADERBOARDS}`.",
    )
    def leaderboard(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        run_settings: RunSettings,
        result_store: ResultStore,
        backtest_files: BacktestFiles,
        reports: Reports,
        price_store: PriceStore,
        thresholds: Thresholds,
    ) -> Iterator[dg.MaterializeResult]:
        from research.ranking import measure_coverage, rank_strategies

        manager, meter, source = result_store.manager(), StageMeter(), market_data.source
        with failing_in_one_line():
            purpose = find_purpose(context.run.tags, market_data, run_settings)
            scope = build_scope(universe.symbols, strategies, source, run_settings, purpose)
        backtests = manager.get_ranked_backtests(scope)
        if backtests.is_empty():
            raise StepFailedError(
                "There are no results on this source, window and settings: materialize "
                "backtest_summaries first."
            )
        run_id, window = context.run.run_id, run_settings.window()
        listed = universe.listed_within(window.start, window.end)
        failed = manager.get_leaderboard_failures(scope)
        coverage = measure_coverage(backtests, failed, scope, listed)
        verdicts = _find_verdicts(context, manager, scope)
        tested = ResearchFiles(backtest_files.root, ROBUSTNESS)
        versions = {name: robustness_version(one) for name, one in strategies.items()}
        runs = _trace_any(context, [robustness_key(name) for name in strategies])
        dear = find_doubled_costs(manager, tested, scope, versions, runs)
        accounts = _find_portfolios(context, manager, scope)
        ranking = rank_strategies(backtests, scope, verdicts, dear, accounts)
        shared = manager.save_leaderboard(run_id, scope, ranking, coverage)
        profile = _build_profile(backtests, list(strategies), listed, verdicts, meter)
        run_records = RunRecords(result_store, market_data.source, window, universe, purpose)
        # The check of the leaderboard judges the shared one, whatever this run has made.
        stage = LEADERBOARD if shared else OTHER_LEADERBOARDS
        close_stage(context, run_records, stage, profile, failures=[])
        folder = name_folder(scope, shared=shared, rolling=PURPOSE_TAG in context.run.tags)
        board = manager.get_leaderboard(run_id)
        trials = manager.count_trials(scope)
        held = _load_universe(universe, market_data, price_store, run_settings, thresholds)
        report = LeaderboardReport(scope, board, backtests, folder, trials, held)
        metadata = report.publish(context, backtest_files, reports)
        if shared:
            yield materialize(context, LEADERBOARD_KEY, metadata)
            return
        reason = _describe_reason(report)
        context.log.warning(f"the shared leaderboard stays: {reason}; see {OTHER_LEADERBOARDS}")
        context.log_event(
            dg.AssetMaterialization(OTHER_LEADERBOARDS_KEY, metadata={"why": reason, **metadata})
        )
        # What must not replace the shared leaderboard leaves its last materialization as it is.
        yield from yield_unreported(context, [LEADERBOARD_KEY])

    return leaderboard


def _find_verdicts(
    context: dg.AssetExecutionContext,
    manager: "BacktestPersistenceManager",
    scope: LeaderboardScope,
) -> dict[str, str]:
    """Return the verdicts to show: those of this run, where it reaches any, else the newest.

    Where the verdicts of this run failed, or came later than the leaderboard, there are none: one
    that an earlier run reached would pass for this run's.
    """
    runs = _trace_any(context, [VERDICTS_KEY])
    found = manager.find_verdicts(scope, runs)
    if runs and not found:
        context.log.warning("no verdicts on the leaderboard: this run has reached none before it")
    return found


def _find_portfolios(
    context: dg.AssetExecutionContext,
    manager: "BacktestPersistenceManager",
    scope: LeaderboardScope,
) -> "dict[str, Pair]":
    """Return what the portfolio of each strategy made: in this run, where it makes any."""
    runs = _trace_any(context, [portfolios_key(name) for name in scope.strategies])
    return manager.find_portfolios(scope, runs)


def _trace_any(context: dg.AssetExecutionContext, keys: Sequence[dg.AssetKey]) -> list[str] | None:
    """Return the runs whose results of the assets of one step count; None for those of any run."""
    here = next((key for key in keys if is_part_of_this_run(context, key)), None)
    return None if here is None else trace_lineage(context, here)


def _load_universe(
    universe: Universe,
    market_data: MarketData,
    price_store: PriceStore,
    run_settings: RunSettings,
    thresholds: Thresholds,
) -> "EqualWeight | None":
    """Return what the strategies are compared with, of the prices that are stored."""
    from resources.price_store.price_quality import JumpRule
    from resources.price_store.universe_benchmark import load_universe_benchmark

    with failing_in_one_line():
        jump_rule = JumpRule(thresholds.split_odds, market_data.load_splits())
    benchmark = load_universe_benchmark(
        universe,
        price_store,
        market_data.source,
        run_settings.window(),
        run_settings.history_start(),
        jump_rule,
    )
    return benchmark.equal_weight


def _build_profile(
    backtests: "pl.DataFrame",
    strategies: Sequence[str],
    listed: Sequence[str],
    verdicts: Mapping[str, str],
    meter: StageMeter,
) -> LeaderboardProfile:
    of_listed = backtests.filter(backtests["symbol"].is_in(listed))
    current = of_listed.filter(~of_listed["stale"])
    results, stale = (Counter(one["strategy"]) for one in (of_listed, of_listed.filter("stale")))
    per_symbol = Counter(current["symbol"])
    return LeaderboardProfile(
        **meter.read(),
        requested=len(listed),
        succeeded=sum(count == len(strategies) for count in per_symbol.values()),
        results={name: results[name] for name in strategies},
        stale_results={name: stale[name] for name in strategies},
        verdicts=verdicts,
    )


def _describe_reason(report: LeaderboardReport) -> str:
    """Return why a leaderboard is kept apart."""
    if report.scope.purpose is Purpose.WHAT_IF:
        return "the settings are not the configured ones"
    return f"{describe_coverage(report.board)}; the shared one has more"


def build_scope(
    universe: Sequence[str],
    strategies: Mapping[str, type[Strategy]],
    source: str,
    run_settings: RunSettings,
    purpose: Purpose,
) -> LeaderboardScope:
    """Return what a run's leaderboard compares: results on the settings of that run."""
    window = run_settings.window()
    ranked = {
        name: RankedStrategy(run_settings.strategy_of(one).parameters(), code_version(one))
        for name, one in strategies.items()
    }
    return LeaderboardScope(
        universe=universe,
        strategies=ranked,
        source=source,
        start_date=window.start,
        end_date=window.end,
        settings=run_settings.stored_settings(),
        purpose=purpose,
    )
