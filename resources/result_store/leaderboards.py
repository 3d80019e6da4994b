"""Leaderboards in the store: the results that one compares, and those that were made."""

from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from research.leaderboard_scope import Coverage, LeaderboardScope, RankedStrategy, is_shared
from research.natural_key import json_text
from research.purpose import Purpose
from research.ranking import (
    CANDIDATES_SCHEMA,
    FAILURES_SCHEMA,
    LEADERBOARD_SCHEMA,
    select_backtests,
)
from research.stages import RESEARCH_STAGES
from resources.result_store.connection import translate_connection_errors
from resources.result_store.models import FailureRow, Leaderboard, LeaderboardRow, Run
from resources.result_store.queries import read_rows
from resources.result_store.retry import retry_transient
from resources.result_store.views import CANDIDATES, LEADERBOARD, LEADERBOARD_OF_RUN

_SHARED = (
    sa.select(Leaderboard.coverage)
    .where(Leaderboard.purpose == Purpose.PIPELINE.value, Leaderboard.shared)
    .order_by(Leaderboard.made_at.desc(), Leaderboard.run_id.desc())
    .limit(1)
)
"""How much of its universe the shared leaderboard is of."""


def read_ranked_backtests(
    engine: sa.Engine, scope: LeaderboardScope, until: datetime | None
) -> pl.DataFrame:
    """Return the results that a leaderboard of this scope counts, or counted at a time."""
    candidates = _read_candidates(engine, scope, until)
    return select_backtests(candidates, read_failures(engine, scope, until), scope)


def _read_candidates(
    engine: sa.Engine, scope: LeaderboardScope, until: datetime | None
) -> pl.DataFrame:
    """Return the newest result of each symbol and strategy."""
    asked = scope.to_json()
    statement = sa.text(CANDIDATES).bindparams(
        sa.bindparam("universe", asked["universe"], sa.ARRAY(sa.Text)),
        strategies=json_text(asked["strategies"]),
        settings=json_text(asked["settings"]),
        until=until.isoformat() if until else "infinity",
        **_list_plain_columns(scope),
    )
    return pl.DataFrame(read_rows(engine, statement), schema=CANDIDATES_SCHEMA)


def read_failures(
    engine: sa.Engine, scope: LeaderboardScope, until: datetime | None = None
) -> pl.DataFrame:
    """Return the last failure of each symbol and strategy in runs of the scope's purpose.

    Of all, or of those until a time. Failures of research are left out: they say nothing of the
    symbol's own results.
    """
    statement = (
        sa.select(
            FailureRow.symbol,
            FailureRow.strategy,
            sa.func.max(FailureRow.failed_at).label("failed_at"),
        )
        .join(Run, Run.run_id == FailureRow.run_id)
        .where(
            FailureRow.symbol == sa.any_(sa.literal(list(scope.universe), sa.ARRAY(sa.Text))),
            FailureRow.source == scope.source,
            FailureRow.start_date == scope.start_date,
            FailureRow.end_date == scope.end_date,
            Run.purpose == scope.purpose.value,
            FailureRow.stage.not_in(RESEARCH_STAGES),
        )
        .group_by(FailureRow.symbol, FailureRow.strategy)
    )
    if until is not None:
        statement = statement.where(FailureRow.failed_at <= until)
    return pl.DataFrame(read_rows(engine, statement), schema=FAILURES_SCHEMA)


@retry_transient
def save_leaderboard(
    engine: sa.Engine,
    run_id: str,
    scope: LeaderboardScope,
    board: pl.DataFrame,
    coverage: Coverage,
) -> bool:
    """Save the leaderboard that a run made, in place of one that it made before.

    Return whether it is the shared one now: `research.leaderboard_scope.is_shared`.
    """
    made = {
        "run_id": run_id,
        "scope": scope.to_json(),
        "covered_symbols": coverage.symbols,
        "universe_symbols": coverage.universe_symbols,
        "coverage": coverage.share,
        **_list_plain_columns(scope),
    }
    columns = [column.name for column in sa.inspect(LeaderboardRow).local_table.columns]
    ranked = board.with_columns(run_id=pl.lit(run_id)).select(columns).to_dicts()
    of_run = sa.delete(Leaderboard).where(Leaderboard.run_id == run_id)
    with translate_connection_errors(engine), engine.begin() as connection:
        connection.execute(of_run)
        shared = is_shared(scope.purpose, coverage.share, connection.execute(_SHARED).scalar())
        connection.execute(insert(Leaderboard).values(**made, shared=shared))
        if ranked:
            connection.execute(insert(LeaderboardRow), ranked)
    return shared


def read_leaderboard(engine: sa.Engine, run_id: str | None) -> pl.DataFrame:
    """Return the leaderboard that a run made, or the shared one, best first."""
    newest = sa.text(LEADERBOARD)
    statement = sa.text(LEADERBOARD_OF_RUN).bindparams(run_id=run_id) if run_id else newest
    return pl.DataFrame(read_rows(engine, statement), schema=LEADERBOARD_SCHEMA)


def read_runs(engine: sa.Engine, limit: int) -> list[dict[str, Any]]:
    """Return the runs that made a leaderboard, newest first."""
    columns = (Leaderboard.run_id, Leaderboard.purpose, Leaderboard.shared, Leaderboard.made_at)
    newest = Leaderboard.made_at.desc(), Leaderboard.run_id.desc()
    return read_rows(engine, sa.select(*columns).order_by(*newest).limit(limit))


def read_shared(engine: sa.Engine, run_id: str) -> bool | None:
    """Return whether the leaderboard of a run was shared when it was made; None if it made none."""
    found = read_rows(engine, sa.select(Leaderboard.shared).where(Leaderboard.run_id == run_id))
    return found[0]["shared"] if found else None


def read_scope(engine: sa.Engine, run_id: str) -> LeaderboardScope | None:
    """Return what the leaderboard of a run compared; None if the run made none."""
    found = read_rows(
        engine, sa.select(sa.inspect(Leaderboard).local_table).filter_by(run_id=run_id)
    )
    if not found:
        return None
    (made,) = found
    strategies = made["scope"]["strategies"]
    return LeaderboardScope(
        universe=made["scope"]["universe"],
        strategies={name: RankedStrategy(**one) for name, one in strategies.items()},
        source=made["source"],
        start_date=made["start_date"],
        end_date=made["end_date"],
        settings=made["scope"]["settings"],
        purpose=Purpose(made["purpose"]),
    )


def _list_plain_columns(scope: LeaderboardScope) -> dict[str, Any]:
    """Return the columns of a scope that are plain values."""
    return {
        "purpose": scope.purpose.value,
        "source": scope.source,
        "start_date": scope.start_date,
        "end_date": scope.end_date,
    }
