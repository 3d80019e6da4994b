"""What the result store has of portfolios."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from research.leaderboard_scope import LeaderboardScope
from resources.result_store import portfolios, validation


class PortfolioStore:
    """Portfolios in the PostgreSQL behind `engine`; a part of `BacktestPersistenceManager`."""

    engine: sa.Engine

    def save_portfolios(self, run_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Save portfolios of a run, in place of those of the same names that it made before.

        Parameters
        ----------
        rows
            The columns of `resources.result_store.models.PortfolioRow` but `run_id` and `made_at`.
        """
        portfolios.save_portfolios(self.engine, validation.require_text("run_id", run_id), rows)

    def get_portfolios(self, run_id: str | None = None) -> pl.DataFrame:
        """Return the portfolios of a run, or the newest of each name of the pipeline, by name.

        Those of a what-if are not of the pipeline: on other settings or prices.
        With `research.portfolio.row_frames.PORTFOLIOS_SCHEMA`; empty if there are none.
        """
        known = None if run_id is None else validation.require_text("run_id", run_id)
        return portfolios.read_portfolios(self.engine, known)

    def find_portfolios(
        self, scope: LeaderboardScope, run_ids: Sequence[str] | None = None
    ) -> dict[str, tuple[float | None, float | None]]:
        """Return return and Sharpe ratio of each strategy's portfolio on what a leaderboard is of.

        Strategies whose portfolio was not made on its source, window, settings and universe, with
        the parameters and the version of the code that it has, are missing.

        Parameters
        ----------
        run_ids
            Only portfolios that these runs made; None for those of any.
        """
        return portfolios.find_portfolios(self.engine, scope, run_ids)
