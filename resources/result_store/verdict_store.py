"""What the result store has of verdicts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import polars as pl
import sqlalchemy as sa

from research.leaderboard_scope import LeaderboardScope
from research.verdicts.strategy_verdict import StrategyVerdict
from resources.result_store import validation, verdicts


class VerdictStore:
    """Verdicts in the PostgreSQL behind `engine`; a part of `BacktestPersistenceManager`."""

    engine: sa.Engine

    def save_verdicts(
        self,
        run_id: str,
        scope_id: UUID,
        reached: Sequence[StrategyVerdict],
        code_versions: Mapping[str, str],
    ) -> None:
        """Save the verdicts that a run reached, in place of those that it reached before.

        Parameters
        ----------
        scope_id
            Of the trials that were judged.
        code_versions
            Of the strategies, by name.
        """
        known = validation.require_text("run_id", run_id)
        verdicts.save_verdicts(self.engine, known, scope_id, reached, code_versions)

    def get_verdicts(self, run_id: str | None = None) -> pl.DataFrame:
        """Return the verdicts of a run, or of the newest of the pipeline that reached any.

        By strategy. Those of a what-if are not of the pipeline: on other settings or prices.
        With `research.verdicts.rows.VERDICTS_SCHEMA`; empty if there are none.
        """
        known = None if run_id is None else validation.require_text("run_id", run_id)
        return verdicts.read_verdicts(self.engine, known)

    def find_verdicts(
        self, scope: LeaderboardScope, run_ids: Sequence[str] | None = None
    ) -> dict[str, str]:
        """Return the newest verdict of each strategy on what a leaderboard compares.

        Strategies that were not judged on its source, window, settings and universe, and with the
        version of the code that it has, are missing.

        Parameters
        ----------
        run_ids
            Only verdicts that these runs reached; None for those of any.
        """
        return verdicts.find_verdicts(self.engine, scope, run_ids)

    def get_used_verdicts(self, scope: LeaderboardScope, made_at: datetime) -> pl.DataFrame:
        """Return the verdicts that a leaderboard made at a time could show, by strategy.

        Those of `find_verdicts`, as they were then, with `research.verdicts.rows.VERDICTS_SCHEMA`.
        """
        return verdicts.read_used_verdicts(self.engine, scope, made_at)

    def find_trial_scopes(self, scope: LeaderboardScope) -> list[str]:
        """Return the identifiers of the trials' scopes on what a leaderboard is of."""
        return verdicts.find_trial_scopes(self.engine, scope)

    def count_trials(self, scope: LeaderboardScope) -> int:
        """Return how many trials there are on the source, window and symbols of a leaderboard.

        With any settings and parameters, by any version of the code, on all of the symbols or some:
        of so many is the best one the best.
        """
        return verdicts.count_trials(self.engine, scope)
