"""What the result store has of runs: profiles, failures, universes and leaderboards."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from engine.failure import Failure
from research.leaderboard_scope import Coverage, LeaderboardScope
from research.purpose import Purpose
from resources.result_store import leaderboards, run_queries, validation, writes
from resources.universe import Universe


class RunStore:
    """Runs in the PostgreSQL behind `engine`; `BacktestPersistenceManager` has their backtests."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def record_run(
        self,
        run_id: str,
        *,
        purpose: Purpose,
        source: str,
        start_date: date,
        end_date: date,
        run_user: str | None = None,
        profile: Mapping[str, Any] | None = None,
        universe: Universe | None = None,
    ) -> None:
        """Record a run, or update what was recorded of it.

        `profile` is a JSON object; its keys are added to those recorded before, so that each
        stage of a run adds its own. `universe` is kept with the run, its rows once for all runs
        of the same universe.
        """
        row = {
            "run_id": validation.require_text("run_id", run_id),
            "purpose": validation.require_purpose(purpose, run_id).value,
            "run_user": run_user,
            **_validate_attempted(source, start_date, end_date),
            "profile": validation.require_json_object("profile", profile),
        }
        writes.record_run(self.engine, row, universe)

    def get_run(self, run_id: str) -> dict[str, Any] | None:
        """Return what was recorded of a run, its profile as a dict; None if nothing was."""
        return run_queries.read_run(self.engine, validation.require_run_id(run_id))

    def get_stage_history(
        self, stage: str, limit: int = 20, until: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return run_id, started_at and profile of the newest runs of a stage, newest first.

        Of all runs, or of those that started `until` a time.
        """
        known = validation.require_text("stage", stage)
        return run_queries.read_stage_history(
            self.engine, known, validation.require_int("limit", limit, 1), until
        )

    def get_universe(self, run_id: str) -> list[dict[str, Any]]:
        """Return the universe that a run was of: symbol, sector, listed_from, listed_to, calendar.

        In the order of its file; empty for a run of which nothing is known.
        """
        return run_queries.read_universe(self.engine, validation.require_run_id(run_id))

    def record_failures(
        self,
        run_id: str,
        failures: Iterable[Failure],
        *,
        stage: str,
        source: str,
        start_date: date,
        end_date: date,
    ) -> int:
        """Record what failed at a stage of a run; return how many. A failure reported twice is one.

        Source and window are what was attempted.
        """
        attempted = {
            "run_id": validation.require_text("run_id", run_id),
            "stage": validation.require_text("stage", stage),
            **_validate_attempted(source, start_date, end_date),
        }
        return writes.record_failures(self.engine, failures, attempted)

    def get_failures(self, run_id: str) -> list[dict[str, Any]]:
        """Return the failures of a run, by stage, symbol and strategy."""
        return run_queries.read_failures(self.engine, validation.require_run_id(run_id))

    def get_transient_failures(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the failures of several runs that may be gone at the next try, in that order."""
        known = [validation.require_run_id(run_id) for run_id in run_ids]
        return run_queries.read_transient_failures(self.engine, known)

    def get_ranked_backtests(
        self, scope: LeaderboardScope, until: datetime | None = None
    ) -> pl.DataFrame:
        """Return the results that a leaderboard of `scope` counts, or counted at the time `until`.

        See `research.ranking.select_backtests`; `rank_strategies` makes the leaderboard of them.
        """
        return leaderboards.read_ranked_backtests(self.engine, scope, until)

    def get_leaderboard_failures(self, scope: LeaderboardScope) -> pl.DataFrame:
        """Return what last failed on the source and window of `scope`, in runs of its purpose.

        With `research.ranking.FAILURES_SCHEMA`.
        """
        return leaderboards.read_failures(self.engine, scope)

    def save_leaderboard(
        self, run_id: str, scope: LeaderboardScope, board: pl.DataFrame, coverage: Coverage
    ) -> bool:
        """Save the leaderboard that a run made of `scope`, in place of one it made before.

        Return whether it is the shared one now, which `get_leaderboard` and the view
        `leaderboard` return: it is on the configured settings, and covers no smaller share of its
        universe than the one before. `coverage` is of `research.ranking.measure_coverage`.
        """
        known = validation.require_text("run_id", run_id)
        return leaderboards.save_leaderboard(self.engine, known, scope, board, coverage)

    def get_leaderboard(self, run_id: str | None = None) -> pl.DataFrame:
        """Return the leaderboard that a run made, or the shared one, best first.

        With `research.ranking.LEADERBOARD_SCHEMA`; empty if there is none.
        """
        known = None if run_id is None else validation.require_text("run_id", run_id)
        return leaderboards.read_leaderboard(self.engine, known)

    def get_leaderboard_runs(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the runs that made a leaderboard, newest first: run_id, purpose, shared, made_at.

        `shared` is whether it was made the shared leaderboard.
        """
        known = validation.require_int("limit", limit, 1)
        return leaderboards.read_runs(self.engine, known)

    def is_leaderboard_shared(self, run_id: str) -> bool | None:
        """Return whether the leaderboard of a run was made the shared one; None if it made none."""
        return leaderboards.read_shared(self.engine, validation.require_run_id(run_id))

    def get_leaderboard_scope(self, run_id: str) -> LeaderboardScope | None:
        """Return what the leaderboard of a run compared; None if the run made none."""
        return leaderboards.read_scope(self.engine, validation.require_run_id(run_id))


def _validate_attempted(source: str, start_date: date, end_date: date) -> dict[str, Any]:
    """Return the columns that say what a run tries."""
    first, last = validation.require_period(start_date, end_date)
    return {
        "source": validation.require_text("source", source),
        "start_date": first,
        "end_date": last,
    }
