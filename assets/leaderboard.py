"""The leaderboard: strategies ranked over the universe, as a table and as plots."""

import base64
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.asset_keys import LEADERBOARD, LEADERBOARD_KEY, RESEARCH, SUMMARIES_KEY
from assets.markdown import render_markdown
from assets.progress import with_progress
from assets.stage_reporting import close_stage
from engine.code_version import code_version
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import LeaderboardProfile
from research.leaderboard_scope import LeaderboardScope, RankedStrategy
from resources.config.run_settings import RunSettings
from resources.files.reports import Reports
from resources.market_data.resource import MarketData
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe
from strategies.base import Strategy

if TYPE_CHECKING:
    import polars as pl

_SHOWN = (
    "rank", "strategy", "symbols", "stale_symbols", "median_sharpe_ratio", "median_total_return",
    "worst_max_drawdown", "total_trades", "share_beating_benchmark",
)  # fmt: skip
_TABLE_FILE = "leaderboard.csv"
_PLOT_FILE = "leaderboard.png"


def build_leaderboard(
    universe: Universe, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetsDefinition:
    """Return the asset for a universe and some strategies by name."""

    @dg.asset(
        key=LEADERBOARD_KEY,
        deps=[SUMMARIES_KEY],
        # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="results",
        kinds={"postgres", "matplotlib"},
        owners=[RESEARCH],
        code_version="2",
        description="Strategies ranked by median Sharpe ratio: the newest result of each symbol "
        "of the universe, on the source, window and settings of this run. Results of an older "
        "version of a strategy's code are counted as stale.",
    )
    def leaderboard(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        run_settings: RunSettings,
        result_store: ResultStore,
        backtest_files: BacktestFiles,
        reports: Reports,
    ) -> dg.MaterializeResult:
        from research.ranking import rank_strategies

        manager, meter = result_store.manager(), StageMeter()
        scope = _build_scope(universe.symbols, strategies, market_data, run_settings)
        backtests = manager.get_ranked_backtests(scope)
        if backtests.is_empty():
            raise dg.Failure(
                "There are no results on this source, window and settings: materialize "
                "backtest_summaries first.",
                allow_retries=False,
            )
        board = rank_strategies(backtests, scope)
        manager.save_leaderboard(context.run.run_id, scope, board)
        window = run_settings.window()
        listed = universe.listed_within(window.start, window.end)
        profile = _build_profile(backtests, list(strategies), listed, meter)
        run_records = RunRecords(result_store, market_data.source, window, universe)
        close_stage(context, run_records, LEADERBOARD, profile, failures=[])
        return dg.MaterializeResult(
            metadata=_publish(context, board, backtests, backtest_files, reports)
        )

    return leaderboard


def _build_profile(
    backtests: "pl.DataFrame", strategies: Sequence[str], listed: Sequence[str], meter: StageMeter
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
    )


def _publish(
    context: dg.AssetExecutionContext,
    board: "pl.DataFrame",
    backtests: "pl.DataFrame",
    files: BacktestFiles,
    reports: Reports,
) -> dict[str, Any]:
    """Write the table and the plot; return what the UI shows of them."""
    plot = _plot(context, board, backtests, files)
    return {
        "strategies": board.height,
        "symbols": backtests["symbol"].n_unique(),
        "runs": backtests["run_id"].n_unique(),
        "ranking": dg.MetadataValue.md(render_markdown(board.select(_SHOWN))),
        "plot": dg.MetadataValue.md(_embed(plot)),
        "table_path": dg.MetadataValue.path(reports.write(_TABLE_FILE, _encode_csv(board))),
        "plot_path": dg.MetadataValue.path(reports.write(_PLOT_FILE, plot)),
    }


def _build_scope(
    universe: Sequence[str],
    strategies: Mapping[str, type[Strategy]],
    market_data: MarketData,
    run_settings: RunSettings,
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
        source=market_data.source,
        start_date=window.start,
        end_date=window.end,
        settings=run_settings.stored_settings(),
    )


def _plot(
    context: dg.AssetExecutionContext,
    board: "pl.DataFrame",
    backtests: "pl.DataFrame",
    files: BacktestFiles,
) -> bytes:
    from assets.leaderboard_plot import render_leaderboard_plot

    rows = backtests.select("backtest_id", "strategy", "symbol")
    places = backtests.select("run_id", "part").unique().sort("run_id", "part").rows()

    def curves() -> "Iterator[pl.DataFrame]":
        for place in with_progress(context, places, "files of equity curves read"):
            with suppress(FileNotFoundError):  # removed by hand: the table stands without it
                for part in files.equity_parts([place]):
                    yield part.join(rows, on="backtest_id")

    return render_leaderboard_plot(board, backtests, curves)


def _encode_csv(board: "pl.DataFrame") -> bytes:
    content = io.BytesIO()
    board.write_csv(content)
    return content.getvalue()


def _embed(png: bytes) -> str:
    return f"![leaderboard](data:image/png;base64,{base64.b64encode(png).decode()})"
