"""Verdicts in the store: those that a run reached, and which of them a leaderboard shows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from research.leaderboard_scope import LeaderboardScope
from research.natural_key import json_text
from research.verdicts.rows import VERDICTS_SCHEMA, describe_verdict
from research.verdicts.strategy_verdict import StrategyVerdict
from resources.result_store.connection import translate_connection_errors
from resources.result_store.models import TrialRecord, TrialScopeRow, VerdictRow
from resources.result_store.queries import read_rows
from resources.result_store.retry import retry_transient
from resources.result_store.run_queries import is_of_pipeline

_VERDICTS = sa.inspect(VerdictRow).local_table
_TRIALS = sa.inspect(TrialRecord).local_table
_SCOPES = sa.inspect(TrialScopeRow).local_table
_JSON = ("best_parameters", "limits")
_COLUMNS = [
    *(_VERDICTS.c[name] for name in VERDICTS_SCHEMA if name in _VERDICTS.c),
    *(_SCOPES.c[name] for name in VERDICTS_SCHEMA if name not in _VERDICTS.c),
]


@retry_transient
def save_verdicts(
    engine: sa.Engine,
    run_id: str,
    scope_id: UUID,
    verdicts: Sequence[StrategyVerdict],
    code_versions: Mapping[str, str],
) -> None:
    """Save the verdicts that a run reached, in place of those that it reached before."""
    rows = [
        {
            **{name: _store(value) for name, value in describe_verdict(one).items()},
            "run_id": run_id,
            "scope_id": scope_id,
            "code_version": code_versions[one.strategy],
        }
        for one in verdicts
    ]
    with translate_connection_errors(engine), engine.begin() as connection:
        connection.execute(sa.delete(VerdictRow).where(VerdictRow.run_id == run_id))
        if rows:
            connection.execute(insert(VerdictRow), rows)


def read_verdicts(engine: sa.Engine, run_id: str | None) -> pl.DataFrame:
    """Return the verdicts of a run, or of the newest of the pipeline that reached any."""
    newest = (
        sa.select(VerdictRow.run_id)
        .where(is_of_pipeline(_VERDICTS.c.run_id))
        .order_by(VerdictRow.made_at.desc(), VerdictRow.run_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = read_rows(
        engine,
        sa.select(*_COLUMNS)
        .join_from(_VERDICTS, _SCOPES, _VERDICTS.c.scope_id == _SCOPES.c.id)
        .where(_VERDICTS.c.run_id == (run_id or newest))
        .order_by(_VERDICTS.c.strategy),
    )
    return _build_frame(found)


def read_used_verdicts(
    engine: sa.Engine, scope: LeaderboardScope, before: datetime
) -> pl.DataFrame:
    """Return the rows of `find_verdicts` as they were at a time, by strategy."""
    statement = _select_newest(scope, *_COLUMNS, _VERDICTS.c.code_version)
    rows = read_rows(engine, statement.where(_VERDICTS.c.made_at <= before))
    newest = {row["strategy"]: row for row in _keep_current(rows, scope)}
    return _build_frame([newest[name] for name in sorted(newest)])


def find_verdicts(
    engine: sa.Engine, scope: LeaderboardScope, run_ids: Sequence[str] | None
) -> dict[str, str]:
    """Return the newest verdict of each strategy of a leaderboard, on what the leaderboard is of.

    Source, window, settings, universe and the version of the strategy's code are the same;
    strategies that were not judged on them are missing. Only verdicts of some runs, or of any.
    """
    statement = _select_newest(
        scope, _VERDICTS.c.strategy, _VERDICTS.c.verdict, _VERDICTS.c.code_version
    )
    if run_ids is not None:
        statement = statement.where(_VERDICTS.c.run_id.in_(run_ids))
    rows = read_rows(engine, statement)
    return {row["strategy"]: row["verdict"] for row in _keep_current(rows, scope)}


def find_trial_scopes(engine: sa.Engine, scope: LeaderboardScope) -> list[str]:
    """Return the trials' scopes with a leaderboard's source, window, settings and symbols."""
    found = read_rows(engine, sa.select(_SCOPES.c.id).where(*_match(scope)))
    return [str(row["id"]) for row in found]


def count_trials(engine: sa.Engine, scope: LeaderboardScope) -> int:
    """Return how many trials there are on the source, window and symbols of a leaderboard."""
    symbols = sa.literal(list(scope.universe), sa.ARRAY(sa.Text))
    statement = (
        sa.select(sa.func.count().label("trials"))
        .join_from(_TRIALS, _SCOPES, _TRIALS.c.scope_id == _SCOPES.c.id)
        .where(
            _SCOPES.c.source == scope.source,
            _SCOPES.c.start_date == scope.start_date,
            _SCOPES.c.end_date == scope.end_date,
            _SCOPES.c.symbols.op("<@")(symbols),
        )
    )
    return int(read_rows(engine, statement)[0]["trials"])


def _select_newest(scope: LeaderboardScope, *columns: Any) -> sa.Select[*tuple[Any, ...]]:
    """Return the statement of verdicts on what a leaderboard is of, the newest last."""
    return (
        sa.select(*columns)
        .join_from(_VERDICTS, _SCOPES, _VERDICTS.c.scope_id == _SCOPES.c.id)
        .where(*_match(scope))
        .order_by(_VERDICTS.c.made_at, _VERDICTS.c.run_id)
    )


def _keep_current(
    rows: Iterable[Mapping[str, Any]], scope: LeaderboardScope
) -> list[Mapping[str, Any]]:
    """Return the rows of the version of the code that each strategy of a leaderboard has."""
    current = {name: one.code_version for name, one in scope.strategies.items()}
    return [row for row in rows if row["code_version"] == current.get(row["strategy"], "")]


def _build_frame(found: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    texts = [
        {name: row[name] for name in VERDICTS_SCHEMA}
        | {name: json_text(row[name]) for name in _JSON}
        | {"scope_id": str(row["scope_id"])}
        for row in found
    ]
    return pl.DataFrame(texts, schema=VERDICTS_SCHEMA)


def _match(scope: LeaderboardScope) -> list[sa.ColumnElement[bool]]:
    symbols = sa.literal(list(scope.universe), sa.ARRAY(sa.Text))
    return [
        _SCOPES.c.source == scope.source,
        _SCOPES.c.start_date == scope.start_date,
        _SCOPES.c.end_date == scope.end_date,
        _SCOPES.c.settings == dict(scope.settings),
        _SCOPES.c.symbols.op("@>")(symbols),
        _SCOPES.c.symbols.op("<@")(symbols),
    ]


def _store(value: Any) -> Any:
    """Return a value as the table takes it: numbers that are none are NULL."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return dict(value) if isinstance(value, Mapping) else value
