"""The leaderboard: strategies ranked over the universe, as a table and as plots."""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from assets.asset_keys import LEADERBOARD_KEY, RESEARCH, SUMMARIES_KEY
from assets.markdown import markdown_table
from resources.config.run_settings import RunSettings
from resources.files.reports import Reports
from resources.market_data.resource import MarketData
from resources.result_store.leaderboard_scope import Comparison
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles

if TYPE_CHECKING:
    import polars as pl

_SHOWN = (
    "rank", "strategy", "symbols", "median_sharpe_ratio", "median_total_return",
    "worst_max_drawdown", "total_trades", "share_beating_benchmark",
)  # fmt: skip
_TABLE_FILE = "leaderboard.csv"
_PLOT_FILE = "leaderboard.png"


def build_leaderboard(universe: Sequence[str], strategies: Sequence[str]) -> dg.AssetsDefinition:
    """Return the asset for the symbols of `universe` and some strategies."""

    @dg.asset(
        key=LEADERBOARD_KEY,
        deps=[SUMMARIES_KEY],
        # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="results",
        kinds={"postgres", "matplotlib"},
        owners=[RESEARCH],
        code_version="1",
        description="Strategies ranked by median Sharpe ratio: the newest result of each symbol "
        "of the universe, on the source, window and terms of this run.",
    )
    def leaderboard(
        market_data: MarketData,
        run_settings: RunSettings,
        result_store: ResultStore,
        backtest_files: BacktestFiles,
        reports: Reports,
    ) -> dg.MaterializeResult:
        manager = result_store.manager()
        comparison = compared(universe, strategies, market_data, run_settings)
        ranking, standing = manager.leaderboard(comparison), manager.standing(comparison)
        if ranking.is_empty():
            raise dg.Failure(
                "There are no results on this source, window and terms: materialize "
                "backtest_summaries first.",
                allow_retries=False,
            )
        plot = _plot(ranking, standing, backtest_files)
        return dg.MaterializeResult(
            metadata={
                "strategies": ranking.height,
                "symbols": standing["symbol"].n_unique(),
                "runs": standing["run_id"].n_unique(),
                "ranking": dg.MetadataValue.md(markdown_table(ranking.select(_SHOWN))),
                "plot": dg.MetadataValue.md(_embedded(plot)),
                "table_path": dg.MetadataValue.path(reports.write(_TABLE_FILE, _csv(ranking))),
                "plot_path": dg.MetadataValue.path(reports.write(_PLOT_FILE, plot)),
            }
        )

    return leaderboard


def compared(
    universe: Sequence[str],
    strategies: Sequence[str],
    market_data: MarketData,
    run_settings: RunSettings,
) -> Comparison:
    """Return what a run's leaderboard compares: results on that run's own terms."""
    window = run_settings.window()
    return Comparison(
        universe=universe,
        strategies=strategies,
        source=market_data.source,
        start_date=window.start,
        end_date=window.end,
        settings=run_settings.stored_settings(),
    )


def _plot(ranking: "pl.DataFrame", standing: "pl.DataFrame", files: BacktestFiles) -> bytes:
    from assets.leaderboard_plot import leaderboard_plot

    rows = standing.select("backtest_id", "strategy", "symbol")
    places = standing.select("run_id", "part").unique().sort("run_id", "part").rows()

    def curves() -> "Iterator[pl.DataFrame]":
        for part in files.equity_parts(places):
            yield part.join(rows, on="backtest_id")

    return leaderboard_plot(ranking, standing, curves)


def _csv(ranking: "pl.DataFrame") -> bytes:
    content = io.BytesIO()
    ranking.write_csv(content)
    return content.getvalue()


def _embedded(png: bytes) -> str:
    return f"![leaderboard](data:image/png;base64,{base64.b64encode(png).decode()})"
