"""The leaderboard as people get it: a table, a plot, and what each says of itself."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.markdown import render_markdown
from assets.progress import with_progress
from engine.costs import describe_costs
from research.leaderboard_caption import (
    build_caption,
    describe_changes,
    describe_coverage,
    describe_source,
    describe_tries,
)
from research.leaderboard_scope import LeaderboardScope
from resources.files.reports import Reports
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.stored_backtests import DamagedBacktestsError

if TYPE_CHECKING:
    import polars as pl

    from engine.equal_weight import EqualWeight

SHOWN = {
    "rank": "rank",
    "strategy": "strategy",
    "verdict": "verdict",
    "symbols": "symbols",
    "stale_symbols": "stale",
    "median_sharpe_ratio": "sharpe",
    "median_total_return": "return",
    "worst_max_drawdown": "drawdown",
    "portfolio_sharpe": "portfolio_sharpe",
    "doubled_costs_sharpe_ratio": "doubled_costs_sharpe",
}
"""Columns of the leaderboard that the UI shows, with the short names it has room for."""


@dataclass(frozen=True)
class LeaderboardReport:
    """A leaderboard that was saved, and where its files go.

    Parameters
    ----------
    board
        As the result store has it, with `research.ranking.LEADERBOARD_SCHEMA`.
    backtests
        The results that it counts.
    folder
        Of the reports; that of another scope is another one.
    trials
        How many were tried on its source, window and symbols.
    equal_weight
        What the strategies are compared with; None for nothing.
    """

    scope: LeaderboardScope
    board: "pl.DataFrame"
    backtests: "pl.DataFrame"
    folder: str
    trials: int
    equal_weight: "EqualWeight | None" = None

    def publish(
        self, context: dg.AssetExecutionContext, files: BacktestFiles, reports: Reports
    ) -> dict[str, Any]:
        """Write the table and the plot; return what the UI shows of them."""
        plot = self._plot(context, files)
        scope, changes = self.scope, describe_changes(self.scope)
        return {
            "prices": describe_source(scope.source),
            "window": f"{scope.start_date} to {scope.end_date}",
            "costs": describe_costs(scope.settings),
            **({"not_the_defaults": changes} if changes else {}),
            "symbols": describe_coverage(self.board),
            "made_at": dg.MetadataValue.timestamp(self.board["made_at"][0]),
            "strategies": self.board.height,
            "trials": self.trials,
            "runs": self.backtests["run_id"].n_unique(),
            "ranking": dg.MetadataValue.md(render_ranking(self.board, self.trials)),
            "plot": dg.MetadataValue.md(_embed(plot)),
            "table_path": dg.MetadataValue.path(
                reports.write(f"{self.folder}/leaderboard.csv", _encode_csv(self.board))
            ),
            "plot_path": dg.MetadataValue.path(
                reports.write(f"{self.folder}/leaderboard.svg", plot)
            ),
        }

    def _plot(self, context: dg.AssetExecutionContext, files: BacktestFiles) -> bytes:
        from assets.leaderboard_plot import render_leaderboard_plot
        from research.universe_growth import compute_growth

        def curves() -> "Iterator[pl.DataFrame]":
            for place in with_progress(context, places, "files of equity curves read"):
                try:
                    yield from files.equity_parts([place])
                except FileNotFoundError:  # removed by hand: the table stands without it
                    continue
                except DamagedBacktestsError as error:
                    context.log.warning(f"The plot is drawn without these curves: {error}")

        places = self.backtests.select("run_id", "part").unique().sort("run_id", "part").rows()
        strategies = dict(self.backtests.select("backtest_id", "strategy").iter_rows())
        growth = compute_growth(curves(), strategies)
        return render_leaderboard_plot(
            self.board,
            self.backtests,
            growth,
            build_caption(self.scope, self.board),
            trials=self.trials,
            universe=self.equal_weight,
        )


def render_ranking(board: "pl.DataFrame", trials: int) -> str:
    """Return the table for the UI; what stands above it says of how many the first is the best."""
    table = render_markdown(board.select(SHOWN.keys()).rename(SHOWN), digits=2)
    return f"Rank 1 is the {describe_tries(board, trials)}.\n\n{table}"


def name_folder(scope: LeaderboardScope, *, shared: bool, rolling: bool = False) -> str:
    """Return the folder of a leaderboard's files among the reports.

    Shared leaderboards are at its top, the others in folders of their own kind.

    Parameters
    ----------
    rolling
        As `LeaderboardScope.name` takes it.
    """
    name = scope.name(rolling=rolling)
    if shared:
        return name
    return f"{'part' if scope.purpose == 'pipeline' else 'what-if'}/{name}"


def _encode_csv(board: "pl.DataFrame") -> bytes:
    content = io.BytesIO()
    board.write_csv(content)
    return content.getvalue()


def _embed(svg: bytes) -> str:
    return f"![leaderboard](data:image/svg+xml;base64,{base64.b64encode(svg).decode()})"
